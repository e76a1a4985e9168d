/** The isolation rule alone, without an engine and a prober. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Isolation } from "../../src/checks/isolation.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import { VirtualClock } from "../support/virtual-clock.js";

const INTERVAL_MS = 10_000;

/** The rule with some checks, and what it has done. */
class Bench {
  readonly clock = new VirtualClock();
  readonly released: string[] = [];
  readonly told: number[] = [];
  readonly rule: Isolation;
  readonly #unsubscribe: () => void;

  constructor(checks = 4) {
    this.rule = new Isolation({
      clock: this.clock,
      instance: "isolation-rule-test",
      checkCount: () => checks,
      onHoldEnded: (check) => this.released.push(check),
    });
    this.#unsubscribe = subscribe("isolation", ({ instance, held }: Published<"isolation">) => {
      if (instance === "isolation-rule-test") this.told.push(held);
    });
  }

  /** The self-check fails, and then these checks. */
  cut(...checks: readonly string[]): readonly string[] {
    this.rule.onSelfCheckResult(true);
    return this.decide(...checks);
  }

  decide(...checks: readonly string[]): readonly string[] {
    return checks.map((check) => this.rule.onThreshold(check, INTERVAL_MS, this.clock.now()));
  }

  end(): void {
    this.rule.stop();
    this.#unsubscribe();
    assert.equal(this.clock.pendingTimers, 0);
  }
}

test("a result of the self-check counts if it is newer than the first failure", () => {
  const bench = new Bench();
  bench.rule.setSelfCheck(true);
  bench.rule.onSelfCheckResult(false);
  assert.deepEqual(bench.decide("a"), ["fail"], "as old as the failure");
  assert.equal(bench.rule.onThreshold("b", INTERVAL_MS, bench.clock.now() + 1), "hold", "older than the failure");
  bench.end();
});

test("checks that wait for the self-check are not isolated before its result", async () => {
  const bench = new Bench();
  bench.rule.setSelfCheck(true);
  assert.deepEqual(bench.decide("a", "b", "c"), ["hold", "hold", "hold"]);
  assert.deepEqual([bench.rule.isolated, bench.rule.isHeld("a")], [false, true]);
  bench.rule.onSelfCheckResult(true);
  assert.equal(bench.rule.isolated, true);
  assert.deepEqual(bench.told, [3]);
  await bench.clock.advance(59_999);
  assert.deepEqual(bench.released, []);
  await bench.clock.advance(1);
  assert.deepEqual(bench.released, ["a", "b", "c"]);
  assert.deepEqual([bench.rule.isolated, bench.rule.isHeld("a")], [false, false]);
  assert.deepEqual(bench.told, [3, 0], "all end in one turn");
  bench.end();
});

test("a check with a short interval waits as long as a self-check without an answer takes, and is held then; without a result it fails", async () => {
  const bench = new Bench();
  bench.rule.setSelfCheck(true);
  const decide = (check: string) => bench.rule.onThreshold(check, 500, bench.clock.now());
  for (const check of ["a", "b", "c"]) assert.equal(decide(check), "hold");
  await bench.clock.advance(2_500);
  bench.rule.onSelfCheckResult(true);
  await bench.clock.advance(50_000);
  assert.deepEqual([bench.rule.isolated, bench.released], [true, []]);
  for (const check of ["a", "b", "c"]) bench.rule.forget(check);
  assert.equal(decide("d"), "hold");
  await bench.clock.advance(2_999);
  assert.deepEqual(bench.released, []);
  await bench.clock.advance(1);
  assert.deepEqual(bench.released, ["d"]);
  bench.end();
});

test("waiting checks fail once when the self-check passes", async () => {
  const bench = new Bench();
  bench.rule.setSelfCheck(true);
  bench.decide("a", "b", "c");
  bench.rule.onSelfCheckResult(false);
  assert.deepEqual(bench.released, ["a", "b", "c"]);
  assert.equal(bench.rule.isolated, false);
  bench.rule.onSelfCheckResult(false);
  await bench.clock.advance(100_000);
  assert.deepEqual(bench.released, ["a", "b", "c"]);
  bench.end();
});

test("a held check that fails again stays held, and its time is counted from the first failure", async () => {
  const bench = new Bench();
  bench.cut("a");
  await bench.clock.advance(6_000);
  assert.deepEqual(bench.cut("a"), ["hold"]);
  await bench.clock.advance(3_999);
  assert.deepEqual(bench.released, []);
  await bench.clock.advance(1);
  assert.deepEqual(bench.released, ["a"], "an interval after it began to be held");
  bench.end();
});

test("each held check is released at its own time", async () => {
  const bench = new Bench(10);
  bench.cut("a");
  await bench.clock.advance(4_000);
  bench.cut("b");
  await bench.clock.advance(6_000);
  assert.deepEqual(bench.released, ["a"]);
  assert.deepEqual([bench.rule.isHeld("a"), bench.rule.isHeld("b")], [false, true]);
  await bench.clock.advance(4_000);
  assert.deepEqual(bench.released, ["a", "b"]);
  bench.end();
});

test("a failed check counts as part of a common failure for one interval", async () => {
  const bench = new Bench();
  assert.deepEqual(bench.decide("a"), ["fail"], "not isolated yet");
  await bench.clock.advance(INTERVAL_MS - 1);
  bench.cut("b", "c");
  assert.equal(bench.rule.isolated, true, "three of four within the interval");
  bench.end();

  const late = new Bench();
  late.decide("a");
  await late.clock.advance(INTERVAL_MS);
  late.cut("b", "c");
  assert.equal(late.rule.isolated, false, "two of four");
  late.end();
});

