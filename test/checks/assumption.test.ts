/** States that no result of the present target has decided: `initial` and `changed`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { FAILED, PASSED, ScriptedProber, WARNED } from "./scripted-prober.js";

const HOUR: CheckSettings = { interval: "1h", jitter: 0 };

class Bench {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "assumption-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  /** The probers of each check; every new one is another target. */
  readonly #probers = new Map<string, ScriptedProber>();
  readonly transitions: string[] = [];

  constructor() {
    this.registry.onTransition(({ subject, name, from, to }) => {
      if (subject === "service" && from !== to) this.transitions.push(`${name || "overall"}: ${from} -> ${to}`);
    });
  }

  /** A check with a new target, or with the one of before. */
  check(name: string, settings: CheckSettings = HOUR, always?: ProbeResult, isSame = false): CheckDeclaration {
    const old = this.#probers.get(name);
    const prober = isSame && old !== undefined ? old : new ScriptedProber(() => this.clock.now(), always);
    this.#probers.set(name, prober);
    return { name, source: { kind: "prober", prober }, options: settings };
  }

  configure(...checks: CheckDeclaration[]): void {
    this.engine.configure({ checks, services: [], isolation: undefined, allowLinkLocal: false });
  }

  proberOf(name: string): ScriptedProber {
    return this.#probers.get(name) ?? assert.fail();
  }

  async answer(name: string, result: ProbeResult): Promise<void> {
    this.proberOf(name).last.answer(result);
    await settle();
  }

  /** The status of the service and its reason. */
  read(service: string): string {
    const { status, reason = "" } = this.registry.read(service) ?? assert.fail();
    return `${status} ${reason}`.trim();
  }

  stateOf(name: string): string {
    const { state, reason = "" } = this.registry.check(name) ?? assert.fail();
    return `${state} ${reason}`.trim();
  }
}

/** A check that runs and has had a result. */
async function running(result: ProbeResult, settings = HOUR): Promise<Bench> {
  const bench = new Bench();
  bench.configure(bench.check("a", settings));
  await bench.clock.advance(0);
  await bench.answer("a", result);
  return bench;
}

