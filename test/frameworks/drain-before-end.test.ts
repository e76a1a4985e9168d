/** How an application whose framework closes its servers drains, also when a shutdown of `Health` runs already. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { drainBeforeEnd } from "../../src/frameworks/drain-before-end.js";
import { Health, moleculerHealth } from "../../src/index.js";
import { inTime } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";

/** Each way to drain a `Health` before its servers close. */
const DRAINS: Readonly<Record<string, (health: Health) => Promise<void>>> = {
  drainBeforeEnd: (health) => drainBeforeEnd(health, 3_000),
  "stop() of Moleculer": (health) => moleculerHealth(health, { drainDelayMs: 3_000 }).stopping(),
};

for (const [name, drain] of Object.entries(DRAINS)) {
  test(`${name} reports NOT_SERVING, and resolves after the drain delay`, async (t) => {
    const { clock, health } = prepare(t);
    const state = track(drain(health));
    assert.equal(health.status(""), "NOT_SERVING");
    await clock.advance(2_999);
    assert.equal(state.isDone, false);
    await clock.advance(1);
    await inTime(state.done, "the drain");
  });

  test(`${name} does not wait when the application has drained`, async (t) => {
    const { health } = prepare(t);
    health.drain();
    await inTime(drain(health), "the drain");
  });

  test(`${name} waits for the drain delay of a shutdown that runs`, async (t) => {
    const { clock, health } = prepare(t);
    const shutdown = health.shutdown({ drainDelayMs: 2_000 });
    const state = track(drain(health));
    await clock.advance(1_999);
    assert.equal(state.isDone, false);
    await clock.advance(1);
    await inTime(state.done, "the drain");
    await inTime(shutdown, "the shutdown");
  });
}

/** A `Health` that a server of the application serves: without one, a shutdown has no drain delay. */
function prepare(t: TestContext) {
  const clock = new VirtualClock();
  t.after(() => clock.advance(60_000)); // what a failed test leaves ends too
  const health = new Health({ clock });
  health.middleware();
  return { clock, health };
}

function track(done: Promise<void>) {
  const state = { done, isDone: false };
  void done.then(() => {
    state.isDone = true;
  });
  return state;
}
