/** The plan of a configuration: what is started, changed, replaced and removed, and what is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { type ChecksPlan, type ConfiguredCheck, discardPlan } from "../../src/checks/checks-plan.js";
import type { CheckDeclaration, CheckSource, ChecksConfig } from "../../src/checks/declarations.js";
import { claimCheck, Names } from "../../src/checks/name-rules.js";
import { NOTHING_RUNNING, planConfiguration, type RunningChecks } from "../../src/checks/plan.js";
import { SourceOpener } from "../../src/checks/sources.js";
import { readConfigText } from "../../src/config/load.js";
import { validateConfig } from "../../src/config/validate.js";
import { HealthError } from "../../src/core/health-error.js";
import { Registry } from "../../src/registry/registry.js";
import { parseConfig } from "../config/reading.js";
import { completeSettings } from "../support/complete-settings.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { ScriptedProber } from "./scripted-prober.js";

const opener = new SourceOpener();
const EMPTY: ChecksConfig = { checks: [], services: [], isolation: undefined, allowLinkLocal: false };

const target = (name: string, url: string, options: CheckDeclaration["options"] = {}): CheckDeclaration => ({
  name,
  source: { kind: "target", url },
  options,
});
const heartbeat = (name: string, ttl: string, token = "t"): CheckDeclaration => ({
  name,
  source: { kind: "heartbeat", ttl, token },
  options: {},
});

/** What runs after a configuration was committed. */
function runningAs(config: Partial<ChecksConfig>): RunningChecks {
  const { checks, services, isolation, allowLinkLocal } = { ...EMPTY, ...config };
  const running = new Map<string, ConfiguredCheck>(
    checks.map((declaration) => [declaration.name, { declaration, settings: completeSettings(declaration.name, {}) }]),
  );
  return { checks: running, services, isolation, allowLinkLocal, ownerOf: () => undefined };
}

/** The names in a plan that is not refused. */
function planOf(running: Partial<ChecksConfig>, next: Partial<ChecksConfig>) {
  const { plan, violations } = planConfiguration(runningAs(running), { ...EMPTY, ...next }, opener);
  discardPlan(plan);
  assert.deepEqual(violations, []);
  return namesIn(plan);
}

const namesIn = ({ removed, started, changed, services, isolation }: ChecksPlan) => ({
  removed: [...removed],
  started: started.map(({ declaration }) => declaration.name),
  changed: changed.map(({ declaration }) => declaration.name),
  services: services?.order.map(({ name }) => name),
  isolation: isolation.kind,
});

const NO_CHANGE = { removed: [], started: [], changed: [], services: undefined, isolation: "keep" };

test("checks of Flower are searched once, however many names are those of workers", () => {
  let searches = 0;
  const names = new Names(NOTHING_RUNNING, [], () => {
    searches += 1;
    return [];
  });
  for (let index = 0; index < 100; index += 1) {
    const check = heartbeat(`celery.worker/${index}`, "1m");
    assert.deepEqual(claimCheck(check, names), []);
  }
  assert.equal(searches, 1);
});