test("a held check is judged by its next results when the self-check passes again; an isolated one fails", () => {
  const bench = new Bench();
  bench.cut("a");
  bench.rule.onSelfCheckResult(false);
  assert.deepEqual(bench.decide("a", "b"), ["count-anew", "fail"]);
  assert.deepEqual(bench.decide("a"), ["fail"], "and then as any other");
  bench.end();
});

test("the isolation ends with the last held check; its begin and end are reported at once, other changes once in a turn", async () => {
  const bench = new Bench();
  bench.cut("a", "b", "c");
  bench.cut("a", "b", "c");
  bench.rule.forget("a");
  assert.equal(bench.rule.isolated, true);
  bench.rule.forget("a");
  bench.rule.forget("unheard-of");
  assert.deepEqual(bench.told, [3]);
  await bench.clock.advance(0);
  assert.deepEqual(bench.told, [3, 2]);
  bench.rule.forget("b");
  bench.rule.forget("c");
  assert.equal(bench.rule.isolated, false);
  assert.deepEqual(bench.told, [3, 2, 0]);
  assert.equal(bench.clock.pendingTimers, 0);
  bench.end();
});

test("a check whose hold has ended counts as part of a common failure for one interval, as any other", async () => {
  const bench = new Bench();
  await bench.clock.advance(3_600_000);
  bench.cut("a");
  await bench.clock.advance(INTERVAL_MS);
  assert.deepEqual(bench.released, ["a"]);
  await bench.clock.advance(1);
  bench.cut("b", "c");
  assert.equal(bench.rule.isolated, false, "two of four");
  bench.end();

  const near = new Bench();
  await near.clock.advance(3_600_000);
  near.decide("a");
  await near.clock.advance(INTERVAL_MS - 1);
  near.cut("b", "c");
  assert.equal(near.rule.isolated, true, "three of four within the interval");
  near.end();
});

test("a check that has waited for the self-check and is held is not failed by its next pass", () => {
  const bench = new Bench();
  bench.rule.setSelfCheck(true);
  assert.deepEqual(bench.decide("a"), ["hold"]);
  bench.rule.onSelfCheckResult(true);
  bench.rule.onSelfCheckResult(false);
  assert.deepEqual([bench.released, bench.rule.isHeld("a")], [[], true]);
  assert.deepEqual(bench.decide("a"), ["count-anew"]);
  bench.end();
});

test("a check that has failed is not failed again by a result of the self-check", () => {
  const bench = new Bench();
  assert.deepEqual(bench.decide("a"), ["fail"]);
  bench.rule.onSelfCheckResult(true);
  bench.rule.onSelfCheckResult(false);
  assert.deepEqual(bench.released, []);
  bench.end();
});

test("a maximum hold that grows while checks are held counts from the start of the isolation", async () => {
  const bench = new Bench();
  bench.rule.maxHoldMs = 5_000;
  bench.cut("a", "b", "c");
  await bench.clock.advance(4_000);
  bench.rule.maxHoldMs = 30_000;
  await bench.clock.advance(25_999);
  assert.deepEqual([bench.released, bench.rule.isolated], [[], true]);
  await bench.clock.advance(1);
  assert.deepEqual([bench.released, bench.rule.isolated], [["a", "b", "c"], false]);
  bench.end();
});

test("the holds of many checks end in turns of the event loop, each as a failure", async () => {
  const count = 1_000;
  const bench = new Bench(count);
  const names = Array.from({ length: count }, (_, index) => `c${index}`);
  bench.rule.setSelfCheck(true);
  bench.decide(...names);
  bench.rule.onSelfCheckResult(false);
  assert.equal(bench.released.length, 200, "the rest comes with later turns");
  assert.equal(bench.rule.onThreshold("c999", INTERVAL_MS, bench.clock.now()), "fail", "its hold has ended too");
  await bench.clock.advance(0);
  assert.deepEqual(bench.released, names.slice(0, -1));
  assert.equal(bench.rule.isolated, false);
  bench.end();
});

test("a failure of a former interval is no part of a common one, also after the event loop was blocked", () => {
  for (const isExpired of [true, false]) {
    const bench = new Bench(4);
    bench.rule.onSelfCheckResult(false);
    bench.decide("a", "b");
    bench.rule.onSelfCheckResult(true);
    bench.clock.stall(isExpired ? INTERVAL_MS : INTERVAL_MS - 1); // no timer has fired
    assert.equal(bench.rule.onThreshold("c", INTERVAL_MS, 0), "hold");
    assert.equal(bench.rule.isolated, !isExpired);
    bench.end();
  }
});

test("30,000 checks that are held, recover or fail cost no look at each other", async () => {
  const count = 30_000;
  const names = Array.from({ length: count }, (_, index) => `c${index}`);
  const seconds = async (work: (bench: Bench) => void | Promise<void>) => {
    const bench = new Bench(count);
    bench.cut();
    const { user: before } = process.cpuUsage();
    await work(bench);
    const { user } = process.cpuUsage();
    bench.end();
    return (user - before) / 1e6;
  };
  const work = {
    "held, and they recover": (bench: Bench) => {
      bench.decide(...names);
      for (const name of names) bench.rule.forget(name);
    },
    "held, and each is judged anew": (bench: Bench) => {
      bench.decide(...names);
      bench.rule.onSelfCheckResult(false);
      bench.decide(...names);
    },
    "held until the end": async (bench: Bench) => {
      bench.decide(...names);
      await bench.clock.advance(60_000);
    },
    "failed, and they recover": (bench: Bench) => {
      bench.rule.onSelfCheckResult(false);
      bench.decide(...names);
      for (const name of names) bench.rule.forget(name);
    },
  };
  for (const [what, run] of Object.entries(work))
    assert.ok((await seconds(run)) < 5, `${what}: half a second is usual`);
});
