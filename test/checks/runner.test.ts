import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Published, subscribe } from "../../src/core/channels.js";
import { ProberError } from "../../src/probers/prober.js";
import { completeSettings } from "../support/complete-settings.js";
import { settle } from "../support/virtual-clock.js";
import { Bench } from "./runner-fixture.js";
import { FAILED, type Look, PASSED } from "./scripted-prober.js";

test("the next probe starts one interval after the start of the last one", async () => {
  const bench = new Bench();
  bench.runner.start(0);
  for (let round = 0; round < 4; round += 1) {
    await bench.clock.advance(700);
    bench.prober.last.answer(PASSED);
    await bench.clock.advance(9_300);
  }
  assert.deepEqual(bench.prober.startedAt, [0, 10_000, 20_000, 30_000, 40_000]);
  assert.equal(bench.heard[0]?.last?.latencyMs, 700);
  bench.runner.stop();
});

test("the first probe waits for its delay", async () => {
  const bench = new Bench({}, PASSED);
  bench.runner.start(3_000);
  await bench.clock.advance(2_999);
  assert.deepEqual(bench.prober.startedAt, []);
  await bench.clock.advance(1);
  assert.deepEqual(bench.prober.startedAt, [3_000]);
  bench.runner.stop();
});

test("a target that says nothing fails with timeout at the timeout, and the work is cancelled [A120]", async () => {
  const bench = new Bench({ timeout: "2s" });
  bench.runner.start(0);
  await bench.clock.advance(1_999);
  assert.deepEqual(bench.states, []);
  assert.equal(bench.prober.last.signal.aborted, false);
  await bench.clock.advance(1);
  assert.deepEqual([bench.states, bench.reason], [["failing"], "timeout"]);
  assert.equal(bench.prober.last.signal.aborted, true);
  assert.equal(bench.heard[0]?.last?.latencyMs, 2_000);
  bench.runner.stop();
});

/** The messages on the channels of abandoned probes, as text. */
function abandonedProbes(): { readonly heard: string[]; readonly unsubscribe: () => void } {
  const heard: string[] = [];
  const subscriptions = [
    subscribe("probe-abandoned", ({ check, timeoutMs }) => heard.push(`${check} abandoned after ${timeoutMs}`)),
    subscribe("abandoned-ended", ({ check, lastedMs }) => heard.push(`${check} ended after ${lastedMs}`)),
  ];
  const unsubscribe = () => {
    for (const each of subscriptions) each();
  };
  return { heard, unsubscribe };
}

test("a probe that healthbridge itself has held up until the deadline is a prober error, and no timeout of the target", async () => {
  const bench = new Bench({ interval: "10s", timeout: "2s" });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(10_000);
  for (const count of [2, 3, 4, 5]) {
    assert.equal(bench.prober.looks.length, count);
    const { signal, throw: reject } = bench.prober.last;
    signal.addEventListener("abort", () => reject(new ProberError("dns", "no name server has answered")));
    await bench.clock.advance(10_000);
  }
  assert.deepEqual(bench.states, ["passing", "pending"], "the last result is stale, and nothing has failed");
  bench.runner.stop();
});

test("a prober error that comes a while after the deadline does not undo the timeout", async () => {
  const bench = new Bench({ timeout: "2s" });
  bench.runner.start(0);
  await bench.clock.advance(2_100);
  bench.prober.last.throw(new ProberError("dns", "too late"));
  await bench.clock.advance(1);
  assert.deepEqual([bench.states, bench.reason], [["failing"], "timeout"]);
  bench.runner.stop();
});

test("a probe that never ends is given up after its timeout: the check goes on beside it, and passes", async () => {
  const { heard, unsubscribe } = abandonedProbes();
  const bench = new Bench({ interval: "10s", timeout: "2s", healthyThreshold: 1 });
  bench.runner.start(0);
  await bench.clock.advance(12_000); // the first probe never ends
  assert.deepEqual([bench.states, bench.reason, bench.prober.looks.length], [["failing"], "timeout", 2]);
  bench.prober.last.answer(PASSED);
  await settle();
  assert.deepEqual(bench.states, ["failing", "passing"]);
  await bench.clock.advance(600_000);
  assert.deepEqual(heard, ["c abandoned after 2000"], "published once");
  unsubscribe();
  bench.runner.stop();
});

