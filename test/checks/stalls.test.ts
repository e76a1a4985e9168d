import assert from "node:assert/strict";
import { test } from "node:test";
import { Stalls } from "../../src/checks/stalls.js";
import { type ChannelMessages, subscribe } from "../../src/core/channels.js";
import { TimerQueue } from "../../src/core/timer-queue.js";
import { ProberError } from "../../src/probers/prober.js";
import { completeSettings } from "../support/complete-settings.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { Bench } from "./runner-fixture.js";
import { FAILED, PASSED } from "./scripted-prober.js";

/** The messages on a channel during `action`. */
async function heard<Name extends keyof ChannelMessages>(name: Name, action: () => Promise<void>) {
  const messages: ChannelMessages[Name][] = [];
  const unsubscribe = subscribe(name, (message) => messages.push(message));
  await action();
  unsubscribe();
  return messages;
}

test("the result of a probe during which the event loop was blocked is discarded, reported and counted [A130]", async () => {
  const bench = new Bench({ unhealthyThreshold: 1, edgeInterval: "2s" });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(10_000);
  let stalls: ChannelMessages["stall"][] = [];
  const dropped = await heard("result-dropped", async () => {
    stalls = await heard("stall", async () => {
      bench.clock.stall(3_000);
      bench.prober.last.answer(FAILED);
      await settle();
    });
  });
  assert.deepEqual(bench.states, ["passing"]);
  assert.deepEqual(
    dropped.map(({ check, stallMs }) => [check, stallMs]),
    [["c", 2_975]],
  );
  assert.equal(stalls.length, 1);
  await bench.clock.advance(2_000);
  assert.equal(bench.prober.startedAt.at(-1), 15_000, "asked again an edge interval after the stall");
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, ["passing", "failing"], "once the loop turns again, results count again");
  bench.runner.stop();
});

test("a timeout that a stall caused is discarded too, and the probe is cancelled", async () => {
  const bench = new Bench({ unhealthyThreshold: 1 });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(10_000);
  bench.clock.stall(5_000);
  await bench.clock.advance(0);
  assert.equal(bench.prober.last.signal.aborted, true);
  assert.deepEqual(bench.states, ["passing"]);
  bench.runner.stop();
});

for (const stallMs of [650, 1_000, 1_200, 1_499])
  test(`a stall of ${stallMs} ms over the deadline of the only probe discards its timeout`, async () => {
    const bench = new Bench({ unhealthyThreshold: 1, timeout: "2s" });
    bench.runner.start(0);
    await bench.clock.advance(0);
    bench.prober.last.answer(PASSED);
    await bench.clock.advance(11_900);
    bench.clock.stall(stallMs);
    await bench.clock.advance(0);
    assert.equal(bench.prober.last.signal.aborted, true);
    assert.deepEqual(bench.states, ["passing"]);
    bench.runner.stop();
  });

test("a success that a stall made slow is discarded too", async () => {
  const bench = new Bench({ maxLatency: "1s" });
  bench.runner.start(0);
  await bench.clock.advance(10);
  bench.clock.stall(1_500);
  bench.prober.last.answer(PASSED);
  await settle();
  assert.deepEqual(bench.states, []);
  bench.runner.stop();
});

test("a delay of the event loop of 500 ms or less is not a stall", async () => {
  const bench = new Bench();
  bench.runner.start(0);
  await bench.clock.advance(100); // a beat
  bench.clock.stall(525);
  bench.prober.last.answer(PASSED);
  await settle();
  assert.deepEqual(bench.states, ["passing"]);
  await bench.clock.advance(9_400);
  await bench.clock.advance(100);
  bench.clock.stall(526);
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, ["passing"]);
  bench.runner.stop();
});

test("for a probe with a short timeout, half of the timeout is already a stall", async () => {
  const bench = new Bench({ interval: "2s", timeout: "400ms", unhealthyThreshold: 1 });
  bench.runner.start(0);
  await bench.clock.advance(100);
  bench.clock.stall(226);
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, []);
  await bench.clock.advance(2_000);
  await bench.clock.advance(100);
  bench.clock.stall(225);
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, ["failing"]);
  bench.runner.stop();
});

test("a stall between two probes affects neither", async () => {
  const bench = new Bench({}, PASSED);
  bench.runner.start(0);
  await bench.clock.advance(5_000);
  bench.clock.stall(20_000);
  await bench.clock.advance(0);
  assert.deepEqual(bench.states, ["passing", "passing"]);
  bench.runner.stop();
});

