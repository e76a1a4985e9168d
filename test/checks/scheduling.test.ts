/** Whether probes start when they are due, as a watchdog outside of the process asks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isScheduling, SchedulingWatch } from "../../src/checks/scheduling.js";

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

describe("of very many checks", () => {
  /** Counts the checks that were looked at. */
  function counted(checks: readonly ReturnType<typeof check>[]) {
    const seen = { count: 0 };
    const all = {
      *[Symbol.iterator]() {
        for (const each of checks) {
          seen.count += 1;
          yield each;
        }
      },
    };
    return { seen, all };
  }
  const idle = (count: number) => Array.from({ length: count }, () => check(-10, 30));

  test("a look is at some of them, and the next one at the next ones: it begins again when all were looked at", () => {
    const { seen, all } = counted(idle(100_000));
    const watch = new SchedulingWatch();
    for (let look = 1; look <= 20; look += 1) {
      assert.equal(watch.look(all, NOW), true);
      assert.equal(seen.count, look * 5_000);
    }
    watch.look(all, NOW);
    watch.look(all, NOW);
    assert.equal(seen.count, 105_000);
  });

  test("one that is too late is found when all were looked at, and then as long as none has started", () => {
    const late = check(17, 30);
    const checks = [...idle(1_000), late, ...idle(9_500)];
    const watch = new SchedulingWatch();
    const looks = (count: number) => Array.from({ length: count }, () => watch.look(checks, NOW));
    assert.deepEqual(looks(6), [true, true, false, false, false, false]);
    late.runner.lastProbeAt = NOW - 100;
    assert.deepEqual(looks(1), [true], "it has started since it was looked at");
  });

  test("one that starts lately ends the looks at the others", () => {
    const { seen, all } = counted([...idle(7_000), check(-10, 0.1), ...idle(50_000)]);
    const watch = new SchedulingWatch();
    assert.deepEqual([watch.look(all, NOW), watch.look(all, NOW), seen.count], [true, true, 7_001]);
    watch.look(all, NOW);
    assert.equal(seen.count, 12_001, "from the first one again");
  });
});
