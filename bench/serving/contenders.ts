/** The contenders. Each serves `a.B` in clear text, with its default settings. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { debian } from "../../test/interop/install.js";
import { SERVING } from "./ask.js";
import { cppProgram, goProgram, peerSource, rustProgram } from "./build.js";
import { SERVICE, type StartCommand } from "./server.js";

/** A contender. `prepare` builds it, or rejects with what is missing. `targetUrl` answers 200. */
export interface Contender {
  readonly name: string;
  readonly prepare: (targetUrl: string) => Promise<Prepared>;
}

/** Commands that start a contender. */
export interface Prepared {
  /** For Checks. */
  readonly check: StartCommand;
  /** The expected answer. */
  readonly answer: Buffer;
  /** For Watch: SIGUSR2 toggles the status of `a.B`. */
  readonly watch?: StartCommand;
  /** The same, and it prints how long its event loop was blocked. Only for healthbridge. */
  readonly watchLoop?: StartCommand;
  /** The engine of healthbridge. */
  readonly engine?: string;
}

/** healthbridge: all ratios refer to it. */
export const OURS = "healthbridge";

/** The contender whose latency and rates are the reference. */
export const REFERENCE = "grpc-go";

/** All contenders, in the order of the tables. The reference comes before the contenders that are compared with it. */
export const CONTENDERS: readonly Contender[] = [
  { name: REFERENCE, prepare: async () => grpcServer(await goProgram("grpc-go")) },
  { name: OURS, prepare: (targetUrl) => ours("native", targetUrl) },
  { name: `${OURS}-grpc-js`, prepare: (targetUrl) => ours("grpc-js", targetUrl) },
  { name: "grpc-js", prepare: async () => grpcServer(process.execPath, peerSource("grpc-js/server.js")) },
  { name: "tonic", prepare: async () => grpcServer(await rustProgram("tonic")) },
  { name: "cpp", prepare: async () => grpcServer(await cppProgram("cpp")) },
  { name: "nghttpd", prepare: nghttpd },
];

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

function grpcServer(program: string, ...args: readonly string[]): Prepared {
  const start: StartCommand = (port) => [program, ...args, String(port)];
  return { check: start, watch: start, answer: SERVING };
}

/** `healthbridge serve`. */
export function serveCommand(engine: string, ...args: readonly string[]): StartCommand {
  return (port) => [process.execPath, MAIN, "serve", "--engine", engine, "--listen", `127.0.0.1:${port}`, ...args];
}

async function ours(engine: string, targetUrl: string): Promise<Prepared> {
  if (!existsSync(MAIN)) throw new Error("run `npm run build` first");
  const library = peerSource("healthbridge/server.js");
  return {
    engine,
    // a passing check with the name of the service
    check: serveCommand(engine, "--check", `${SERVICE}=${targetUrl}`),
    watch: (port) => [process.execPath, library, String(port), engine],
    watchLoop: (port) => [process.execPath, library, String(port), engine, "loop"],
    answer: SERVING,
  };
}

/** Not gRPC: a file of two bytes, which shows the minimum cost of HTTP/2. */
async function nghttpd(): Promise<Prepared> {
  const program = debian("nghttpd", "nghttp2-server");
  const check: StartCommand = (port) => [program, "--no-tls", "-n1", "-d", peerSource("nghttpd"), String(port)];
  return { check, answer: Buffer.from("OK") };
}
