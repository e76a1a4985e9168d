/** CPU of a request, by kind: calls over kept connections, new connections, and the pages of a daemon with many checks. */
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { cpuMs } from "../measuring/cpu.js";
import { type Figures, rounded } from "../measuring/figures.js";
import { table } from "../measuring/table.js";
import type { LoadTool } from "../serving/load.js";
import { SERVICE } from "../serving/server.js";
import { type Daemon, withDaemon } from "./daemon.js";

const LOAD_SECONDS = 2;
const CONNECTING_MS = 2_000;
const CONCURRENT = 16;
const PAGE_REQUESTS = 200;
const CHECKS = 1_000;

const HEARTBEAT = "{ heartbeat: { ttl: 1h, token: t }, initialState: passing }";
const ONE = ["checks:", `  ${SERVICE}: ${HEARTBEAT}`];
const MANY = ["checks:", ...Array.from({ length: CHECKS }, (_, index) => `  check-${index}: ${HEARTBEAT}`)];

const LIST = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };

/** What is asked of a daemon with 1,000 checks. */
const PAGES: readonly (readonly [name: string, target: string, init?: RequestInit])[] = [
  ["the status page", "/", { headers: { accept: "text/html" } }],
  ["`/readyz?verbose`", "/readyz?verbose"],
  ["`/metrics`", "/metrics"],
  ["`List`, as JSON", "/grpc.health.v1.Health/List", LIST],
  ["`/history/CHECK`", "/history/check-7"],
];

/** Each case: its name, and how it is measured. */
export const requestCases = (tool: LoadTool): readonly (readonly [name: string, measure: () => Promise<Figures>])[] => [
  ["`Check`, 50 kept connections", () => withDaemon(ONE, (daemon) => checked(tool, daemon, 50, 1))],
  ["`Check`, 100 at once on one connection", () => withDaemon(ONE, (daemon) => checked(tool, daemon, 1, 100))],
  ["`GET /healthcheck`, 50 kept connections", () => withDaemon(ONE, (daemon) => got(tool, daemon))],
  ["a new connection for `GET /healthcheck`", () => withDaemon(ONE, (daemon) => connected(daemon, false))],
  ["the same with TLS", () => withDaemon(ONE, (daemon) => connected(daemon, true), true)],
  ...PAGES.map(
    ([name, target, init = {}]) =>
      [`${name}, 1,000 checks`, () => withDaemon(MANY, (daemon) => asked(daemon, target, init))] as const,
  ),
];

async function checked(tool: LoadTool, daemon: Daemon, connections: number, atOnce: number): Promise<Figures> {
  await tool.load(daemon, { connections, atOnce }, 1);
  const { cpuMicros } = await tool.load(daemon, { connections, atOnce }, LOAD_SECONDS);
  return { cpuMicros };
}

async function got(tool: LoadTool, daemon: Daemon): Promise<Figures> {
  await tool.get(daemon, "/healthcheck", 50, 1);
  const { cpuMicros } = await tool.get(daemon, "/healthcheck", 50, LOAD_SECONDS);
  return { cpuMicros };
}

/** Asks one after the other, first as often without being measured. */
async function asked({ program, port }: Daemon, target: string, init: RequestInit): Promise<Figures> {
  let bytes = 0;
  const ask = async () => {
    for (let count = 0; count < PAGE_REQUESTS; count += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}${target}`, init);
      if (answer.status !== 200) throw new Error(`${target}: ${answer.status}`);
      bytes = (await answer.arrayBuffer()).byteLength;
    }
  };
  await ask();
  const before = cpuMs(program);
  await ask();
  return { cpuMicros: ((cpuMs(program) - before) * 1_000) / PAGE_REQUESTS, kb: bytes / 1_024 };
}

/** Opens connections for one request each. */
async function connected({ program, port }: Daemon, isSecure: boolean): Promise<Figures> {
  const askOnce = async () => {
    const options = { port, host: "127.0.0.1" };
    const socket = isSecure ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options);
    socket.end("GET /healthcheck HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const [first] = await once(socket, "data");
    if (!String(first).startsWith("HTTP/1.1 200")) throw new Error(String(first));
    socket.destroy();
  };
  const during = async (ms: number) => {
    const until = performance.now() + ms;
    let count = 0;
    const open = async () => {
      for (; performance.now() < until; count += 1) await askOnce();
    };
    await Promise.all(Array.from({ length: CONCURRENT }, open));
    return count;
  };
  await during(CONNECTING_MS / 2);
  const before = cpuMs(program);
  const count = await during(CONNECTING_MS);
  return { cpuMicros: ((cpuMs(program) - before) * 1_000) / count };
}

export function requestsTable(figures: ReadonlyMap<string, Figures>): string {
  const rows = [...figures].map(([name, { cpuMicros = Number.NaN, kb = Number.NaN }]) => [
    name,
    rounded(cpuMicros),
    rounded(1e6 / cpuMicros),
    rounded(kb),
  ]);
  return table(["request", "CPU, us", "a second on one core", "answer, KB"], rows);
}