test("a slow probe without a stall is not discarded", async () => {
  const bench = new Bench();
  bench.runner.start(0);
  await bench.clock.advance(1_990);
  bench.prober.last.answer(PASSED);
  await settle();
  assert.deepEqual(bench.states, ["passing"]);
  bench.runner.stop();
});

test("each due time of a hanging probe counts as another timeout", async () => {
  const bench = new Bench({ unhealthyThreshold: 3 });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(16_000); // the second probe is abandoned, and the third one hangs
  assert.deepEqual(bench.states, ["passing", "passing", "passing"]);
  await bench.clock.advance(1_900);
  assert.deepEqual(bench.states, ["passing", "passing", "passing"]);
  await bench.clock.advance(100);
  assert.deepEqual(bench.states.at(-1), "failing");
  bench.runner.stop();
});

test("a due time of a hanging probe does not count if the event loop was blocked since the last one", async () => {
  const bench = new Bench({ unhealthyThreshold: 3, edgeInterval: "1500ms" });
  bench.deps.stalls.start();
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(15_500); // the second probe is abandoned, and the third one hangs
  await bench.clock.advance(1_100); // the next due time is before the next beat
  bench.clock.stall(10_000);
  await bench.clock.advance(0);
  assert.deepEqual(bench.states, ["passing", "passing", "passing"]);
  await bench.clock.advance(1_500);
  assert.deepEqual(bench.states.at(-1), "failing", "once the loop turns again, its silence counts");
  bench.runner.stop();
  bench.deps.stalls.stop();
});

test("a stall is reported also when no probe runs, and does not affect a probe that starts after it", async () => {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock);
  const stalls = new Stalls({ clock, timers, instance: "stalls-test" });
  const told = await heard("stall", async () => {
    stalls.start();
    stalls.start();
    await clock.advance(5_500);
    clock.stall(3_000);
    stalls.probeStarted();
    assert.equal(stalls.since(clock.now()), undefined);
    await clock.advance(50);
    stalls.probeEnded();
    await clock.advance(10_000);
    clock.stall(2_000);
    await clock.advance(0);
    clock.stall(1_500);
    await clock.advance(0);
    stalls.stop();
    stalls.stop();
    clock.stall(5_000);
    await clock.advance(0);
  });
  assert.deepEqual(
    told.map(({ stallMs }) => stallMs),
    [2_500, 1_000],
    "the last was late by 500 ms only",
  );
  assert.equal(clock.pendingTimers, 0);
});

test("while one of two probes still runs, a stall of less than a second is seen", async () => {
  const clock = new VirtualClock();
  const stalls = new Stalls({ clock, timers: new TimerQueue(clock), instance: "stalls-test" });
  stalls.start();
  stalls.probeStarted();
  stalls.probeStarted();
  await clock.advance(1_000);
  stalls.probeEnded();
  const startedAt = clock.now();
  clock.stall(900);
  assert.equal(stalls.since(startedAt)?.stallMs, 875);
  stalls.probeEnded();
  stalls.stop();
  assert.equal(clock.pendingTimers, 0);
});

test("a timer that is stopped while a probe runs ends with that probe", async () => {
  const clock = new VirtualClock();
  const stalls = new Stalls({ clock, timers: new TimerQueue(clock), instance: "stalls-test" });
  stalls.start();
  stalls.probeStarted();
  stalls.stop();
  assert.equal(clock.pendingTimers, 1);
  clock.stall(2_000);
  assert.equal(stalls.since(0)?.stallMs, 1_975);
  stalls.probeEnded();
  assert.equal(clock.pendingTimers, 0);
});

test("a delay of 20 ms is normal, and the last 1,024 longer ones are kept", async () => {
  const clock = new VirtualClock();
  const stalls = new Stalls({ clock, timers: new TimerQueue(clock), instance: "stalls-test" });
  stalls.probeStarted();
  const delay = async (ms: number, limitMs = 10) => {
    clock.stall(25 + ms);
    await clock.advance(0);
    return stalls.since(-1, limitMs)?.stallMs ?? 0;
  };
  assert.deepEqual([await delay(20), await delay(21)], [0, 21]);
  await delay(300);
  for (let index = 1; index < 1_024; index += 1) assert.equal(await delay(25, 100), 300, `${index} since then`);
  assert.equal(await delay(25, 100), 0);
  stalls.probeEnded();
});

