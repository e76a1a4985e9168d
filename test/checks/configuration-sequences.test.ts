/** Any sequence of configurations: `validate`, `serve` and a reload agree, and nothing of an earlier configuration is left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { readConfigText } from "../../src/config/load.js";
import { validateConfig } from "../../src/config/validate.js";
import { HealthError } from "../../src/core/health-error.js";
import { Registry } from "../../src/registry/registry.js";
import { parseConfig } from "../config/reading.js";
import { VirtualClock } from "../support/virtual-clock.js";

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
    // fewer than four checks: the isolation rule holds none, with any result of its self-check
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