test("after the event loop was blocked over the deadline, a probe that ends when it is aborted is not abandoned [A121]", async () => {
  const { heard, unsubscribe } = abandonedProbes();
  const bench = new Bench();
  bench.runner.start(0);
  await bench.clock.advance(0);
  const { last } = bench.prober;
  last.signal.addEventListener("abort", () => last.throw(new Error("aborted")));
  bench.clock.stall(10_000);
  await bench.clock.advance(0);
  assert.deepEqual([last.signal.aborted, heard], [true, []]);
  bench.runner.stop();
  unsubscribe();
});

test("of the probes that never end one is abandoned: a second one keeps its place, and each due time is another timeout [A121]", async () => {
  const { heard, unsubscribe } = abandonedProbes();
  const bench = new Bench({ interval: "10s", timeout: "2s", unhealthyInterval: "10s" });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(12_000); // the second probe never ends
  assert.deepEqual(bench.states, ["passing", "passing"]);
  await bench.clock.advance(4_000); // and the third one neither
  assert.deepEqual([bench.states.length, bench.prober.looks.length], [3, 3]);
  await bench.clock.advance(2_000);
  assert.deepEqual([bench.states, bench.reason], [["passing", "passing", "passing", "failing"], "timeout"]);
  assert.equal(bench.heard.at(-1)?.last?.latencyMs, 4_000, "the age of the probe that hangs");
  await bench.clock.advance(400_000);
  assert.deepEqual([bench.prober.looks.length, bench.prober.mostAtOnce], [3, 2]);
  assert.equal(bench.states.length, 44, "one timeout at each due time");
  assert.deepEqual(heard, ["c abandoned after 2000"]);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(10_000);
  assert.equal(bench.prober.looks.length, 4, "it starts again once the current one has ended");
  unsubscribe();
  bench.runner.stop();
});

test("when the abandoned probe ends, its result is ignored, and the next one that hangs can be abandoned", async () => {
  for (const end of [
    (look: Look) => look.answer(PASSED),
    (look: Look) => look.answer(FAILED),
    (look: Look) => look.throw(new Error("late")),
  ]) {
    const { heard, unsubscribe } = abandonedProbes();
    const bench = new Bench({ interval: "10s", timeout: "2s", healthyThreshold: 1 });
    bench.runner.start(0);
    await bench.clock.advance(15_000); // both probes hang
    const [first] = bench.prober.looks;
    assert.deepEqual([bench.states, bench.prober.looks.length], [["failing", "failing"], 2]);
    assert.ok(first !== undefined);
    end(first);
    await settle();
    assert.deepEqual(bench.states, ["failing", "failing"]);
    await bench.clock.advance(9_000);
    assert.equal(bench.prober.looks.length, 3);
    bench.prober.last.answer(PASSED);
    await settle();
    assert.deepEqual(bench.states, ["failing", "failing", "passing"]);
    assert.deepEqual(heard, ["c abandoned after 2000", "c ended after 15000", "c abandoned after 2000"]);
    unsubscribe();
    bench.runner.stop();
  }
});

test("a check that is stopped while a probe is abandoned ends at once, and leaves no timer and no message", async () => {
  const bench = new Bench({ interval: "10s", timeout: "2s" });
  bench.runner.start(0);
  await bench.clock.advance(11_000);
  const { heard, unsubscribe } = abandonedProbes();
  bench.runner.stop();
  assert.equal(bench.clock.pendingTimers, 0);
  for (const look of bench.prober.looks) look.answer(PASSED);
  await bench.clock.advance(60_000);
  assert.deepEqual([heard, bench.states, bench.clock.pendingTimers], [[], ["failing"], 0]);
  unsubscribe();
});