describe("an initial state", () => {
  for (const [initialState, status] of [
    ["passing", "SERVING initial"],
    ["failing", "NOT_SERVING initial"],
    ["pending", "UNKNOWN pending"],
  ] as const)
    test(`${initialState} is the status of the check and of its services before the first result`, () => {
      const bench = new Bench();
      bench.configure(bench.check("a", { ...HOUR, initialState, services: ["s"] }));
      assert.deepEqual(
        ["a", "s", ""].map((service) => bench.read(service)),
        [status, status, status],
      );
      const report = bench.registry.check("a");
      assert.deepEqual([report?.lastResultAt, report?.latencyMs], [undefined, undefined]);
      bench.engine.stop();
    });

  test("ends with the first result, which decides without thresholds", async () => {
    for (const [initialState, result, status] of [
      ["passing", FAILED, "NOT_SERVING refused"],
      ["failing", PASSED, "SERVING"],
      ["passing", PASSED, "SERVING"],
    ] as const) {
      const bench = new Bench();
      bench.configure(bench.check("a", { ...HOUR, initialState, unhealthyThreshold: 5, healthyThreshold: 5 }));
      await bench.clock.advance(0);
      await bench.answer("a", result);
      assert.deepEqual([bench.read("a"), bench.read("")], [status, status]);
      bench.engine.stop();
    }
  });

  test("ends after staleAfter without a result, also if healthbridge could not probe", async () => {
    const bench = new Bench();
    bench.configure(bench.check("a", { ...HOUR, initialState: "passing", staleAfter: "30s" }));
    await bench.clock.advance(0);
    bench.proberOf("a").last.throw(new Error("EMFILE"));
    await bench.clock.advance(29_999);
    assert.equal(bench.read(""), "SERVING initial");
    await bench.clock.advance(1);
    assert.deepEqual([bench.stateOf("a"), bench.read("")], ["pending prober", "UNKNOWN prober"]);
    bench.engine.stop();
  });

  test("has ended for a reader directly after the event loop was blocked", () => {
    const bench = new Bench();
    bench.configure(bench.check("a", { ...HOUR, initialState: "passing", staleAfter: "30s" }));
    bench.clock.stall(30_000);
    assert.equal(bench.read(""), "UNKNOWN pending");
    bench.engine.stop();
  });

  test("does not open the startup view: that waits for a result", async () => {
    const bench = new Bench();
    bench.configure(bench.check("a", { ...HOUR, initialState: "passing" }));
    assert.equal(bench.read("startup"), "UNKNOWN starting");
    await bench.clock.advance(0);
    await bench.answer("a", FAILED);
    assert.equal(bench.read("startup"), "SERVING");
    bench.engine.stop();
  });

  test("that ends without a result does not open the startup view either", async () => {
    const bench = new Bench();
    bench.configure(bench.check("a", { ...HOUR, initialState: "passing", timeout: "2m", staleAfter: "30s" }));
    await bench.clock.advance(30_000);
    assert.deepEqual([bench.stateOf("a"), bench.read("startup")], ["pending pending", "UNKNOWN starting"]);
    bench.engine.stop();
  });

  test("that the next configuration no longer has ends in the same step", () => {
    const bench = new Bench();
    bench.configure(bench.check("a", { ...HOUR, initialState: "passing" }));
    bench.transitions.length = 0;
    bench.configure(bench.check("a", HOUR));
    assert.deepEqual(bench.transitions, ["a: SERVING -> UNKNOWN", "overall: SERVING -> UNKNOWN"]);
    bench.engine.stop();
  });

  test("is not prolonged by other targets, and ends when the configuration no longer has it", () => {
    const settings: CheckSettings = { ...HOUR, initialState: "passing", staleAfter: "30s" };
    const bench = new Bench();
    bench.configure(bench.check("a", settings));
    for (let second = 1; second < 30; second += 1) {
      bench.clock.stall(1_000);
      bench.configure(bench.check("a", settings));
      assert.equal(bench.read("a"), "SERVING initial");
    }
    bench.clock.stall(1_000);
    bench.configure(bench.check("a", settings));
    assert.equal(bench.read("a"), "UNKNOWN pending");
    for (const isSame of [true, false]) {
      const other = new Bench();
      other.configure(other.check("a", settings));
      other.configure(other.check("a", { ...settings, initialState: "pending" }, undefined, isSame));
      assert.equal(other.read("a"), "UNKNOWN pending");
      other.engine.stop();
    }
    bench.engine.stop();
  });

  test("ends earlier when a reload shortens staleAfter", async () => {
    const waiting: CheckSettings = { ...HOUR, initialDelay: "30m", initialState: "passing" };
    const bench = new Bench();
    bench.configure(bench.check("a", { ...waiting, staleAfter: "1h" }));
    await bench.clock.advance(20_000);
    bench.configure(bench.check("a", { ...waiting, staleAfter: "30s" }, undefined, true));
    assert.equal(bench.read("a"), "SERVING initial");
    await bench.clock.advance(10_000);
    assert.equal(bench.read("a"), "UNKNOWN pending");
    bench.engine.stop();
  });
});