describe("a plan", () => {
  const a = target("a", "http://h:1/");

  test("of the same configuration has no change", () => {
    const config = (): Partial<ChecksConfig> => ({
      checks: [target("a", "http://h:1/", { interval: "5s", expect: { status: [200] } }), heartbeat("b", "60s")],
      services: [{ name: "s", policy: { kind: "any" }, members: ["a", "b"] }],
      isolation: { selfCheck: { kind: "target", url: "tcp://h:1" }, maxHold: "30s" },
    });
    assert.deepEqual(planOf(config(), config()), NO_CHANGE);
  });

  const rows: readonly (readonly [
    label: string,
    running: Partial<ChecksConfig>,
    next: Partial<ChecksConfig>,
    change: Partial<ReturnType<typeof namesIn>>,
  ])[] = [
    ["starts a new check", {}, { checks: [a] }, { started: ["a"] }],
    ["removes a check that is not declared any more", { checks: [a] }, {}, { removed: ["a"] }],
    [
      "changes a check with another schedule, threshold or service",
      { checks: [a] },
      { checks: [target("a", "http://h:1/", { interval: "1m", services: ["s"] })] },
      { changed: ["a"] },
    ],
    [
      "changes a check with another limit of latency, which is no matter of its prober",
      { checks: [a] },
      { checks: [target("a", "http://h:1/", { expect: { maxLatency: "1s" } })] },
      { changed: ["a"] },
    ],
    [
      "replaces a check with another target",
      { checks: [a] },
      { checks: [target("a", "http://h:2/")] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "replaces a check whose answer is expected to be another one",
      { checks: [a] },
      { checks: [target("a", "http://h:1/", { expect: { status: [204] } })] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "replaces a target with other TLS",
      { checks: [target("a", "https://h/", { tls: { verify: false } })] },
      { checks: [target("a", "https://h/", { tls: { verify: true } })] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "replaces a heartbeat by a target of the same name",
      { checks: [heartbeat("a", "1m")] },
      { checks: [a] },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "changes a heartbeat with another token",
      { checks: [heartbeat("a", "1m")] },
      { checks: [heartbeat("a", "60s", "other")] },
      { changed: ["a"] },
    ],
    [
      "changes a heartbeat with another ttl, which keeps its state",
      { checks: [heartbeat("a", "1m")] },
      { checks: [heartbeat("a", "2m")] },
      { changed: ["a"] },
    ],
    [
      "replaces targets alone when link-local addresses are allowed",
      { checks: [a, heartbeat("b", "1m")] },
      { checks: [a, heartbeat("b", "1m")], allowLinkLocal: true },
      { removed: ["a"], started: ["a"] },
    ],
    [
      "declares services again when one of them changes, members first",
      { checks: [a], services: [{ name: "s", policy: { kind: "all" }, members: ["a"] }] },
      {
        checks: [a],
        services: [
          { name: "t", policy: { kind: "all" }, members: ["s"] },
          { name: "s", policy: { kind: "all" }, members: ["a"] },
        ],
      },
      { services: ["s", "t"] },
    ],
    [
      "starts the isolation rule",
      {},
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" } } },
      { isolation: "start" },
    ],
    [
      "keeps the self-check when only the hold changes",
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" }, maxHold: "1m" } },
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" }, maxHold: "2m" } },
      { isolation: "change" },
    ],
    [
      "starts the isolation rule again with another self-check",
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" } } },
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:2" } } },
      { isolation: "start" },
    ],
    [
      "stops the isolation rule",
      { isolation: { selfCheck: { kind: "target", url: "tcp://h:1" } } },
      {},
      { isolation: "stop" },
    ],
  ];
  for (const [label, running, next, change] of rows)
    test(label, () => assert.deepEqual(planOf(running, next), { ...NO_CHANGE, ...change }));

  test("with violations has all of them, and closes the probers that it opened when it is discarded", () => {
    const prober = new ScriptedProber(() => 0);
    const source: CheckSource = { kind: "prober", prober };
    const config: ChecksConfig = {
      ...EMPTY,
      checks: [
        { name: "good", source, options: {} },
        target("bad", "ftp://h", { timeout: "1h", services: ["good"] }),
        target("readiness", "tcp://h:1"),
      ],
      services: [{ name: "bad", policy: { kind: "quorum", count: 3 }, members: ["good"] }],
    };
    const { plan, violations } = planConfiguration(NOTHING_RUNNING, config, opener);
    assert.deepEqual(
      violations.map(({ code, path }) => `${code} ${path.join(".")}`),
      [
        "INVALID_SERVICE_NAME checks.readiness",
        "DUPLICATE_NAME checks.bad.services.0",
        "INVALID_OPTION checks.bad.timeout",
        "INVALID_TARGET checks.bad.target",
        "DUPLICATE_NAME services.bad",
        "INVALID_OPTION services.bad.policy",
      ],
    );
    assert.equal(prober.closed, false);
    discardPlan(plan);
    assert.equal(prober.closed, true);
  });
});

/** An engine that runs in time of its own. */
class Bench {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "plan-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  transitions = 0;

  constructor() {
    this.registry.onTransition(() => {
      this.transitions += 1;
    });
  }

  /** Takes over a configuration as `serve` and a reload do. Returns whether it is accepted. */
  accepts(text: string): boolean {
    return isAccepted(() => {
      const { config, accept } = validateConfig(readConfigText("f.json", text, {}));
      this.engine.configure(config, accept);
    });
  }

  /** Lets every heartbeat report often enough to cross any threshold. */
  async report(failing: ReadonlySet<string>): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      for (const { name } of this.registry.checks())
        this.engine.report(name, "Bearer t", failing.has(name) ? "fail" : "pass");
      await this.clock.advance(300);
    }
    await this.clock.advance(120_000); // changes within a minute would count as flapping
  }

  /** The names of all services, and what each check counts for. */
  structure() {
    const { services, checks } = this.snapshot();
    const names = services.map(({ name }) => name);
    return { names, checks: checks.map(({ state: _, ...check }) => check) };
  }

  /** Everything that a reader sees, but for times. */
  snapshot() {
    const services = [...this.registry.services()].map(([name, { status, degraded, reason }]) => ({
      name,
      status,
      degraded,
      reason,
    }));
    const checks = [...this.registry.checks()].map((report) => ({
      name: report.name,
      state: report.state,
      critical: report.critical,
      services: [...report.services].sort(),
    }));
    const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1);
    const startup = this.registry.read("startup")?.status;
    const overall = this.registry.read("")?.status;
    return { services: services.sort(byName), checks: checks.sort(byName), startup, overall };
  }
}

