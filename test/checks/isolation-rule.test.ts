/** The isolation rule by itself: no engine, no prober; judgements asked for by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Isolation } from "../../src/checks/isolation.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import { TimerQueue } from "../../src/core/timer-queue.js";
import { VirtualClock } from "../support/virtual-clock.js";

const INTERVAL_MS = 10_000;

/** The rule over checks that are named here, and what it has done. */
class Bench {
  readonly clock = new VirtualClock();
  readonly released: string[] = [];
  readonly told: number[] = [];
  readonly rule: Isolation;
  readonly #leave: () => void;

  constructor(checks = 4) {
    this.rule = new Isolation({
      clock: this.clock,
      timers: new TimerQueue(this.clock),
      instance: "isolation-rule-test",
      checkCount: () => checks,
      release: (check) => this.released.push(check),
    });
    this.#leave = subscribe("isolation", ({ instance, held }: Published<"isolation">) => {
      if (instance === "isolation-rule-test") this.told.push(held);
    });
  }

  /** The self-check fails, and so do these. */
  cut(...checks: readonly string[]): readonly string[] {
    this.rule.hearSelf(true);
    return this.judge(...checks);
  }

  judge(...checks: readonly string[]): readonly string[] {
    return checks.map((check) => this.rule.judge(check, INTERVAL_MS, this.clock.now()));
  }

  end(): void {
    this.rule.stop();
    this.#leave();
    assert.equal(this.clock.pendingTimers, 0);
  }
}

test("a result of the self-check counts if it is newer than the first failure", () => {
  const bench = new Bench();
  bench.rule.expectSelf(true);
  bench.rule.hearSelf(false);
  assert.deepEqual(bench.judge("a"), ["fail"], "as old as the failure");
  assert.equal(bench.rule.judge("b", INTERVAL_MS, bench.clock.now() + 1), "hold", "older than the failure");
  bench.end();
});

test("checks that wait for the self-check are not isolated before its result", async () => {
  const bench = new Bench();
  bench.rule.expectSelf(true);
  assert.deepEqual(bench.judge("a", "b", "c"), ["hold", "hold", "hold"]);
  assert.deepEqual([bench.rule.isolated, bench.rule.isHeld("a")], [false, true]);
  bench.rule.hearSelf(true);
  assert.equal(bench.rule.isolated, true);
  assert.deepEqual(bench.told, [3]);
  await bench.clock.advance(59_999);
  assert.deepEqual(bench.released, []);
  await bench.clock.advance(1);
  assert.deepEqual(bench.released, ["a", "b", "c"]);
  assert.deepEqual([bench.rule.isolated, bench.rule.isHeld("a")], [false, false]);
  assert.deepEqual(bench.told, [3, 0]);
  bench.end();
});

test("waiting checks fail once when the self-check passes", async () => {
  const bench = new Bench();
  bench.rule.expectSelf(true);
  bench.judge("a", "b", "c");
  bench.rule.hearSelf(false);
  assert.deepEqual(bench.released, ["a", "b", "c"]);
  assert.equal(bench.rule.isolated, false);
  bench.rule.hearSelf(false);
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
  assert.deepEqual(bench.judge("a"), ["fail"], "nobody is blamed yet");
  await bench.clock.advance(INTERVAL_MS);
  bench.cut("b", "c");
  assert.equal(bench.rule.isolated, true, "three of four within the interval");
  bench.end();

  const late = new Bench();
  late.judge("a");
  await late.clock.advance(INTERVAL_MS + 1);
  late.cut("b", "c");
  assert.equal(late.rule.isolated, false, "two of four");
  late.end();
});

test("a held check is judged by its next results when the self-check passes again; an isolated one fails", () => {
  const bench = new Bench();
  bench.cut("a");
  bench.rule.hearSelf(false);
  assert.deepEqual(bench.judge("a", "b"), ["anew", "fail"]);
  assert.deepEqual(bench.judge("a"), ["fail"], "and then as any other");
  bench.end();
});

test("the isolation ends with the last held check, and each change of their number is reported once", () => {
  const bench = new Bench();
  bench.cut("a", "b", "c");
  bench.cut("a", "b", "c");
  bench.rule.forget("a");
  assert.equal(bench.rule.isolated, true);
  bench.rule.forget("a");
  bench.rule.forget("unheard-of");
  bench.rule.forget("b");
  bench.rule.forget("c");
  assert.equal(bench.rule.isolated, false);
  assert.deepEqual(bench.told, [3, 2, 1, 0]);
  assert.equal(bench.clock.pendingTimers, 0);
  bench.end();
});
