import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { runAtOnce } from "../../../src/core/turns.js";
import { Ledger } from "../../../src/fleet/exchange/ledger.js";
import { Mirror } from "../../../src/fleet/exchange/mirror.js";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import type { Cell, VoteState } from "../../../src/fleet/records/vote.js";
import type { LogEntry } from "../../../src/fleet/store/store.js";

const RUN = "0123456789abcdef01234567";
const codec = new FleetCodec("prod", "secret");

function cell(state: VoteState): Cell {
  return { definition: "d", castAtMs: 0, order: 0, vote: { state, reason: undefined } };
}

/** A run that writes, and a mirror that knows it from its start. */
function pair() {
  const ledger = new Ledger(RUN, codec);
  const mirror = new Mirror(codec);
  mirror.beat(RUN, ledger.head);
  const write = (changes: Readonly<Record<string, VoteState | undefined>>): LogEntry => {
    for (const [check, state] of Object.entries(changes)) ledger.set(check, state && cell(state));
    const entry = ledger.take();
    assert.ok(entry);
    ledger.acknowledge(entry, ledger.head);
    return entry;
  };
  const replace = () => {
    const all = ledger.all();
    assert.ok(all);
    return runAtOnce(mirror.replace(RUN, all.head, all.cells));
  };
  return { ledger, mirror, write, replace };
}

function votesOf(mirror: Mirror): Readonly<Record<string, VoteState>> {
  const checks = [...mirror.checksOf(RUN)].sort();
  return Object.fromEntries(
    checks.flatMap((check) => [...mirror.votes(check)].map(({ cell: { vote } }) => [check, vote.state])),
  );
}

const causes = (mirror: Mirror) => mirror.wanted().map(({ cause }) => cause);