test("one hanging probe is one timeout, even if the prober stops late and the next probe is due at once", async () => {
  const bench = new Bench({ timeout: "2s", edgeInterval: "1s" });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(12_000); // the second look times out, and its edge interval is over
  await bench.clock.advance(50);
  assert.equal(bench.heard.length, 2);
  bench.prober.last.throw(new Error("aborted"));
  await bench.clock.advance(0);
  assert.deepEqual(bench.prober.startedAt, [0, 10_000, 12_050]);
  assert.equal(bench.heard.length, 2);
  bench.runner.stop();
});

test("an answer after the timeout is ignored, and does not count for the next probe [A122]", async () => {
  const bench = new Bench({ healthyThreshold: 1 });
  bench.runner.start(0);
  await bench.clock.advance(2_000);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(7_999);
  assert.deepEqual(bench.states, ["failing"]);
  await bench.clock.advance(1);
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, ["failing", "failing"]);
  bench.runner.stop();
});

test("a prober error changes no state and no counter, is reported, and is tried again", async () => {
  const bench = new Bench({ unhealthyThreshold: 2 });
  const messages: Published<"prober-failed">[] = [];
  const unsubscribe = subscribe("prober-failed", (message) => messages.push(message));
  bench.runner.start(0);
  await settle();
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(10_000);
  bench.prober.last.answer(FAILED);
  await bench.clock.advance(2_000);
  const error = new Error("EMFILE");
  bench.prober.last.throw(error);
  await bench.clock.advance(2_000);
  assert.deepEqual(bench.states, ["passing", "passing"]);
  assert.deepEqual(
    messages.map(({ check, error: thrown, instance }) => [check, thrown, instance]),
    [["c", error, "runner-test"]],
  );
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, ["passing", "passing", "failing"], "the failure before the throw still counts");
  unsubscribe();
  bench.runner.stop();
});

test("a prober that throws at once is treated like one that rejects", async () => {
  const bench = new Bench();
  bench.prober.probe = () => {
    throw new Error("not even a promise");
  };
  bench.runner.start(0);
  await bench.clock.advance(60_000);
  assert.deepEqual(bench.states, []);
  assert.equal(bench.clock.pendingTimers, 1);
  bench.runner.stop();
});

test("with no result for staleAfter the check is pending again; the next result decides at once [A131]", async () => {
  const bench = new Bench({ staleAfter: "30s" });
  bench.runner.start(0);
  await bench.clock.advance(0);
  bench.prober.last.answer(PASSED);
  for (let at = 10_000; at < 30_000; at += 10_000) {
    await bench.clock.advance(10_000);
    bench.prober.last.throw(new Error("ENFILE"));
  }
  await bench.clock.advance(9_999);
  assert.deepEqual(bench.states, ["passing"]);
  await bench.clock.advance(1);
  assert.deepEqual([bench.states, bench.reason], [["passing", "pending"], "prober"]);
  assert.equal(bench.heard.at(-1)?.last, undefined);
  bench.prober.last.answer(FAILED);
  await settle();
  assert.deepEqual(bench.states, ["passing", "pending", "failing"]);
  bench.runner.stop();
});

test("while results come, the check is never stale, and it needs one timer for that", async () => {
  const bench = new Bench({ staleAfter: "15s" }, PASSED);
  bench.runner.start(0);
  await bench.clock.advance(600_000);
  assert.deepEqual(new Set(bench.states), new Set(["passing"]));
  assert.equal(bench.clock.pendingTimers, 2, "due and stale");
  bench.runner.stop();
});

test("edgeInterval applies while a threshold is counted, unhealthyInterval while failing", async () => {
  const bench = new Bench({ edgeInterval: "1s", unhealthyInterval: "20s" });
  bench.runner.start(0);
  await bench.clock.advance(0);
  for (const [result, nextAt] of [
    [PASSED, 10_000],
    [FAILED, 11_000],
    [FAILED, 12_000],
    [FAILED, 32_000],
    [PASSED, 33_000],
    [PASSED, 43_000],
  ] as const) {
    bench.prober.last.answer(result);
    await settle();
    await bench.clock.advance(nextAt - bench.clock.now());
    assert.equal(bench.prober.startedAt.at(-1), nextAt);
  }
  bench.runner.stop();
});