test("a long turn in which many results come is one delay", async () => {
  const clock = new VirtualClock();
  const stalls = new Stalls({ clock, timers: new TimerQueue(clock), instance: "stalls-test" });
  const told = await heard("stall", async () => {
    for (let probe = 0; probe < 40; probe += 1) stalls.probeStarted();
    for (let result = 1; result < 40; result += 1) {
      clock.stall(40);
      stalls.since(0);
      stalls.probeEnded();
    }
    clock.stall(40);
    assert.deepEqual([stalls.lostMs, stalls.since(0)?.stallMs], [1_575, 1_575]);
    await clock.advance(0);
    stalls.probeEnded();
  });
  assert.deepEqual(
    told.map(({ stallMs }) => stallMs),
    [1_575],
  );
});

test("of a stall, only the time after the start of a probe counts", async () => {
  const clock = new VirtualClock();
  const stalls = new Stalls({ clock, timers: new TimerQueue(clock), instance: "stalls-test" });
  stalls.probeStarted();
  clock.stall(2_000);
  const [startedAt, lostMs] = [clock.now(), stalls.lostMs];
  stalls.probeStarted();
  clock.stall(300);
  await clock.advance(0);
  assert.equal(stalls.since(startedAt), undefined);
  assert.equal(stalls.since(startedAt, 299)?.stallMs, 2_275);
  assert.equal(stalls.since(0)?.stallMs, 2_275);
  assert.equal(stalls.deadlineOf({ startedAt, timeoutMs: 1_000, lostMs }), startedAt + 1_300);
  stalls.probeEnded();
  stalls.probeEnded();
});

/** A clock as that of a machine: no two looks at it are the same. */
class MovingClock extends VirtualClock {
  override now(): number {
    this.stall(0.01);
    return super.now();
  }
}

for (const outcome of ["pass", "warn", "fail"] as const)
  test(`a report that comes right after a stall counts: ${outcome}`, async () => {
    const bench = new Bench({ unhealthyThreshold: 1 }, undefined, undefined, new MovingClock());
    bench.deps.stalls.start();
    await bench.clock.advance(1_000);
    bench.clock.stall(3_000);
    const dropped = await heard("result-dropped", async () => bench.prober.report({ outcome }));
    assert.deepEqual([dropped, bench.states.length], [[], 1]);
    bench.runner.stop();
    bench.deps.stalls.stop();
  });

test("a stall is judged by the timeout of the probe, also when a reload has changed it meanwhile", async () => {
  const bench = new Bench({ timeout: "400ms", unhealthyThreshold: 1 });
  bench.runner.start(0);
  await bench.clock.advance(100);
  bench.runner.change(completeSettings("c", { timeout: "5s", unhealthyThreshold: 1, jitter: 0 }));
  bench.clock.stall(300);
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, []);
  bench.runner.stop();
});

for (const [turnMs, timeout, turns] of [
  [120, "500ms", 5],
  [60, "250ms", 5],
  [240, "1s", 8],
] as const)
  test(`${turns} turns of ${turnMs} ms are no timeout of ${timeout}, and a target that never answers is one`, async () => {
    const bench = new Bench({ interval: "10s", timeout, unhealthyThreshold: 1 });
    const turn = async () => {
      bench.clock.stall(turnMs);
      await bench.clock.advance(0);
    };
    bench.runner.start(0);
    await bench.clock.advance(0);
    for (let count = 0; count < turns; count += 1) await turn();
    bench.prober.last.answer(PASSED);
    await settle();
    assert.deepEqual(bench.states, ["passing"]);
    await bench.clock.advance(bench.runner.nextProbeAt - bench.clock.now());
    for (let count = 0; count < 4 * turns; count += 1) await turn();
    assert.deepEqual([bench.states, bench.reason], [["passing", "failing"], "timeout"]);
    bench.runner.stop();
  });

test("an error of the prober says nothing when the event loop was blocked: the check is probed again soon", async () => {
  const bench = new Bench({ edgeInterval: "2s" });
  bench.runner.start(0);
  await bench.clock.advance(100);
  const errors = await heard("prober-failed", async () => {
    bench.clock.stall(1_000);
    bench.prober.last.throw(new ProberError("auth-server", "no token"));
    await settle();
  });
  assert.deepEqual(errors, []);
  assert.equal(bench.runner.nextProbeAt, 3_100);
  bench.runner.stop();
});
