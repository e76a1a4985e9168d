/** Whether probes start when they are due, as a watchdog outside of the process asks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isScheduling } from "../../src/checks/scheduling.js";

const NOW = 100_000;

/** Seconds before now; `next` 0: not due. */
const check = (next: number, last: number, timeoutMs = 2_000) => ({
  runner: { nextProbeAt: NOW - next * 1_000, lastProbeAt: NOW - last * 1_000 },
  settings: { timeoutMs },
});

/** Neither due nor started: another member of a fleet probes it. */
const resting = (timeoutMs: number) => check(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, timeoutMs);

const rows: readonly (readonly [string, ReturnType<typeof check>[], boolean])[] = [
  ["without checks, they do", [], true],
  ["a check that is due in the future is scheduled", [check(-10, 30)], true],
  ["a running probe has no due time", [check(Number.NEGATIVE_INFINITY, 30)], true],
  ["a check that is 16 s late, three timeouts and 10 s, is still scheduled", [check(16, 30)], true],
  ["a check that is later, while no probe starts, is not", [check(16.1, 30)], false],
  ["one late check is enough", [check(-10, 30), check(16.1, 30), check(-5, 40)], false],
  ["while other probes start, a late check waits for its turn", [check(60, 90), check(-10, 0.1)], true],
  ["the longest timeout counts: so long may all slots be in use", [check(60, 90), check(-10, 50, 60_000)], true],
  ["a check that rests does not lend others its timeout", [check(60, 90), resting(10 ** 6)], false],
  ["checks that rest are not late", [resting(1_000)], true],
  ["a check that has never started counts from its due time", [check(17, Number.POSITIVE_INFINITY)], false],
];
for (const [title, checks, expected] of rows) test(title, () => assert.equal(isScheduling(checks, NOW), expected));