test("with jitter, the time between probes varies by at most a tenth of the interval [A129]", async () => {
  let at = 0;
  const random = () => [0, 0.25, 0.5, 0.75, 0.999][at++ % 5] ?? 0;
  const bench = new Bench({ jitter: 0.1 }, PASSED, random);
  bench.runner.start(0);
  await bench.clock.advance(51_000);
  const gaps = bench.prober.startedAt.slice(1).map((start, index) => start - (bench.prober.startedAt[index] ?? 0));
  assert.deepEqual(gaps.slice(0, 4).map(Math.round), [9_000, 9_500, 10_000, 10_500]);
  bench.runner.stop();
});

test("a check that is stopped during its probe is cancelled, its result is dropped, and no timer is left [A127]", async () => {
  const bench = new Bench();
  bench.runner.start(0);
  await bench.clock.advance(100);
  bench.runner.stop();
  assert.equal(bench.prober.last.signal.aborted, true);
  assert.equal(bench.prober.closed, true);
  assert.equal(bench.clock.pendingTimers, 0);
  bench.prober.last.answer(PASSED);
  bench.prober.change();
  await bench.clock.advance(60_000);
  assert.deepEqual(bench.states, []);
  assert.equal(bench.prober.looks.length, 1);
  assert.equal(bench.clock.pendingTimers, 0);
});

test("a check that is stopped between two probes leaves no timer", async () => {
  const bench = new Bench({}, PASSED);
  bench.runner.start(0);
  await bench.clock.advance(5_000);
  bench.runner.stop();
  assert.equal(bench.clock.pendingTimers, 0);
});

test("every result is published with its latency; the listener gets the target's text as the detail alone", async () => {
  const bench = new Bench();
  const messages: Published<"probe">[] = [];
  const unsubscribe = subscribe("probe", (message) => messages.push(message));
  bench.runner.start(0);
  await bench.clock.advance(40);
  bench.prober.last.answer(FAILED);
  await settle();
  unsubscribe();
  const { detail } = FAILED;
  const measured = { latencyMs: 40, startLagMs: 0, certificateEndsAt: undefined };
  assert.deepEqual(messages, [
    { check: "c", outcome: "fail", reason: "refused", detail, ...measured, instance: "runner-test" },
  ]);
  const text = JSON.stringify(bench.heard);
  assert.ok(text.includes(JSON.stringify(detail)));
  assert.ok(!text.replaceAll(JSON.stringify(detail), "").includes("secret.internal"));
  bench.runner.stop();
});

test("a wall clock that jumps by an hour, forward and back, changes no interval, no timeout and no staleness [A133, C16]", async () => {
  const bench = new Bench({ staleAfter: "25s" });
  bench.runner.start(0);
  for (let round = 0; round < 4; round += 1) {
    await bench.clock.advance(0);
    bench.clock.wallOffset = round % 2 === 0 ? 3_600_000 : -3_600_000;
    bench.prober.last.answer(PASSED);
    await bench.clock.advance(10_000);
  }
  assert.deepEqual(bench.prober.startedAt, [0, 10_000, 20_000, 30_000, 40_000]);
  assert.deepEqual(new Set(bench.states), new Set(["passing"]));
  bench.clock.wallOffset = 0;
  await bench.clock.advance(2_000);
  assert.equal(bench.prober.last.signal.aborted, true, "the timeout is where it was");
  bench.runner.stop();
});

for (const [what, before, delayMs, after, startsAt] of [
  ["a shorter initialDelay counts from the start", { initialDelay: "1h" }, 3_600_000, { initialDelay: "10s" }, 10_000],
  ["no initialDelay starts the probe at once", { initialDelay: "1h" }, 3_600_000, {}, 5_000],
  ["a longer initialDelay counts from the start", { initialDelay: "10s" }, 10_000, { initialDelay: "1m" }, 60_000],
  // one of many checks: its first probe is spread over the interval
  ["a spread first probe comes within the new interval", { interval: "10h" }, 30_000_000, { interval: "5s" }, 10_000],
  ["with the same delay, the first probe stays where it is", {}, 7_000, { unhealthyThreshold: 5 }, 7_000],
] as const)
  test(`changed before its first probe: ${what}`, async () => {
    const bench = new Bench(before, PASSED);
    bench.runner.start(delayMs);
    await bench.clock.advance(5_000);
    bench.runner.change(completeSettings("c", { jitter: 0, ...after }));
    await bench.clock.advance(startsAt - 5_000);
    assert.deepEqual(bench.prober.startedAt, [startsAt]);
    bench.runner.stop();
  });