describe("a check whose target was changed", () => {
  for (const [result, status] of [
    [PASSED, "SERVING changed"],
    [WARNED, "SERVING changed"],
    [FAILED, "NOT_SERVING changed"],
  ] as const)
    test(`keeps its last state, ${result.outcome}, and no status changes`, async () => {
      const bench = await running(result);
      bench.transitions.length = 0;
      const since = bench.registry.check("a")?.since;
      await bench.clock.advance(1_000);
      bench.configure(bench.check("a"));
      assert.deepEqual([bench.read("a"), bench.read("")], [status, status]);
      assert.equal(bench.registry.check("a")?.since, since);
      assert.deepEqual(bench.transitions, []);
      bench.engine.stop();
    });

  test("is probed at once, and the first result decides without thresholds", async () => {
    for (const [before, after, status] of [
      [PASSED, FAILED, "NOT_SERVING refused"],
      [FAILED, PASSED, "SERVING"],
    ] as const) {
      const bench = await running(before, { ...HOUR, unhealthyThreshold: 5, healthyThreshold: 5 });
      bench.configure(bench.check("a"));
      await bench.clock.advance(0);
      await bench.answer("a", after);
      assert.deepEqual([bench.read("a"), bench.read("")], [status, status]);
      bench.engine.stop();
    }
  });

  for (const [timeout, keptMs] of [
    ["2s", 2_000],
    ["1m", 5_000],
    ["100ms", 100],
  ] as const)
    test(`with a timeout of ${timeout}, is pending again after ${keptMs} ms without a result`, async () => {
      const bench = await running(PASSED);
      // the prober fails by itself: not even a timeout is counted
      bench.configure(bench.check("a", { ...HOUR, timeout }));
      await bench.clock.advance(0);
      bench.proberOf("a").last.throw(new Error("EMFILE"));
      await bench.clock.advance(keptMs - 1);
      assert.equal(bench.read("a"), "SERVING changed");
      await bench.clock.advance(1);
      assert.deepEqual([bench.stateOf("a"), bench.read("")], ["pending prober", "UNKNOWN prober"]);
      bench.engine.stop();
    });

  test("with an initial delay, is pending when its time is over", async () => {
    const bench = await running(PASSED);
    bench.configure(bench.check("a", { ...HOUR, initialDelay: "1m" }));
    await bench.clock.advance(2_000);
    assert.deepEqual([bench.read("a"), bench.proberOf("a").startedAt.length], ["UNKNOWN pending", 0]);
    bench.engine.stop();
  });

  test("keeps no state that is stale: the shorter time counts, also that of the new settings", async () => {
    const bench = await running(PASSED, { ...HOUR, staleAfter: "10s" });
    await bench.clock.advance(9_000);
    bench.configure(bench.check("a", { ...HOUR, staleAfter: "10s" }));
    assert.equal(bench.read("a"), "SERVING changed");
    await bench.clock.advance(1_000);
    assert.equal(bench.read("a"), "UNKNOWN pending");
    bench.engine.stop();
    const other = await running(PASSED, { ...HOUR, staleAfter: "1h" });
    await other.clock.advance(60_000);
    other.configure(other.check("a", { ...HOUR, staleAfter: "30s" }));
    assert.equal(other.read("a"), "UNKNOWN pending");
    other.engine.stop();
  });

  test("keeps its end, however often the target is changed again", async () => {
    const bench = await running(PASSED);
    const settings: CheckSettings = { ...HOUR, timeout: "5s" };
    for (let second = 0; second < 5; second += 1) {
      bench.configure(bench.check("a", settings));
      assert.equal(bench.read("a"), "SERVING changed", `after ${second} s`);
      await bench.clock.advance(1_000);
    }
    for (let second = 5; second < 20; second += 1) {
      bench.configure(bench.check("a", settings));
      assert.equal(bench.read("a"), "UNKNOWN pending", `after ${second} s`);
      await bench.clock.advance(1_000);
    }
    bench.engine.stop();
  });

  test("and that then has a result, keeps that one for a time of its own when the target is changed again", async () => {
    const bench = await running(PASSED);
    bench.configure(bench.check("a", { ...HOUR, staleAfter: "10s" }));
    await bench.clock.advance(1_000);
    await bench.answer("a", FAILED);
    bench.configure(bench.check("a", { ...HOUR, staleAfter: "10s" }));
    await bench.clock.advance(1_999);
    assert.equal(bench.read("a"), "NOT_SERVING changed");
    await bench.answer("a", PASSED);
    await bench.clock.advance(10_000);
    assert.equal(bench.stateOf("a"), "pending stale");
    bench.engine.stop();
  });

  test("without a state before has none", () => {
    const bench = new Bench();
    bench.configure(bench.check("a"));
    bench.configure(bench.check("a"));
    assert.equal(bench.read("a"), "UNKNOWN pending");
    bench.engine.stop();
  });

  test("keeps its state and its counts if only thresholds were changed", async () => {
    const bench = await running(PASSED, { ...HOUR, edgeInterval: "1s" });
    await bench.clock.advance(3_600_000);
    await bench.answer("a", FAILED);
    bench.configure(bench.check("a", { ...HOUR, edgeInterval: "1s", unhealthyThreshold: 2 }, undefined, true));
    assert.equal(bench.read("a"), "SERVING");
    await bench.clock.advance(1_000);
    await bench.answer("a", FAILED);
    assert.equal(bench.read("a"), "NOT_SERVING refused");
    bench.engine.stop();
  });

  test("that was removed and declared again is a new one", async () => {
    const bench = await running(PASSED);
    bench.configure();
    bench.configure(bench.check("a"));
    assert.equal(bench.read("a"), "UNKNOWN pending");
    bench.engine.stop();
  });

  test("with 20 checks and an interval of 30 s, one edited target never makes the whole UNKNOWN", async () => {
    const bench = new Bench();
    const settings: CheckSettings = { interval: "30s", jitter: 0 };
    const checks = Array.from({ length: 20 }, (_, index) => bench.check(`c${index}`, settings, PASSED));
    bench.configure(...checks);
    await bench.clock.advance(0);
    assert.equal(bench.read(""), "SERVING");
    bench.transitions.length = 0;
    await bench.clock.advance(12_345);
    bench.configure(bench.check("c0", settings, PASSED), ...checks.slice(1));
    await bench.clock.advance(40_000);
    assert.deepEqual(bench.transitions, []);
    bench.engine.stop();
  });

  for (const count of [20, 21, 500])
    test(`${count} edited targets are probed before their states end`, async () => {
      const bench = new Bench();
      const settings: CheckSettings = { interval: "30s", jitter: 0 };
      const names = Array.from({ length: count }, (_, index) => `c${index}`);
      bench.configure(...names.map((name) => bench.check(name, settings, PASSED)));
      await bench.clock.advance(30_000);
      assert.equal(bench.read(""), "SERVING");
      bench.transitions.length = 0;
      const changedAt = bench.clock.now();
      bench.configure(...names.map((name) => bench.check(name, settings, PASSED)));
      await bench.clock.advance(40_000);
      assert.deepEqual(bench.transitions, []);
      const starts = names.map((name) => (bench.proberOf(name).startedAt[0] ?? assert.fail()) - changedAt);
      const atOnce = starts.filter((ms) => ms === 0).length;
      assert.ok(count <= 20 ? atOnce === count : atOnce < 20, `${atOnce} at once`);
      bench.engine.stop();
    });
});

