/** The servers that are abused. Each answers `GET` or a Check of `a.B` on one port. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian } from "../../test/interop/install.js";
import { BUILDS, mainOf, OURS } from "../measuring/builds.js";
import { goProgram, peerSource } from "../serving/build.js";
import type { StartCommand } from "../serving/server.js";

/** A server, and what it can be asked. */
export interface Contender {
  readonly name: string;
  readonly start: StartCommand;
  /** The path of a page; `undefined` where there is none. */
  readonly page: string | undefined;
  readonly speaks: readonly ("HTTP/1" | "HTTP/2" | "gRPC")[];
  /** Whether it has the pages of healthbridge: JSON, `?verbose`, `/metrics`, reflection. */
  readonly isOurs: boolean;
  readonly discard: () => void;
}

const CHECK_COUNTS = [500, 5_000] as const;

/** Everything that is measured, by name. Each is prepared when its turn comes. */
export const CONTENDERS: Readonly<Record<string, () => Promise<Contender>>> = {
  ...Object.fromEntries(
    BUILDS.flatMap((build) =>
      CHECK_COUNTS.map((count) => {
        const name = `${build.name}, ${count.toLocaleString("en")} checks`;
        return [name, async () => healthbridge(name, mainOf(build), configuration(count))] as const;
      }),
    ),
  ),
  "grpc-go": async () => {
    const program = goProgram("grpc-go");
    return peer("grpc-go", (port) => [program, String(port)], undefined, ["HTTP/2", "gRPC"]);
  },
  nghttpd: async () => {
    const program = debian("nghttpd", "nghttp2-server");
    const start: StartCommand = (port) => [program, "--no-tls", "-n1", "-d", peerSource("nghttpd"), String(port)];
    return peer("nghttpd", start, "/grpc.health.v1.Health/Check", ["HTTP/2"]);
  },
  haproxy: async () => haproxy(),
};

/** A daemon with this configuration. */
export function healthbridge(name: string, main: string, text: string): Contender {
  const { file, discard } = temporary(text);
  const start: StartCommand = (port) => [process.execPath, main, "serve", "-c", file, "--listen", `127.0.0.1:${port}`];
  return { name, start, page: "/readyz", speaks: ["HTTP/1", "HTTP/2", "gRPC"], isOurs: true, discard };
}

/** The daemon of this checkout. */
export function ours(name: string, text: string): Contender {
  const build = BUILDS.find((each) => each.name === OURS);
  if (build === undefined) throw new Error("no build of this checkout");
  return healthbridge(name, mainOf(build), text);
}

/** Checks that are not probed while the bench runs: only their number counts. */
function configuration(count: number): string {
  const target = '{ target: "tcp://127.0.0.1:9", initialDelay: 1h, interval: 1h, staleAfter: 5h }';
  const names = Array.from({ length: count }, (_, index) => `  check-of-some-service-${index}: ${target}`);
  return ["checks:", ...names, ""].join("\n");
}

function peer(name: string, start: StartCommand, page: string | undefined, speaks: Contender["speaks"]): Contender {
  return { name, start, page, speaks, isOurs: false, discard: () => {} };
}

/** HAProxy answers by itself, from its configuration, with a body of two bytes. */
function haproxy(): Contender {
  const program = debian("haproxy");
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
  const start: StartCommand = (port) => {
    const file = join(folder, `${port}.cfg`);
    writeFileSync(
      file,
      `
global
  nbthread 1
defaults
  mode http
  timeout client 30s
  timeout connect 1s
  timeout server 1s
frontend health
  bind 127.0.0.1:${port}
  http-request return status 200 content-type application/grpc string OK
`,
    );
    return [program, "-db", "-f", file];
  };
  const discard = () => rmSync(folder, { recursive: true });
  return { ...peer("haproxy", start, "/", ["HTTP/1", "HTTP/2"]), discard };
}

function temporary(text: string): { readonly file: string; readonly discard: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, text);
  return { file, discard: () => rmSync(folder, { recursive: true }) };
}
