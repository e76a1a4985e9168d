/**
 * Which tests judge which source file. A mutant is run against these alone, so that it takes a second and not a minute.
 *
 * The first pattern that is the beginning of a path decides.
 */

/** Areas with the source files that are mutated. */
export const AREAS: Readonly<Record<string, readonly string[]>> = {
  registry: ["src/registry/**/*.ts"],
  grpc: ["src/transports/grpc/**/*.ts"],
  wire: ["src/wire/**/*.ts"],
  checks: ["src/checks/**/*.ts"],
};

const TESTS: readonly (readonly [beginning: string, tests: readonly string[]])[] = [
  ["src/checks/evaluate", ["checks/evaluate", "checks/runner", "checks/check-engine"]],
  ["src/checks/policy", ["checks/policy", "checks/service-graph"]],
  ["src/checks/isolation", ["checks/isolation", "checks/isolation-rule"]],
  ["src/checks/concurrency-limit", ["checks/concurrency-limit", "checks/runner"]],
  ["src/checks/freshness", ["checks/freshness", "checks/runner"]],
  ["src/checks/stalls", ["checks/stalls"]],
  ["src/checks/discovery", ["checks/discovery"]],
  ["src/checks/service-graph", ["checks/service-graph", "checks/check-engine"]],
  ["src/checks/settings", ["checks/settings", "checks/check-engine", "config/load"]],
  ["src/checks/option-rules", ["checks/settings", "daemon/refused", "config/load"]],
  ["src/checks/name-rules", ["checks/check-engine", "checks/plan", "daemon/refused", "daemon/one-writer"]],
  ["src/checks/plan", ["checks/check-engine", "checks/plan"]],
  ["src/checks/runner", ["checks/runner", "checks/runner-wake", "checks/heartbeats-and-startup"]],
  ["src/checks/spread", ["checks/check-engine", "checks/runner"]],
  ["src/checks/assumption", ["checks/assumption", "checks/runner"]],
  ["src/checks/read-settings", ["checks/settings", "daemon/refused", "config/load"]],
  ["src/checks/self-check", ["checks/isolation", "checks/check-engine"]],
  ["src/checks/sources", ["checks/check-engine", "daemon/refused", "checks/heartbeats-and-startup"]],
  ["src/checks/violation", ["checks/check-engine", "daemon/refused", "config/load"]],
  ["src/checks/", ["checks/check-engine", "checks/runner", "checks/heartbeats-and-startup", "daemon/one-writer"]],
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

/** Every test that judges something. */
export function allTests(): readonly string[] {
  return [...new Set(TESTS.flatMap(([, tests]) => tests))];
}
