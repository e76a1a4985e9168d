/** When the first probes of the checks of one turn start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Assumption } from "../../src/checks/assumption.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import { FirstProbes, type NewCheck } from "../../src/checks/spread.js";
import { TimerQueue } from "../../src/core/timer-queue.js";
import { completeSettings } from "../support/complete-settings.js";
import { VirtualClock } from "../support/virtual-clock.js";

class Bench {
  readonly clock = new VirtualClock();
  readonly first = new FirstProbes(this.clock, new TimerQueue(this.clock));
  /** The delay of each check that was started. */
  readonly delays: number[] = [];

  check(settings: CheckSettings = {}, assumption?: Assumption): NewCheck {
    const start = (delayMs: number) => void this.delays.push(delayMs);
    return { runner: { assumption, start }, settings: completeSettings("c", settings) };
  }

  add(count: number, settings: CheckSettings = {}, assumption?: Assumption): readonly NewCheck[] {
    const checks = Array.from({ length: count }, () => this.check(settings, assumption));
    for (const check of checks) this.first.add(check);
    return checks;
  }
}

test("up to 20 checks start at once, after their initial delay", async () => {
  const bench = new Bench();
  bench.add(19);
  bench.add(1, { initialDelay: "3s" });
  assert.deepEqual(bench.delays, [], "at the end of the turn");
  await bench.clock.advance(0);
  assert.deepEqual(bench.delays, [...Array(19).fill(0), 3_000]);
  assert.equal(bench.clock.pendingTimers, 0);
});

test("more are spread evenly over their interval, after their initial delay", async () => {
  const bench = new Bench();
  bench.add(100, { initialDelay: "3s", interval: "10s" });
  await bench.clock.advance(0);
  const sorted = bench.delays.toSorted((one, other) => one - other);
  const gaps = sorted.slice(1).map((delay, index) => delay - (sorted[index] ?? 0));
  assert.equal(sorted[0], 3_000);
  assert.ok((sorted.at(-1) ?? 0) < 13_000 && Math.max(...gaps) < 200 && Math.min(...gaps) > 50, gaps.join());
});

test("those that keep their last states for a while are spread over half of that time", async () => {
  const bench = new Bench();
  await bench.clock.advance(1_000);
  bench.add(21, {}, { state: "passing", reason: "changed", since: 0, until: 3_000 });
  await bench.clock.advance(0);
  assert.ok(Math.max(...bench.delays) < 1_000 && Math.max(...bench.delays) > 900, bench.delays.join());
});

test("those that were probed elsewhere start within a time of their own, and without an initial delay", async () => {
  const bench = new Bench();
  for (let index = 0; index < 30; index += 1) bench.first.add(bench.check({ initialDelay: "3s" }), 500);
  bench.first.add(bench.check({ interval: "100ms", timeout: "50ms" }), 500);
  await bench.clock.advance(0);
  const taken = bench.delays.slice(0, 30);
  assert.ok(Math.max(...taken) < 500 && Math.max(...taken) > 450 && Math.min(...taken) === 0, taken.join());
  assert.ok((bench.delays.at(-1) ?? 0) < 100, "nor longer than the interval");
});

test("a check that is removed is not started, nor counted among the others", async () => {
  const bench = new Bench();
  const [first] = bench.add(21);
  bench.first.delete(first ?? assert.fail());
  await bench.clock.advance(0);
  assert.deepEqual(bench.delays, Array(20).fill(0));
});

test("without a check that waits, no timer is left", () => {
  const bench = new Bench();
  const [one, two] = bench.add(2);
  bench.first.delete(one ?? assert.fail());
  assert.equal(bench.clock.pendingTimers, 1);
  bench.first.delete(two ?? assert.fail());
  assert.equal(bench.clock.pendingTimers, 0);
  bench.add(2);
  bench.first.clear();
  assert.equal(bench.clock.pendingTimers, 0);
});
