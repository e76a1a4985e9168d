/**
 * Which tests judge which source file. A mutant is run against those of them that run its code, so that it takes a second
 * and not a minute.
 *
 * The first pattern that is the beginning of a path decides.
 */

/** What bundle.ts finds out. */
export interface TestsOfMutants {
  /** All files with tests, the fastest first. */
  readonly files: readonly string[];
  /** For the number of a mutant, the files and their tests that run its code. */
  readonly byMutant: Readonly<Record<string, readonly (readonly [file: string, tests: readonly string[]])[]>>;
}

/** What coverage.ts finds out about a file. */
export interface CoverageOfFile {
  readonly ms: number;
  /** For the number of a mutant, the tests that run its code. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** In place of the names of all tests of a file. */
export const ALL_TESTS = "*";

/** Areas with the source files that are mutated. */
export const AREAS: Readonly<Record<string, readonly string[]>> = {
  registry: ["src/registry/**/*.ts"],
  grpc: ["src/transports/grpc/**/*.ts"],
  wire: ["src/wire/**/*.ts"],
  checks: ["src/checks/**/*.ts"],
};

const TESTS: readonly (readonly [beginning: string, tests: readonly string[]])[] = [
  [
    "src/checks/",
    [
      "checks/evaluate",
      "checks/verdict",
      "checks/name-rules",
      "checks/policy",
      "checks/isolation",
      "checks/isolation-rule",
      "checks/option-rules",
      "checks/concurrency-limit",
      "checks/freshness",
      "checks/stalls",
      "checks/discovery",
      "checks/service-graph",
      "checks/settings",
      "checks/check-engine",
      "checks/plan",
      "checks/runner",
      "checks/runner-wake",
      "checks/heartbeats-and-startup",
      "checks/held-up-by-dns",
      "checks/assumption",
      "config/load",
      "daemon/refused",
      "daemon/one-writer",
      "probers/heartbeat",
    ],
  ],
  ["src/registry/", ["registry/registry", "registry/model"]],
  ["src/wire/http2/frame", ["wire/http2/frame-reader", "client/http2-frames"]],
  ["src/wire/http2/settings", ["client/http2-frames", "client/http2-answers", "transports/h2/request-head"]],
  ["src/wire/http2/header-block", ["client/http2-frames", "client/http2-floods"]],
  ["src/wire/http2/", ["wire/http2/hpack", "transports/h2/request-head"]],
  ["src/wire/reflection-messages", ["transports/grpc/reflection-answers", "transports/grpc/reflection"]],
  ["src/wire/", ["wire/wire", "transports/grpc/answers", "transports/grpc/reflection-answers"]],
  ["src/transports/grpc/reflection", ["transports/grpc/reflection-answers", "transports/grpc/reflection"]],
  ["src/transports/grpc/descriptor-index", ["transports/grpc/reflection-answers", "transports/grpc/reflection"]],
  ["src/transports/grpc/watch", ["transports/grpc/watch", "transports/grpc/fan-out"]],
  ["src/transports/grpc/fan-out", ["transports/grpc/fan-out", "transports/grpc/watch"]],
  [
    "src/transports/grpc/",
    ["transports/grpc/health-service", "transports/grpc/answers", "transports/grpc-js/settings"],
  ],
];

/** The tests of a source file, as paths below `test/` without their ending. */
export function testsOf(source: string): readonly string[] {
  const row = TESTS.find(([beginning]) => source.startsWith(beginning));
  if (row === undefined) throw new Error(`no test judges ${source}: add a row`);
  return row[1];
}

/** The file of a bundled test in the sandbox. */
export function bundleOf(test: string): string {
  return `${test.replaceAll("/", "-")}.mjs`;
}
