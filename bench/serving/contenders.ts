/** The contenders. Each serves `a.B` in clear text, with its default settings. */
import { join } from "node:path";
import { debian } from "../../test/interop/install.js";
import { BUILDS, type Build, mainOf } from "../measuring/builds.js";
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
  /** `healthbridge serve` without checks, to measure its start. */
  readonly start?: StartCommand;
}

/** The contender whose latency and rates are the reference. */
export const REFERENCE = "grpc-go";

/** All contenders, in the order of the tables. The reference comes before the contenders that are compared with it. */
export const CONTENDERS: readonly Contender[] = [
  { name: REFERENCE, prepare: async () => grpcServer(goProgram("grpc-go")) },
  ...BUILDS.map((build) => ({
    name: build.name,
    prepare: async (targetUrl: string) => ours(build, "native", targetUrl),
  })),
  ...BUILDS.slice(0, 1).map((build) => ({
    name: `${build.name}-grpc-js`,
    prepare: async (targetUrl: string) => ours(build, "grpc-js", targetUrl),
  })),
  { name: "grpc-js", prepare: async () => grpcServer(process.execPath, peerSource("grpc-js/server.js")) },
  { name: "tonic", prepare: async () => grpcServer(rustProgram("tonic")) },
  { name: "cpp", prepare: async () => grpcServer(cppProgram("cpp")) },
  { name: "nghttpd", prepare: nghttpd },
];

function grpcServer(program: string, ...args: readonly string[]): Prepared {
  const start: StartCommand = (port) => [program, ...args, String(port)];
  return { check: start, watch: start, answer: SERVING };
}

function ours(build: Build, engine: string, targetUrl: string): Prepared {
  const main = mainOf(build);
  const library = join(build.folder, "bench/peers/healthbridge/server.js");
  const serve =
    (...args: readonly string[]): StartCommand =>
    (port) => [process.execPath, main, "serve", "--engine", engine, "--listen", `127.0.0.1:${port}`, ...args];
  return {
    start: serve(),
    // a passing check with the name of the service
    check: serve("--check", `${SERVICE}=${targetUrl}`),
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
