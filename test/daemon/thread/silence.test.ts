/** The silence of the main thread, in the time of the thread that measures it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Silence, TICK_MS } from "../../../src/daemon/thread/silence.js";
import { VirtualClock } from "../../support/virtual-clock.js";

/** A thread that ticks as its clock allows. */
function measuring() {
  const clock = new VirtualClock();
  let beats = 0;
  const silence = new Silence(clock, () => beats);
  const tickFor = async (ms: number, stepMs: number = TICK_MS) => {
    for (let elapsed = 0; elapsed < ms; elapsed += stepMs) {
      await clock.advance(stepMs);
      silence.tick();
    }
  };
  const beat = () => {
    beats += 1;
  };
  return { silence, tickFor, beat };
}

test("the silence is the time since the last sign of life", async () => {
  const { silence, tickFor, beat } = measuring();
  await tickFor(10_000);
  assert.equal(silence.ms, 10_000);
  beat();
  await tickFor(TICK_MS);
  assert.equal(silence.ms, 0, "back at the next tick");
  await tickFor(1_500);
  assert.equal(silence.ms, 1_500);
});

test("time in which the whole process was suspended is no silence", async () => {
  for (const suspendedMs of [2_000, 60_000, 8 * 3_600_000]) {
    const { silence, tickFor, beat } = measuring();
    beat();
    await tickFor(100);
    await tickFor(suspendedMs, suspendedMs);
    assert.ok(silence.ms <= 400, `${silence.ms} ms after ${suspendedMs} ms`);
    await tickFor(600);
    assert.ok(silence.ms >= 600, "what comes after it is counted");
  }
});

test("a thread that gets little processor time itself still sees a main thread that is blocked", async () => {
  const { silence, tickFor } = measuring();
  await tickFor(60_000, 200);
  assert.equal(silence.ms, 60_000);
});