function isAccepted(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof HealthError) return false;
    throw error;
  }
}

const sometimes = <Value>(...values: readonly Value[]) =>
  fc.option(fc.constantFrom(...values), { freq: 2, nil: undefined });
/** Mostly one of the first, and now and then one of the second. */
const mostly = <Value>(usual: readonly Value[], rare: readonly Value[]) =>
  fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) });

/** A check as a file has it. Targets wait for longer than the test runs. */
const anyCheck = fc.record({
  kind: fc.constantFrom("heartbeat", "heartbeat", "heartbeat", "target"),
  ttl: fc.constantFrom("2h", "3h"),
  critical: sometimes(false, true),
  unhealthyThreshold: mostly([undefined, 1, 2], [0]),
  services: mostly([undefined, undefined, ["u"], ["u", "v"]], [["a"], ["s"]]),
  timeout: mostly([undefined], ["20h"]),
  url: mostly(["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"], ["ftp://h"]),
});

const anyService = fc.record({
  policy: fc.constantFrom("all", "any", "quorum"),
  members: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }),
  quorum: mostly([1], [3]),
  stranger: mostly([undefined], ["nobody"]),
});

const anyConfig = fc
  .record({
    // fewer than four checks: the isolation rule holds none, whatever its self-check finds
    checks: fc.uniqueArray(fc.tuple(mostly(["a", "b", "c"], ["s", "self-check", "readiness"]), anyCheck), {
      minLength: 1,
      maxLength: 3,
      selector: ([name]) => name,
    }),
    services: fc.uniqueArray(fc.tuple(mostly(["s", "t"], ["a", "u"]), anyService), {
      maxLength: 2,
      selector: ([name]) => name,
    }),
    overall: sometimes(0, 1, 2, 3),
    isolation: mostly(
      [undefined, { selfCheck: "tcp://127.0.0.1:1" }, { selfCheck: "tcp://127.0.0.1:1", maxHold: "5s" }],
      [{ selfCheck: "tcp://h" }],
    ),
    allowLinkLocal: sometimes(true, false),
  })
  .map(({ checks, services, overall, ...rest }) => {
    // a member that comes later in the list makes a chain of services, and with the other way round a cycle
    const known = [
      ...checks.flatMap(([name, { services = [] }]) => [name, ...services]),
      ...services.map(([name]) => name),
    ];
    const nth = (index: number) => known[index % known.length];
    return {
      ...rest,
      ...(overall === undefined ? {} : { overall: [nth(overall)] }),
      checks: Object.fromEntries(
        checks.map(([name, { kind, ttl, url, ...options }]) => [
          name,
          kind === "heartbeat"
            ? { heartbeat: { ttl, token: "t" }, ...options }
            : { target: url, initialDelay: "10h", interval: "30h", ...options },
        ]),
      ),
      services: Object.fromEntries(
        services.map(([name, { policy, members, quorum, stranger }]) => {
          const names = [...members.map(nth).filter((member) => member !== name), stranger].filter(Boolean);
          return [name, policy === "quorum" ? { quorum, of: names } : { [policy]: names }];
        }),
      ),
    };
  });

test("in any sequence of configurations, a refused one changes nothing, and an accepted one runs as in a new process", async () => {
  const counts = { accepted: 0, refused: 0 };
  const steps = fc.array(fc.tuple(anyConfig, fc.subarray(["a", "b", "c"])), { minLength: 2, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(steps, async (configs) => {
      const bench = new Bench();
      for (const [content, failing] of configs) {
        const text = JSON.stringify(content);
        const before = bench.snapshot();
        const { transitions } = bench;
        const fresh = new Bench();
        const isReloaded = bench.accepts(text);
        const isServed = fresh.accepts(text);
        const isValid = isAccepted(() => parseConfig("f.json", text, {}));
        assert.deepEqual([isServed, isReloaded], [isValid, isValid], "validate, serve and reload agree");
        if (isReloaded) {
          assert.deepEqual(bench.structure(), fresh.structure());
          await bench.report(new Set(failing));
          await fresh.report(new Set(failing));
          const [reloaded, started] = [bench.snapshot(), fresh.snapshot()];
          // the startup view stays open in a process that was ready before
          assert.ok(reloaded.startup === "SERVING" || reloaded.startup === started.startup);
          assert.deepEqual({ ...reloaded, startup: "" }, { ...started, startup: "" });
        } else {
          assert.deepEqual(bench.snapshot(), before);
          assert.equal(bench.transitions, transitions);
        }
        counts[isReloaded ? "accepted" : "refused"] += 1;
        fresh.engine.stop();
        assert.equal(fresh.clock.pendingTimers, 0);
      }
      bench.engine.stop();
      assert.equal(bench.clock.pendingTimers, 0);
    }),
    { numRuns: 200 },
  );
  assert.ok(counts.accepted > 100 && counts.refused > 100, JSON.stringify(counts));
});
