/** The runs of one check: when each must be aborted or abandoned. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProbeRun, ProbeRuns } from "../../src/checks/probe-run.js";
import { VirtualClock } from "../support/virtual-clock.js";

function runAt(startedAt: number): ProbeRun {
  const deadlines = { leftMs: () => 2_000 };
  return new ProbeRun({ startedAt, startLagMs: 0, timeoutMs: 2_000, lostMs: 0, deadlines });
}

const runsOfCheck = () => new ProbeRuns({ instance: "probe-run-test", check: "c", clock: new VirtualClock() });

describe("the signal of a run", () => {
  test("is aborted with the run", () => {
    const run = runAt(0);
    const { signal } = run;
    assert.deepEqual([signal.aborted, run.signal === signal], [false, true]);
    run.end();
    assert.equal(signal.aborted, true);
  });

  test("is aborted if it is first asked for afterwards", () => {
    const run = runAt(0);
    run.end();
    assert.equal(run.signal.aborted, true);
  });
});

describe("the runs of a check", () => {
  /** A run whose deadline has passed. */
  const late = (startedAt: number) => {
    const run = runAt(startedAt);
    [run.late, run.abortedAt] = [true, startedAt + 2_500];
    return run;
  };

  test("have a limit: the deadline, then a second after the abort, then none", () => {
    const runs = runsOfCheck();
    assert.deepEqual([runs.limitAt, runs.mayAbandon], [Number.POSITIVE_INFINITY, false]);
    runs.current = runAt(1_000);
    assert.deepEqual([runs.limitAt, runs.mayAbandon], [3_000, false]);
    runs.current = late(1_000);
    assert.deepEqual([runs.limitAt, runs.mayAbandon], [4_500, true]);
    runs.abandon();
    assert.deepEqual([runs.limitAt, runs.mayAbandon, runs.current], [Number.POSITIVE_INFINITY, false, undefined]);
  });

  test("have one that is abandoned at most, and another one when that has ended", () => {
    const runs = runsOfCheck();
    const [first, second] = [late(0), late(10_000)];
    runs.current = first;
    runs.abandon();
    runs.current = second;
    assert.deepEqual([runs.limitAt, runs.mayAbandon], [Number.POSITIVE_INFINITY, false]);
    assert.equal(runs.end(first), "abandoned");
    assert.deepEqual([runs.limitAt, runs.mayAbandon], [13_500, true]);
    assert.equal(runs.end(second), "current");
    assert.equal(runs.current, undefined);
  });
});