test("the lag of a probe is the time by which it starts after its due time", async () => {
  const bench = new Bench({}, PASSED);
  const lags: number[] = [];
  const unsubscribe = subscribe("probe", ({ instance, startLagMs }) => {
    if (instance === "runner-test") lags.push(startLagMs);
  });
  bench.runner.start(0);
  await bench.clock.advance(15_000);
  bench.clock.stall(5_400);
  await bench.clock.advance(0);
  assert.deepEqual(lags, [0, 0, 400]);
  unsubscribe();
  bench.runner.stop();
});

describe("a change of the settings", () => {
  const slower = completeSettings("c", { jitter: 0, interval: "30s" });
  const faster = completeSettings("c", { jitter: 0, interval: "5s" });

  test("moves the next probe, counted from the start of the last one", async () => {
    const bench = new Bench({}, PASSED);
    bench.runner.start(0);
    await bench.clock.advance(3_000);
    assert.equal(bench.runner.nextProbeAt, 10_000);
    bench.runner.change(faster);
    assert.equal(bench.runner.nextProbeAt, 5_000);
    bench.runner.change(slower);
    assert.equal(bench.runner.nextProbeAt, 30_000);
    await bench.clock.advance(27_000);
    assert.deepEqual(bench.prober.startedAt, [0, 30_000]);
    bench.runner.stop();
  });

  test("during a probe counts from its end on", async () => {
    const bench = new Bench({ timeout: "9s" });
    bench.runner.start(0);
    await bench.clock.advance(3_000);
    bench.runner.change(completeSettings("c", { jitter: 0, interval: "1s", timeout: "500ms" }));
    bench.runner.probeSoon();
    assert.equal(bench.runner.nextProbeAt, Number.POSITIVE_INFINITY);
    await bench.clock.advance(5_000);
    assert.deepEqual([bench.prober.startedAt, bench.heard.length], [[0], 0], "the probe keeps its deadline");
    bench.prober.last.answer(PASSED);
    await bench.clock.advance(0);
    assert.deepEqual([bench.states, bench.prober.startedAt], [["passing"], [0, 8_000]]);
    bench.runner.stop();
  });

  test("of a check that has not been started starts nothing", async () => {
    const bench = new Bench({}, PASSED);
    bench.runner.change(faster);
    await bench.clock.advance(60_000);
    assert.deepEqual([bench.runner.nextProbeAt, bench.prober.startedAt], [Number.POSITIVE_INFINITY, []]);
    bench.runner.stop();
  });
});

const ENDS: Readonly<Record<string, (bench: Bench) => unknown>> = {
  "the answer of its probe": (bench) => bench.prober.last.answer(FAILED),
  "a prober that rejects": (bench) => bench.prober.last.throw(new Error("broken")),
  "the deadline of its probe": () => {},
};

for (const [what, act] of Object.entries(ENDS))
  test(`after the removal of a check, and before its runner has stopped, ${what} is not counted`, async () => {
    const counted: string[] = [];
    const channels = ["probe", "prober-failed", "result-dropped"] as const;
    const ends = channels.map((channel) => subscribe(channel, ({ check }) => counted.push(`${channel} ${check}`)));
    const bench = new Bench({ interval: "1s", timeout: "500ms" });
    bench.runner.start(0);
    await bench.clock.advance(10);
    bench.runner.ignoreResults();
    await act(bench);
    await bench.clock.advance(5_000);
    bench.runner.stop();
    for (const end of ends) end();
    assert.deepEqual(counted, []);
    assert.equal(bench.clock.pendingTimers, 0);
  });
