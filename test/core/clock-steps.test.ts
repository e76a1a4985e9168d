/** A timer in steps: delays of the event loop do not use its time up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimerInSteps } from "../../src/core/clock.js";
import { VirtualClock } from "../support/virtual-clock.js";

/** A timer of 1,000 ms, and when it has ended. */
function timer() {
  const clock = new VirtualClock();
  let endedAt: number | undefined;
  const cancel = setTimerInSteps(clock, 1_000, () => {
    endedAt = clock.now();
  });
  return { clock, cancel, endedAt: () => endedAt };
}

test("a timer in steps ends after its time", async () => {
  const { clock, endedAt } = timer();
  await clock.advance(999);
  assert.equal(endedAt(), undefined);
  await clock.advance(1);
  assert.equal(endedAt(), 1_000);
});

test("a delay counts as one step", async () => {
  const { clock, endedAt } = timer();
  await clock.advance(250); // two steps, and half of the third one
  clock.stall(900);
  await clock.advance(5_000);
  assert.equal(endedAt(), 1_150 + 7 * 100);
});

for (const turnMs of [400, 800, 3_000])
  test(`with turns of ${turnMs} ms, a timer in steps ends after four times its time, and a turn or two`, async () => {
    const { clock, endedAt } = timer();
    while (endedAt() === undefined) {
      clock.stall(turnMs);
      await clock.advance(0);
    }
    const at = endedAt() ?? 0;
    assert.ok(at >= 4_000 && at <= 4_000 + 2 * turnMs, `${at}`);
  });

test("a timer in steps that is cancelled between two steps does nothing", async () => {
  const { clock, cancel, endedAt } = timer();
  await clock.advance(450);
  cancel();
  await clock.advance(5_000);
  assert.deepEqual([endedAt(), clock.pendingTimers], [undefined, 0]);
});
