/**
 * Which tests judge which source files. A mutant is run against those tests of its area that run its code.
 *
 *     stryker-runner.ts (in Stryker) --Job--> run-tests.ts (a process with all tests of the area) --Outcome--> back
 */

/** A part of the source with its tests. */
export interface Area {
  /** Every file below it is mutated. */
  readonly folder: string;
  /** Paths below the folder, without their ending, that no test of the area judges: they need a server. */
  readonly without?: readonly string[];
  /** Paths below `test/`, without their ending. */
  readonly tests: readonly string[];
}

export const AREAS: Readonly<Record<string, Area>> = {
  registry: {
    folder: "src/registry",
    tests: ["daemon/one-writer", "daemon/readiness", "registry/model", "registry/registry"],
  },
  grpc: {
    folder: "src/transports/grpc",
    tests: [
      "transports/grpc/answers",
      "transports/grpc/fan-out",
      "transports/grpc/health-service",
      "transports/grpc/reflection",
      "transports/grpc/reflection-answers",
      "transports/grpc/watch",
      "transports/grpc-js/settings",
    ],
  },
  wire: {
    folder: "src/wire",
    tests: [
      "control/messages",
      "transports/grpc/answers",
      "transports/grpc/reflection",
      "transports/grpc/reflection-answers",
      "transports/h2/request-head",
      "wire/http2/frame-reader",
      "wire/http2/frames",
      "wire/http2/hpack",
      "wire/message-table",
      "wire/wire",
    ],
  },
  checks: {
    folder: "src/checks",
    tests: [
      "checks/assumption",
      "checks/check-engine",
      "checks/check-options",
      "checks/concurrency-limit",
      "checks/decisions",
      "checks/definition-text",
      "checks/reported-services",
      "checks/drained",
      "checks/evaluate",
      "checks/freshness",
      "checks/heartbeats-and-startup",
      "checks/held-up-by-dns",
      "checks/in-turns",
      "checks/instance-template",
      "checks/isolation",
      "checks/isolation-rule",
      "checks/lateness",
      "checks/name-rules",
      "checks/oldest-votes",
      "checks/option-rules",
      "checks/overload",
      "checks/plan",
      "checks/policy",
      "checks/probe-run",
      "checks/publisher",
      "checks/renewed",
      "checks/runner",
      "checks/runner-wake",
      "checks/scheduling",
      "checks/service-graph",
      "checks/settings",
      "checks/sharing",
      "checks/spread",
      "checks/stalls",
      "checks/verdict",
      "checks/voting",
      "config/load",
      "daemon/one-writer",
      "daemon/reconfigure",
      "daemon/refused",
      "probers/heartbeat",
    ],
  },
  fleet: {
    folder: "src/fleet",
    without: [
      "store/open-store",
      "store/postgres-link",
      "store/postgres-store",
      "store/redis-connection",
      "store/redis-store",
      "store/store-connection",
    ],
    tests: [
      "fleet/rules/agreement",
      "fleet/orders/asks",
      "fleet/rules/assignment",
      "fleet/members/catch-up",
      "fleet/records/codec",
      "fleet/rules/configs",
      "fleet/deciding",
      "fleet/seats/decisions",
      "fleet/detachment",
      "fleet/drains",
      "fleet/seats/hand-over",
      "fleet/rules/heartbeats",
      "fleet/exchange/ledger",
      "fleet/ledger-loss",
      "fleet/orders/maintenance",
      "fleet/members/members",
      "fleet/members/membership",
      "fleet/exchange/mirror",
      "fleet/notifier",
      "fleet/notifier-choice",
      "fleet/orders/orders",
      "fleet/seats/own-votes",
      "fleet/readings",
      "fleet/rollout",
      "fleet/members/roster",
      "fleet/exchange/rounds",
      "fleet/exchange/run-cells",
      "fleet/seats/seating",
      "fleet/seats/seats",
      "fleet/seats/shared-configs",
      "fleet/records/signer",
      "fleet/store/store-url",
      "fleet/turn-queue",
    ],
  },
};

/** The folder of the bundled tests in the sandbox of Stryker. */
export const BUNDLES = ".mutants";

/** What the process of the tests is asked for. */
export interface Job {
  /** Without a mutant, the coverage of all tests is measured. */
  readonly mutant?: string | undefined;
  /** The mutant is active while the tests are loaded. */
  readonly isStatic?: boolean;
  /** Tests in their order. Default: all. */
  readonly tests?: readonly string[] | undefined;
  /** How often the code of the mutant may run. Default: as often as it does. */
  readonly hitLimit?: number | undefined;
}

/** `unreliable`: the test fails without the mutant too, or an error came from no test. */
export type Outcome =
  | { readonly kind: "survived" }
  | { readonly kind: "killed" | "unreliable"; readonly test: string; readonly message: string }
  | { readonly kind: "covered"; readonly tests: readonly TimedTest[]; readonly coverage: Coverage };

export interface TimedTest {
  readonly id: string;
  readonly ms: number;
}

/** How often the code of each mutant runs: while the tests are loaded, and in each test. */
export interface Coverage {
  readonly static: Readonly<Record<string, number>>;
  readonly perTest: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
