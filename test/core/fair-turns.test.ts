/** Connections share the turns of the event loop: light ones first, and none for long. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { subscribe } from "../../src/core/channels.js";
import type { Clock } from "../../src/core/clock.js";
import { FairTurns } from "../../src/core/fair-turns.js";

/** A clock that work moves. */
function steppedClock(): Clock & { now: () => number; step: (ms: number) => void } {
  let time = 0;
  return {
    now: () => time,
    wallTime: () => time,
    setTimer: () => () => {},
    step: (ms) => {
      time += ms;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function fixture() {
  const clock = steppedClock();
  const turns = new FairTurns(clock, "turns");
  const log: string[] = [];
  const work = (name: string, ms: number) => () => {
    log.push(name);
    clock.step(ms);
  };
  /** A share that has used so much time. */
  const share = (usedMs = 0) => {
    const opened = turns.open();
    opened.measure(() => clock.step(usedMs));
    return opened;
  };
  return { clock, turns, log, work, share };
}

describe("work", () => {
  test("is done at once while the turn has time, and in a later turn then", async () => {
    const { log, work, share } = fixture();
    const [a, b] = [share(), share()];
    a.run(work("a1", 3));
    a.run(work("a2", 3));
    b.run(work("b1", 1));
    assert.deepEqual(log, ["a1", "a2"]);
    await turn();
    assert.deepEqual(log, ["a1", "a2", "b1"]);
    assert.equal(a.mayWork, true);
  });

  test("of light shares comes before work of heavy ones that wait longer", async () => {
    const { log, work, share } = fixture();
    const [heavy, light] = [share(10), share()];
    for (let index = 0; index < 5; index += 1) heavy.queue(work(`heavy ${index}`, 3));
    light.queue(work("light", 1));
    await turn();
    assert.deepEqual(log, ["light", "heavy 0"]);
    await turn();
    assert.deepEqual(log, ["light", "heavy 0", "heavy 1", "heavy 2"]);
  });

  test("of heavy shares goes on in each turn, however many light ones there are", async () => {
    const { log, work, share } = fixture();
    const heavy = share(10);
    heavy.queue(work("heavy", 1));
    for (let index = 0; index < 100; index += 1) share().queue(work("light", 1));
    await turn();
    assert.equal(log.filter((name) => name === "heavy").length, 1);
    assert.ok(log.length < 10, `${log.length} in one turn`);
  });

  test("of one share stays in order", async () => {
    const { log, work, share } = fixture();
    const heavy = share(10);
    const others = Array.from({ length: 20 }, () => share(10));
    for (let index = 0; index < 20; index += 1) {
      heavy.queue(work(`${index}`, 1));
      others[index]?.queue(work("other", 1));
    }
    for (let turns = 0; turns < 50; turns += 1) await turn();
    assert.deepEqual(
      log.filter((name) => name !== "other"),
      Array.from({ length: 20 }, (_, index) => `${index}`),
    );
  });

  for (const usedMs of [0, 10])
    test(`that waits longer comes before work that is queued in the same turn (used before: ${usedMs} ms)`, async () => {
      const { log, work, share } = fixture();
      const first = share(usedMs);
      const second = share(usedMs);
      first.queue(() => {
        work("1", 3)();
        first.queue(work("4", 3));
      });
      first.queue(work("2", 3));
      second.queue(work("3", 3));
      for (let turns = 0; turns < 5; turns += 1) await turn();
      assert.deepEqual(log, ["1", "2", "3", "4"]);
    });

  test("within measured work is part of it, and has no slice of its own", () => {
    const { clock, share } = fixture();
    const seen: boolean[] = [];
    const opened = share();
    opened.measure(() => {
      clock.step(1);
      opened.measure(() => {
        seen.push(opened.isSliceOver);
        clock.step(2);
      });
    });
    assert.deepEqual(seen, [true]);
    // 3 ms were used, and 2 of them must not count twice
    assert.equal(opened.isLight, true);
  });

  test("that throws is a fault, and the others are done", async (t) => {
    const { log, work, share } = fixture();
    const faults: unknown[] = [];
    t.after(subscribe("fault", ({ instance, error }) => instance === "turns" && faults.push(error)));
    share().queue(() => {
      throw new Error("broken");
    });
    share().queue(work("next", 1));
    await turn();
    assert.deepEqual([faults.map(String), log], [["Error: broken"], ["next"]]);
  });
});

test("a share that rests is light again: a tenth of the time is free", () => {
  const { clock, share } = fixture();
  const used = share(10);
  assert.equal(used.isLight, false);
  clock.step(59);
  assert.equal(used.isLight, false);
  clock.step(2);
  assert.equal(used.isLight, true);
});

test("a share that works and rests in turn stays light below a tenth of the time, and becomes heavy above", () => {
  for (const [restMs, isLight] of [
    [12, true],
    [5, false],
  ] as const) {
    const { clock, share } = fixture();
    const used = share();
    for (let round = 0; round < 50; round += 1) {
      used.measure(() => clock.step(1));
      clock.step(restMs);
    }
    assert.equal(used.isLight, isLight, `${restMs} ms of rest`);
  }
});

test("a slice is over after a millisecond", () => {
  const { clock, share } = fixture();
  const seen: boolean[] = [];
  const opened = share();
  opened.measure(() => {
    for (const ms of [0, 0.5, 0.5]) {
      clock.step(ms);
      seen.push(opened.isSliceOver);
    }
  });
  assert.deepEqual(seen, [false, false, true]);
});
