/**
 * Memory and CPU by the number of checks and their scheme.
 *
 *     healthbridge serve, core 0 --a probe every 5 s, of each check--> targets in this process, core 1
 */
import { createServer, type Server } from "node:net";
import { FAKE_SERVERS, type FakeServer } from "../../test/probers/fake-servers.js";
import { type Figures, rounded } from "../measuring/figures.js";
import { table } from "../measuring/table.js";
import { atRest, withDaemon } from "./daemon.js";

const INTERVAL_S = 5;

/** Ports of the targets: a port that one connection has used cannot be used again at once. */
const PORTS = 8;

const COUNTS = [10, 100, 1_000, 10_000] as const;

const tcp: FakeServer = (socket) => socket.end();

interface Scheme {
  readonly name: string;
  readonly server?: FakeServer;
  readonly counts: readonly number[];
}

const SCHEMES: readonly Scheme[] = [
  { name: "http", server: FAKE_SERVERS.http, counts: COUNTS },
  { name: "grpc", server: FAKE_SERVERS.grpc, counts: COUNTS },
  { name: "tcp", server: tcp, counts: COUNTS },
  { name: "exec", counts: COUNTS.filter((count) => count <= 1_000) },
];

/** Each case: its name in the figures, and how it is measured. */
export const CHECK_CASES: readonly (readonly [name: string, measure: () => Promise<Figures>])[] = [
  ["none 0", () => withDaemon([], atRest)],
  ...SCHEMES.flatMap(({ name, server, counts }) =>
    counts.map((count) => [`${name} ${count}`, () => measureChecks(name, server, count)] as const),
  ),
];

async function measureChecks(scheme: string, serve: FakeServer | undefined, count: number): Promise<Figures> {
  const servers = await Promise.all(Array.from({ length: serve === undefined ? 0 : PORTS }, () => listening(serve)));
  const targetOf = (index: number) => {
    const address = servers[index % PORTS]?.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return port === undefined ? "exec: [/bin/true]" : `target: "${scheme}://127.0.0.1:${port}"`;
  };
  const rows = Array.from({ length: count }, (_, index) => {
    return `  check-${index}: { ${targetOf(index)}, interval: ${INTERVAL_S}s, timeout: 2s }`;
  });
  try {
    return await withDaemon(["allowExec: true", "checks:", ...rows], atRest);
  } finally {
    for (const server of servers) server.close();
  }
}

function listening(serve: FakeServer | undefined): Promise<Server> {
  const server = createServer((socket) => serve?.(socket.on("error", () => {}).resume(), () => true));
  return new Promise((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => resolve(server)));
}

/** A row for each number of checks; memory and CPU of each scheme. */
export function checksTable(figures: ReadonlyMap<string, Figures>): string {
  const cell = (name: string, figure: "rssMb" | "cpuMs") => rounded(figures.get(name)?.[figure] ?? Number.NaN);
  const rows = [0, ...COUNTS].map((count) => [
    count.toLocaleString("en"),
    String(count / INTERVAL_S),
    ...SCHEMES.flatMap(({ name }) => {
      const each = count === 0 ? "none 0" : `${name} ${count}`;
      return [cell(each, "rssMb"), cell(each, "cpuMs")];
    }),
  ]);
  const heads = SCHEMES.flatMap(({ name }) => [`${name}: MB`, "ms/s"]);
  return table(["checks", "probes/s", ...heads], rows);
}