describe("the mirror", () => {
  test("follows the log of a run, and tells what has changed", () => {
    const { mirror, write, ledger } = pair();
    assert.deepEqual(mirror.apply(write({ a: "passing", b: "failing" })), ["a", "b"]);
    assert.deepEqual(mirror.apply(write({ a: undefined })), ["a"]);
    assert.deepEqual(votesOf(mirror), { b: "failing" });
    mirror.beat(RUN, ledger.head);
    mirror.beat(RUN, ledger.head);
    assert.deepEqual(causes(mirror), []);
  });

  test("reads a run that has written before, once for each beat, and again when that has failed", () => {
    const { write, ledger } = pair();
    write({ a: "passing" });
    const mirror = new Mirror(codec);
    mirror.beat(RUN, ledger.head);
    assert.deepEqual(causes(mirror), ["new-run"]);
    assert.deepEqual(causes(mirror), []);
    mirror.beat(RUN, ledger.head);
    assert.deepEqual(causes(mirror), ["new-run"]);
    const all = ledger.all();
    assert.ok(all);
    assert.deepEqual(runAtOnce(mirror.replace(RUN, all.head, all.cells)), ["a"]);
    mirror.beat(RUN, ledger.head);
    assert.deepEqual(causes(mirror), []);
  });

  test("takes votes after a gap at once, and reads the run anew", () => {
    const { mirror, write, replace } = pair();
    mirror.apply(write({ a: "passing", b: "passing", c: "passing" }));
    write({ b: undefined });
    assert.deepEqual(mirror.apply(write({ a: "failing" })), ["a"]);
    assert.deepEqual(causes(mirror), ["gap"]);
    // a removal waits: it has no signature of its own
    assert.deepEqual(mirror.apply(write({ c: undefined })), []);
    assert.deepEqual(replace().toSorted(), ["b", "c"]);
    assert.deepEqual(votesOf(mirror), { a: "failing" });
    assert.deepEqual(mirror.apply(write({ a: "passing" })), ["a"]);
  });

  test("keeps a vote that is newer than the cells that are read", () => {
    const { mirror, write, ledger } = pair();
    write({ a: "passing", b: "passing" });
    const old = ledger.all();
    assert.ok(old);
    assert.deepEqual(mirror.apply(write({ a: "failing" })), ["a"]);
    assert.deepEqual(runAtOnce(mirror.replace(RUN, old.head, old.cells)), ["b"]);
    assert.deepEqual(votesOf(mirror), { a: "failing", b: "passing" });
    mirror.beat(RUN, ledger.head);
    assert.deepEqual(causes(mirror), []);
  });

  for (const [title, isKnown, cause] of [
    ["that the log has lost", true, "log-lost"],
    ["that were read before the first beat of their run", false, "new-run"],
  ] as const)
    test(`misses entries ${title} when two beats tell of them`, () => {
      const { mirror, write, ledger } = pair();
      const first = write({ a: "passing" });
      if (isKnown) mirror.apply(first);
      if (isKnown) write({ a: "failing" });
      mirror.beat(RUN, ledger.head);
      assert.deepEqual(causes(mirror), []);
      mirror.beat(RUN, ledger.head);
      assert.deepEqual(causes(mirror), [cause]);
    });

  test("knows cells that do not fit the beat", () => {
    const { mirror, write } = pair();
    mirror.apply(write({ a: "passing" }));
    mirror.beat(RUN, codec.sealHead(RUN, { sequence: 1, high: 1, low: 1 }));
    assert.deepEqual(causes(mirror), ["digest"]);
  });

  test("does not go back to older cells of a store that has lost writes", () => {
    const { mirror, write, ledger } = pair();
    mirror.apply(write({ a: "passing" }));
    const old = ledger.all();
    assert.ok(old);
    const oldEntry = write({ a: "failing" });
    mirror.apply(oldEntry);
    mirror.apply(write({ b: "passing" }));
    assert.deepEqual(runAtOnce(mirror.replace(RUN, old.head, old.cells)), []);
    assert.deepEqual(mirror.apply(oldEntry), []);
    assert.deepEqual(votesOf(mirror), { a: "failing", b: "passing" });
  });

  test("takes a write again that has come with other cells before, when the writer believed it failed", () => {
    const { mirror, ledger } = pair();
    ledger.set("a", cell("failing"));
    ledger.set("b", cell("failing"));
    const first = ledger.take();
    assert.ok(first);
    mirror.apply(first);
    ledger.giveBack(first);
    ledger.set("a", undefined);
    ledger.set("b", cell("passing"));
    const second = ledger.take();
    assert.ok(second);
    ledger.acknowledge(second, ledger.head);
    assert.deepEqual(mirror.apply(second).toSorted(), ["a", "b"]);
    assert.deepEqual(votesOf(mirror), { b: "passing" });
    mirror.beat(RUN, ledger.head);
    assert.deepEqual(causes(mirror), []);
  });

  test("is current when it has all that the last beat has told", () => {
    const { mirror, write, ledger } = pair();
    assert.equal(mirror.isCurrent("unknown"), false);
    assert.equal(mirror.isCurrent(RUN), true);
    const entry = write({ a: "passing" });
    mirror.beat(RUN, ledger.head);
    assert.equal(mirror.isCurrent(RUN), false);
    mirror.apply(entry);
    assert.equal(mirror.isCurrent(RUN), true);
  });

  test("forgets a run, and tells of which checks it said something", () => {
    const { mirror, write } = pair();
    mirror.apply(write({ a: "passing", b: "failing" }));
    assert.deepEqual(runAtOnce(mirror.forget(RUN)), ["a", "b"]);
    assert.deepEqual([[...mirror.checksOf(RUN)], [...mirror.votes("a")], runAtOnce(mirror.forget(RUN))], [[], [], []]);
    assert.equal(mirror.isCurrent(RUN), false);
  });

  test("forgets a run in turns, and keeps what the run says when it comes back meanwhile", () => {
    const { mirror, ledger, write } = pair();
    const names = Array.from({ length: 150 }, (_, index) => `check-${index}`);
    mirror.apply(write(Object.fromEntries(names.map((name) => [name, "passing"] as const))));
    const forgetting = mirror.forget(RUN);
    assert.equal(forgetting.next().done, false);
    mirror.beat(RUN, ledger.head);
    const all = ledger.all();
    assert.ok(all);
    runAtOnce(mirror.replace(RUN, all.head, all.cells));
    runAtOnce(forgetting);
    assert.deepEqual(
      names.map((name) => mirror.votes(name).length),
      names.map(() => 1),
    );
  });

  test("has no vote of a check of which a run says nothing", () => {
    const { mirror, write } = pair();
    mirror.apply(write({ a: "passing" }));
    assert.deepEqual([...mirror.votes("b")], []);
  });

  test("takes cells that are read in turns: of 1,000, 100 in one", () => {
    const { mirror, ledger } = pair();
    for (let index = 0; index < 1_000; index += 1) ledger.set(`check-${index}`, cell("passing"));
    for (let entry = ledger.take(); entry !== undefined; entry = ledger.take()) ledger.acknowledge(entry, ledger.head);
    const all = ledger.all();
    assert.ok(all);
    const steps = mirror.replace(RUN, all.head, all.cells);
    let turns = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) turns += 1;
    assert.deepEqual([turns, step.value.length], [10, 1_000]);
    assert.equal(mirror.votes("check-3")[0]?.cell.vote.state, "passing");
  });

  test("ignores cells of an unknown run, and counts a forged head or cell among those that were read", () => {
    const { mirror, write, ledger } = pair();
    write({ a: "passing", b: "passing" });
    const all = ledger.all();
    assert.ok(all);
    assert.deepEqual(runAtOnce(new Mirror(codec).replace(RUN, all.head, all.cells)), []);
    const forger = new FleetCodec("prod", "a guess");
    const forgedHead = forger.sealHead(RUN, { sequence: 1, high: 0, low: 0 });
    assert.deepEqual(runAtOnce(mirror.replace(RUN, forgedHead, all.cells)), []);
    assert.equal(mirror.refused, 1);
    const cells = new Map([...all.cells, ["b", forger.sealCell(RUN, "b", 1, cell("failing")).text]]);
    assert.deepEqual(runAtOnce(mirror.replace(RUN, all.head, cells)), ["a"]);
    assert.equal(mirror.refused, 2);
    assert.deepEqual(causes(mirror), ["digest"]);
  });

  test("takes an entry with as many cells as a run writes", () => {
    const { mirror, ledger } = pair();
    for (let index = 0; index < 500; index += 1) ledger.set(`check-${index}`, cell("passing"));
    const entry = ledger.take();
    assert.ok(entry);
    assert.equal(mirror.apply(entry).length, 500);
  });

  describe("of what others have written", () => {
    test("ignores and counts cells and heads with a wrong signature", () => {
      const { mirror, write } = pair();
      mirror.apply(write({ a: "passing" }));
      const forger = new FleetCodec("prod", "a guess");
      const forged = forger.sealCell(RUN, "a", 2, cell("failing")).text;
      const head = forger.sealHead(RUN, { sequence: 2, high: 0, low: 0 });
      assert.deepEqual(mirror.apply({ run: RUN, head, cells: new Map([["a", forged]]) }), []);
      assert.equal(mirror.refused, 1);
      const { head: signed } = write({ b: "passing" });
      assert.deepEqual(mirror.apply({ run: RUN, head: signed, cells: new Map([["a", forged]]) }), []);
      assert.equal(mirror.refused, 2);
      mirror.beat(RUN, head);
      assert.equal(mirror.refused, 3);
      assert.deepEqual(votesOf(mirror), { a: "passing" });
      assert.deepEqual(causes(mirror), ["digest"]);
    });

    test("ignores a removal that the run has not signed", () => {
      const { mirror, write, ledger } = pair();
      mirror.apply(write({ a: "passing", b: "passing" }));
      const { head } = write({ c: "passing" });
      assert.deepEqual(mirror.apply({ run: RUN, head, cells: new Map([["a", undefined]]) }), []);
      assert.deepEqual(votesOf(mirror), { a: "passing", b: "passing" });
      assert.deepEqual(causes(mirror), ["digest"]);
      const all = ledger.all();
      assert.ok(all);
      const cells = new Map(all.cells);
      cells.delete("a");
      runAtOnce(mirror.replace(RUN, all.head, cells));
      assert.equal(votesOf(mirror).a, "passing");
    });

    test("follows the run again after a removal that was forged with a head of the run", () => {
      for (const forged of [["a"], ["b", "c"], ["a", "b", "c"]]) {
        const { mirror, write, ledger, replace } = pair();
        mirror.apply(write({ a: "passing", b: "passing", c: "passing" }));
        mirror.apply(write({ z: "failing" }));
        mirror.apply({ run: RUN, head: ledger.head, cells: new Map(forged.map((check) => [check, undefined])) });
        mirror.beat(RUN, ledger.head);
        assert.deepEqual(causes(mirror), ["digest"]);
        replace();
        assert.equal(mirror.isCurrent(RUN), true);
        assert.deepEqual(mirror.apply(write({ d: "passing" })), ["d"]);
        mirror.beat(RUN, ledger.head);
        assert.deepEqual(causes(mirror), []);
        assert.deepEqual(votesOf(mirror), { a: "passing", b: "passing", c: "passing", d: "passing", z: "failing" });
      }
    });

    test("ignores a cell of an older write in a newer one", () => {
      const { mirror, write } = pair();
      const old = write({ a: "failing" });
      mirror.apply(old);
      mirror.apply(write({ a: undefined }));
      const { head } = write({ b: "passing" });
      mirror.apply({ run: RUN, head, cells: old.cells });
      assert.deepEqual(votesOf(mirror), {});
      assert.equal(mirror.refused, 1);
    });

    test("ignores runs without a beat, and entries with more cells than a run writes", () => {
      const { mirror, write } = pair();
      const { head, cells } = write({ a: "passing" });
      assert.deepEqual(new Mirror(codec).apply({ run: RUN, head, cells }), []);
      const junk = new Map(Array.from({ length: 501 }, (_, index) => [`junk-${index}`, undefined]));
      assert.deepEqual(mirror.apply({ run: RUN, head, cells: junk }), []);
      assert.equal(mirror.refused, 1);
    });
  });

  test("is equal to the ledger after any writes, losses and reads, also when cells are read in parts", () => {
    const checks = ["a", "b", "c", "d", "e"];
    const change = fc.record({
      check: fc.constantFrom(...checks),
      state: fc.constantFrom<VoteState | undefined>("passing", "failing", undefined),
      isLost: fc.boolean(),
      /** The store answers to a read of all cells: before this write a part of them, and after it the others. */
      isTorn: fc.boolean(),
      isFailed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const { mirror, ledger } = pair();
        const stored = new Map<string, string>();
        for (const { check, state, isLost, isTorn, isFailed } of changes) {
          const headBefore = ledger.head;
          const first = [...stored].filter(([name]) => name < "c");
          if (!ledger.set(check, state && cell(state)) && !ledger.hasChanges) continue;
          const entry = ledger.take();
          assert.ok(entry);
          for (const [name, text] of entry.cells) {
            if (text === undefined) stored.delete(name);
            else stored.set(name, text);
          }
          if (!isLost) mirror.apply(entry);
          if (isFailed) ledger.giveBack(entry);
          else ledger.acknowledge(entry, ledger.head);
          const torn = new Map([...[...stored].filter(([name]) => name >= "c"), ...first]);
          if (isTorn) runAtOnce(mirror.replace(RUN, headBefore, torn));
        }
        for (let round = 0; ledger.hasChanges && round < 3; round += 1) {
          const entry = ledger.take();
          assert.ok(entry);
          ledger.acknowledge(entry, ledger.head);
        }
        const all = ledger.all();
        assert.ok(all);
        for (let round = 0; round < 3; round += 1) {
          mirror.beat(RUN, ledger.head);
          if (mirror.wanted().length > 0) runAtOnce(mirror.replace(RUN, all.head, all.cells));
        }
        mirror.beat(RUN, ledger.head);
        assert.deepEqual(mirror.wanted(), []);
        const expected = [...all.cells.keys()].sort().map((check) => [check, ledger.get(check)?.vote.state]);
        assert.deepEqual(votesOf(mirror), Object.fromEntries(expected));
      }),
      { numRuns: 500 },
    );
  });
});
