/** Who is compared. Each serves `a.B`, plain text, with the settings that it has by itself. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { debian } from "../../test/interop/install.js";
import { SERVING } from "./ask.js";
import { cppProgram, goProgram, peerSource, rustProgram } from "./build.js";
import { SERVICE, type StartCommand } from "./server.js";

/** A contender of the table: `prepare` builds it, or rejects with what is missing. `targetUrl` answers 200. */
export interface Contender {
  readonly name: string;
  readonly prepare: (targetUrl: string) => Promise<Prepared>;
}

/** How a contender is started. */
export interface Prepared {
  /** To be asked. */
  readonly check: StartCommand;
  /** What it then answers. */
  readonly answer: Buffer;
  /** To be watched: SIGUSR2 turns `a.B` over. */
  readonly watch?: StartCommand;
  /** The same, and it tells of its event loop. Only ours does. */
  readonly watchLoop?: StartCommand;
  /** Which engine of ours it is. */
  readonly engine?: string;
}

/** Ours, that all ratios are to. */
export const OURS = "healthbridge";

/** The contender whose latency and rates are the mark. */
export const MARK = "grpc-go";

/** All of them, in the order of the tables; the mark comes first of those that it is a mark for. */
export const CONTENDERS: readonly Contender[] = [
  { name: MARK, prepare: async () => grpcServer(await goProgram("grpc-go")) },
  { name: OURS, prepare: (targetUrl) => ours("native", targetUrl) },
  { name: `${OURS}-grpc-js`, prepare: (targetUrl) => ours("grpc-js", targetUrl) },
  { name: "grpc-js", prepare: async () => grpcServer(process.execPath, peerSource("grpc-js/server.js")) },
  { name: "tonic", prepare: async () => grpcServer(await rustProgram("tonic")) },
  { name: "cpp", prepare: async () => grpcServer(await cppProgram("cpp")) },
  { name: "nghttpd", prepare: nghttpd },
];

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

function grpcServer(program: string, ...args: readonly string[]): Prepared {
  const start: StartCommand = (port) => [program, ...args, String(port)];
  return { check: start, watch: start, answer: SERVING };
}

/** The command line's `serve`. */
export function serveCommand(engine: string, ...args: readonly string[]): StartCommand {
  return (port) => [process.execPath, MAIN, "serve", "--engine", engine, "--listen", `127.0.0.1:${port}`, ...args];
}

async function ours(engine: string, targetUrl: string): Promise<Prepared> {
  if (!existsSync(MAIN)) throw new Error("npm run build comes first");
  const library = peerSource("healthbridge/server.js");
  return {
    engine,
    // a check that passes makes the service
    check: serveCommand(engine, "--check", `${SERVICE}=${targetUrl}`),
    watch: (port) => [process.execPath, library, String(port), engine],
    watchLoop: (port) => [process.execPath, library, String(port), engine, "loop"],
    answer: SERVING,
  };
}

/** Not gRPC: a file of two bytes, the least that HTTP/2 can cost. */
async function nghttpd(): Promise<Prepared> {
  const program = debian("nghttpd", "nghttp2-server");
  const check: StartCommand = (port) => [program, "--no-tls", "-n1", "-d", peerSource("nghttpd"), String(port)];
  return { check, answer: Buffer.from("OK") };
}
