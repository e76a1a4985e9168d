import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TimerQueue } from "../../src/core/timer-queue.js";
import { VirtualClock } from "../support/virtual-clock.js";

test("timers run at their time, in order, with one timer of the clock", async () => {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock);
  const kept: [string, number][] = [];
  for (const [name, at] of [
    ["c", 30],
    ["a", 10],
    ["b", 20],
  ] as const)
    timers.create(() => kept.push([name, clock.now()])).at(at);
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(100);
  assert.deepEqual(kept, [
    ["a", 10],
    ["b", 20],
    ["c", 30],
  ]);
  assert.equal(clock.pendingTimers, 0);
});

test("a timer can be moved earlier or later, cancelled, and set again", async () => {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock);
  const kept: number[] = [];
  const one = timers.create(() => kept.push(clock.now()));
  one.at(50);
  one.at(10);
  one.at(20);
  await clock.advance(30);
  assert.deepEqual(kept, [20]);
  one.at(40);
  one.cancel();
  one.cancel();
  assert.equal(clock.pendingTimers, 0, "with nothing to do, no timer is kept");
  await clock.advance(30);
  one.at(70);
  await clock.advance(30);
  assert.deepEqual(kept, [20, 70]);
});

test("an action gets its due time and may set timers; one in the past runs at once", async () => {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock);
  const dueTimes: number[] = [];
  const again = timers.create((dueAt) => {
    dueTimes.push(dueAt);
    if (dueTimes.length === 1) again.at(clock.now() - 5);
    if (dueTimes.length === 2) again.at(25);
  });
  again.at(10);
  await clock.advance(20);
  assert.deepEqual(dueTimes, [10, 5]);
  await clock.advance(5);
  assert.deepEqual(dueTimes, [10, 5, 25]);
});

test("overdue actions can be run before the timer, once, and not from within an action", () => {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock);
  let count = 0;
  timers
    .create(() => {
      count += 1;
      timers.runDue();
    })
    .at(0);
  timers.create(() => (count += 10)).at(1);
  timers.runDue();
  timers.runDue();
  assert.equal(count, 1);
});

test("after any moves and cancellations, each timer runs once, at its last time, in order", async () => {
  const moves = fc.array(fc.tuple(fc.nat(20), fc.option(fc.nat(500), { nil: undefined })), { maxLength: 120 });
  await fc.assert(
    fc.asyncProperty(moves, async (steps) => {
      const clock = new VirtualClock();
      const timers = new TimerQueue(clock);
      const kept: [number, number][] = [];
      const appointments = Array.from({ length: 21 }, (_, name) => timers.create(() => kept.push([name, clock.now()])));
      const expected = new Map<number, number>();
      for (const [name, at] of steps) {
        if (at === undefined) appointments[name]?.cancel();
        else appointments[name]?.at(at);
        if (at === undefined) expected.delete(name);
        else expected.set(name, at);
      }
      await clock.advance(500);
      assert.deepEqual(new Map(kept), expected);
      assert.equal(kept.length, expected.size);
      assert.ok(kept.every(([, at], index) => index === 0 || at >= (kept[index - 1]?.[1] ?? 0)));
    }),
    { numRuns: 60 },
  );
});

test("with a maximum for one turn of the event loop, the rest of the actions that are due follow in the next turns", async () => {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock, 2);
  const kept: number[] = [];
  for (const index of [0, 1, 2, 3, 4]) timers.create(() => kept.push(index)).at(10);
  clock.stall(10);
  timers.runDue();
  assert.deepEqual(kept, [0, 1]);
  timers.runDue();
  assert.deepEqual(kept, [0, 1, 2, 3]);
  await clock.advance(0);
  assert.deepEqual([kept, clock.pendingTimers], [[0, 1, 2, 3, 4], 0]);
});