test("a new check of a reload with up to 20 new or changed checks is probed at once", async () => {
  const bench = new Bench();
  const old = Array.from({ length: 50 }, (_, index) => bench.check(`o${index}`, HOUR, PASSED));
  bench.configure(...old);
  await bench.clock.advance(3_600_000);
  const at = bench.clock.now();
  const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
  bench.configure(...old, ...names.map((name) => bench.check(name, HOUR, PASSED)));
  await bench.clock.advance(0);
  assert.deepEqual(
    names.map((name) => bench.proberOf(name).startedAt),
    Array(20).fill([at]),
  );
  assert.equal(bench.read(""), "SERVING");
  bench.engine.stop();
});

test("in any sequence of reloads, results and times, a status without a result is `initial` or `changed`, and ends", async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("reload" as const),
      isSame: fc.boolean(),
      initialState: fc.constantFrom("passing", "failing", "pending" as const),
      timeout: fc.constantFrom("500ms", "2s", "8s"),
      staleAfter: fc.constantFrom("4s", "30s"),
    }),
    fc.record({ kind: fc.constant("answer" as const), result: fc.constantFrom(PASSED, FAILED, WARNED) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 400, 1_000, 4_000, 9_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const bench = new Bench();
      let [resultAt, startedAt, decidedAt, changedAt]: (number | undefined)[] = [];
      let staleMs = 0;
      for (const each of steps) {
        if (each.kind === "wait") await bench.clock.advance(each.ms);
        if (each.kind === "reload") {
          const { initialState, timeout, isSame } = each;
          const settings: CheckSettings = { ...HOUR, initialState, timeout, staleAfter: each.staleAfter };
          staleMs = each.staleAfter === "4s" ? 4_000 : 30_000;
          const before = bench.registry.check("a") && bench.proberOf("a");
          bench.configure(bench.check("a", settings, undefined, isSame));
          startedAt ??= bench.clock.now();
          if (bench.proberOf("a") !== before) {
            resultAt = undefined;
            changedAt ??= bench.clock.now();
          }
          await bench.clock.advance(0);
        }
        if (each.kind === "answer" && bench.registry.check("a") !== undefined) {
          const prober = bench.proberOf("a");
          if (prober.running === 0) continue;
          await bench.answer("a", each.result);
          if (bench.registry.check("a")?.lastResultAt !== undefined) resultAt = decidedAt = bench.clock.now();
        }
        const report = bench.registry.check("a");
        if (report === undefined || startedAt === undefined) continue;
        const now = bench.clock.now();
        if (report.lastResultAt !== undefined && report.state !== "pending")
          resultAt = decidedAt = now - (bench.clock.wallTime() - report.lastResultAt);
        if (resultAt !== undefined) changedAt = undefined;
        if (resultAt === undefined && report.state !== "pending") {
          const { reason } = report;
          assert.ok(reason === "initial" || reason === "changed", `${report.state} ${reason} without a result`);
          const since = reason === "initial" ? startedAt : (decidedAt ?? now);
          assert.ok(now - since < staleMs, `${reason} is ${now - since} ms old`);
          if (reason === "changed") assert.ok(now - (changedAt ?? assert.fail()) < 5_000, "changed for too long");
        }
        assert.equal(bench.read("").split(" ")[0], bench.read("a").split(" ")[0]);
      }
      bench.engine.stop();
    }),
    { numRuns: 300 },
  );
});
