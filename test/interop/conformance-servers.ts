/** Real health servers of other projects, each its own control program, with what their versions break. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cppProgram, goProgram, rustProgram } from "../../bench/serving/build.js";
import { debian, javaServer, pythonBin } from "./install.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export interface RealServer {
  /** The program and its arguments before the port. It reads the lines of a control program. */
  readonly command: () => Promise<readonly string[]>;
  readonly breaches: readonly string[];
  /** Rows that cannot be tried, without those of `CLEAR_TEXT`. */
  readonly untried: readonly string[];
  /** Rows that may end the server: each has a server of its own, and may be broken, or take too long. */
  readonly apart?: readonly string[];
}

/** Rows that are not tried on any of the servers. */
export const CLEAR_TEXT = ["tls-alpn"];

const NO_LIST = ["list-overall", "list-values", "list-agrees", "set-list"];

/** The library has no call that removes a service. */
const NO_CLEAR = ["clear-check", "clear-watch"];

/** It allows frames of 4 MiB. */
const LARGE_FRAMES = ["frame-size"];

/** No check of the states of streams, nor of the window of the connection. */
const STATES = ["stream-idle", "stream-idle-reset", "window-overflow"];

/** gRPC C++ below every language that wraps it. A status that is set again is sent again in both. */
const C_CORE = [
  ...["set-same", "content-type-other", "message-two", "flag-invalid", "encoding-unknown", "padding"],
  ...["field-connection", "field-line-break", "pseudo-twice", "pseudo-late", "content-length", "stream-even"],
  ...["headers-stream-0", "data-stream-0", ...STATES],
];

/** protobufjs reads what is no message, and the text of an unknown name is the name itself. Then grpc-js and Node's HTTP/2. */
const GRPC_HEALTH_CHECK = [
  ...["request-unreadable", "request-utf8", "answer-trailers-size", "set-same", "method-get"],
  ...["flag-invalid", "flag-without-encoding", "encoding-offer", "field-line-break"],
];

const GRPC_HEALTH_CHECK_PROGRAM = [process.execPath, here("conformance-peers/grpc-health-check.js")];

export const SERVERS: Readonly<Record<string, RealServer>> = {
  "grpc-go": {
    command: async () => [goProgram("grpc-go")],
    breaches: ["encoding-offer", "field-te", "content-length", "settings-push", ...STATES],
    untried: NO_CLEAR,
  },
  "gRPC C++": {
    command: async () => [cppProgram("cpp")],
    breaches: [...C_CORE, "flag-without-encoding", "field-uppercase", "pseudo-unknown"],
    untried: [...NO_LIST, ...NO_CLEAR, ...LARGE_FRAMES],
  },
  "tonic-health": {
    command: async () => [rustProgram("tonic")],
    breaches: [
      ...["watch-unknown", "set-same", "set-appears", "clear-watch", "content-type-other", "method-get"],
      ...["path-query", "message-two", "deadline"],
    ],
    untried: NO_LIST,
  },
  "grpc-java": {
    command: async () => [debian("java", "default-jre-headless"), "-cp", javaServer(), "HealthServer"],
    breaches: [
      ...["request-unreadable-code", "answer-trailers-size", "encoding-broken", "encoding-offer", "field-line-break"],
    ],
    untried: NO_LIST,
  },
  "Python's grpcio-health-checking": {
    command: async () => [join(pythonBin(), "python"), here("python/server.py")],
    breaches: C_CORE,
    untried: [...NO_LIST, ...NO_CLEAR, ...LARGE_FRAMES],
    // two locks that Watch and its end take in turn: with many cancels, that server may answer no more
    apart: ["watches-many", "cancel"],
  },
  "grpc-health-check": {
    command: async () => [...GRPC_HEALTH_CHECK_PROGRAM, "overall"],
    breaches: GRPC_HEALTH_CHECK,
    untried: [...NO_CLEAR, "request-unreadable-code"],
  },
  "grpc-health-check without an overall status": {
    command: async () => GRPC_HEALTH_CHECK_PROGRAM,
    breaches: ["check-overall", ...GRPC_HEALTH_CHECK],
    untried: [...NO_CLEAR, "request-unreadable-code", "list-overall"],
  },
};
