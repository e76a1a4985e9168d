import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ledger, MAX_ENTRY_CELLS, MAX_ENTRY_LENGTH } from "../../../src/fleet/exchange/ledger.js";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import type { Cell, VoteState } from "../../../src/fleet/records/vote.js";
import type { LogEntry } from "../../../src/fleet/store/store.js";

const RUN = "0123456789abcdef01234567";
const NOTHING = { beats: new Map(), head: undefined, cellCount: 0 };
const codec = new FleetCodec("prod", "secret");

function cell(state: VoteState, castAtMs = 0): Cell {
  return { definition: "d", castAtMs, order: 0, vote: { state, reason: undefined } };
}

function written(ledger: Ledger): LogEntry {
  const entry = ledger.take();
  assert.ok(entry);
  ledger.acknowledge(entry, ledger.head);
  return entry;
}

function stateOf(check: string, text: string | undefined): VoteState | undefined {
  return text === undefined ? undefined : codec.openCell(RUN, check, text)?.cell.vote.state;
}

describe("the ledger", () => {
  test("gathers changes into one write, with the last state of each check", () => {
    const ledger = new Ledger(RUN, codec);
    ledger.set("a", cell("passing"));
    ledger.set("b", cell("passing"));
    ledger.set("a", cell("failing"));
    const entry = written(ledger);
    assert.deepEqual(
      [...entry.cells].map(([check, text]) => [check, stateOf(check, text)]),
      [
        ["a", "failing"],
        ["b", "passing"],
      ],
    );
    assert.equal(codec.openHead(RUN, entry.head)?.sequence, 1);
    assert.equal(ledger.head, entry.head);
    assert.equal(ledger.take(), undefined);
  });

  test("ends a write that is long: the other changes come with the next one", () => {
    const ledger = new Ledger(RUN, codec);
    const reason = "r".repeat(MAX_ENTRY_LENGTH / 2);
    for (const check of ["a", "b", "c", "d", "e"])
      ledger.set(check, { ...cell("passing"), vote: { state: "passing", reason } });
    const entries = [written(ledger), written(ledger), written(ledger)];
    assert.deepEqual(
      entries.map(({ cells }) => [...cells.keys()]),
      [["a", "b"], ["c", "d"], ["e"]],
    );
    assert.equal(ledger.hasChanges, false);
  });

  test("has nothing to write when a cell says the same at another time", () => {
    const ledger = new Ledger(RUN, codec);
    assert.equal(ledger.set("a", cell("passing", 1)), true);
    assert.equal(ledger.set("a", cell("passing", 2)), false);
    written(ledger);
    assert.equal(ledger.set("a", cell("passing", 3)), false);
    assert.equal(ledger.set("a", { ...cell("passing"), definition: "e" }), true);
    assert.equal(ledger.set("b", undefined), false);
  });

  test("has something to write when the same vote has another order or definition", () => {
    const ledger = new Ledger(RUN, codec);
    const same = cell("passing");
    ledger.set("a", same);
    written(ledger);
    assert.equal(ledger.set("a", { ...same, order: 1 }), true);
    assert.equal(ledger.set("a", { ...same, order: 1, definition: "e" }), true);
    assert.equal(ledger.set("a", { ...same, order: 1, definition: "e" }), false);
    assert.equal(
      ledger.set("a", { ...cell("passing"), order: 1, definition: "e" }),
      false,
      "an equal vote is the same",
    );
  });

  test("tells what it says of a check, written or not", () => {
    const ledger = new Ledger(RUN, codec);
    assert.equal(ledger.get("a"), undefined);
    ledger.set("a", cell("passing"));
    assert.equal(ledger.get("a")?.vote.state, "passing");
    const entry = ledger.take();
    assert.equal(ledger.get("a")?.vote.state, "passing", "under way");
    assert.ok(entry);
    ledger.acknowledge(entry, undefined);
    assert.equal(ledger.get("a")?.vote.state, "passing", "written");
    ledger.set("a", undefined);
    assert.equal(ledger.get("a"), undefined, "to be removed");
    const removal = ledger.take();
    assert.equal(ledger.get("a"), undefined, "being removed");
    assert.ok(removal);
    ledger.giveBack(removal);
    assert.equal(ledger.get("a"), undefined, "to be removed again");
  });

  test("refuses an end of a write that is not under way", () => {
    const ledger = new Ledger(RUN, codec);
    ledger.set("a", cell("passing"));
    const entry = written(ledger);
    assert.throws(() => ledger.acknowledge(entry, undefined), /not under way/);
    assert.throws(() => ledger.giveBack(entry), /not under way/);
  });

  test("has one write under way at a time", () => {
    const ledger = new Ledger(RUN, codec);
    ledger.set("a", cell("passing"));
    const entry = ledger.take();
    ledger.set("a", cell("failing"));
    assert.equal(ledger.take(), undefined);
    assert.throws(() => ledger.all(), /a write is under way/);
    assert.ok(entry);
    ledger.acknowledge(entry, ledger.head);
    assert.equal(stateOf("a", written(ledger).cells.get("a")), "failing");
  });

  test("writes many changes in parts", () => {
    const ledger = new Ledger(RUN, codec);
    for (let index = 0; index <= MAX_ENTRY_CELLS; index += 1) ledger.set(`check-${index}`, cell("failing"));
    assert.equal(written(ledger).cells.size, MAX_ENTRY_CELLS);
    assert.equal(ledger.hasChanges, true);
    assert.equal(written(ledger).cells.size, 1);
    assert.equal(ledger.hasChanges, false);
  });

  test("writes what has failed again under the same sequence, as it is then, before all others", () => {
    const ledger = new Ledger(RUN, codec);
    ledger.set("a", cell("failing"));
    ledger.set("b", cell("failing"));
    const failed = ledger.take();
    assert.ok(failed);
    ledger.set("c", cell("failing"));
    ledger.set("a", undefined);
    ledger.giveBack(failed);
    const entry = written(ledger);
    assert.deepEqual(
      [...entry.cells].map(([check, text]) => [check, stateOf(check, text)]),
      [
        ["a", undefined],
        ["b", "failing"],
        ["c", "failing"],
      ],
    );
    assert.equal(codec.openHead(RUN, entry.head)?.sequence, 1);
  });

  test("has the digest of its cells, in whichever order they came", () => {
    const [one, other] = [new Ledger(RUN, codec), new Ledger(RUN, codec)];
    one.set("a", cell("passing"));
    one.set("b", cell("failing"));
    other.set("b", cell("failing"));
    other.set("a", cell("passing"));
    assert.equal(written(one).head, written(other).head);
    one.set("a", undefined);
    one.set("b", undefined);
    const { high, low } = codec.openHead(RUN, written(one).head) ?? {};
    assert.deepEqual({ high, low }, { high: 0, low: 0 });
  });

  describe("knows a loss", () => {
    test("nothing is lost before the first write", () => {
      assert.equal(new Ledger(RUN, codec).isLost(NOTHING), false);
    });

    test("a store that has the last acknowledged write, or the one that is under way, has lost nothing", () => {
      const ledger = new Ledger(RUN, codec);
      ledger.set("a", cell("passing"));
      const first = written(ledger);
      ledger.set("b", cell("passing"));
      const second = ledger.take();
      assert.ok(second);
      assert.equal(ledger.isLost({ beats: new Map(), head: first.head, cellCount: 1 }), false);
      assert.equal(ledger.isLost({ beats: new Map(), head: second.head, cellCount: 2 }), false);
      ledger.acknowledge(second, ledger.head);
      // the beat may have been before the write, and its answer after it
      ledger.set("c", cell("passing"));
      assert.equal(ledger.isLost({ beats: new Map(), head: first.head, cellCount: 1 }), false);
      assert.equal(ledger.isLost({ beats: new Map(), head: first.head, cellCount: 1 }), true);
    });

    test("a store without the cells, with fewer of them, or with an older head has lost some", () => {
      const ledger = new Ledger(RUN, codec);
      ledger.set("a", cell("passing"));
      const { head } = written(ledger);
      ledger.set("b", cell("passing"));
      const last = written(ledger);
      assert.equal(ledger.isLost({ beats: new Map(), head: last.head, cellCount: 2 }), false);
      assert.equal(ledger.isLost(NOTHING), true);
      assert.equal(ledger.isLost({ beats: new Map(), head: last.head, cellCount: 1 }), true);
      assert.equal(ledger.isLost({ beats: new Map(), head, cellCount: 1 }), true);
      const all = ledger.all();
      assert.equal(all?.head, last.head);
      assert.deepEqual([...(all?.cells.keys() ?? [])], ["a", "b"]);
      assert.equal(ledger.isLost({ beats: new Map(), head: last.head, cellCount: 2 }), false);
    });

    const found: readonly (readonly [
      title: string,
      isFirst: boolean,
      before: "none" | "last" | "other",
      isLost: boolean,
    ])[] = [
      ["the first write finds nothing", true, "none", false],
      ["the first write finds the head of no write", true, "last", false],
      ["the first write finds another head", true, "other", true],
      ["a later write finds nothing", false, "none", true],
      ["a later write finds the last head", false, "last", false],
      ["a later write finds another head", false, "other", true],
    ];
    for (const [title, isFirst, before, isLost] of found)
      test(`${title}: ${isLost ? "a loss" : "no loss"}`, () => {
        const ledger = new Ledger(RUN, codec);
        const empty = ledger.head;
        if (!isFirst) {
          ledger.set("a", cell("passing"));
          written(ledger);
          ledger.set("b", cell("passing"));
          written(ledger);
        }
        ledger.set("c", cell("passing"));
        const entry = ledger.take();
        assert.ok(entry);
        const other = isFirst ? codec.sealHead(RUN, { sequence: 9, high: 0, low: 0 }) : empty;
        ledger.acknowledge(entry, { none: undefined, last: ledger.head, other }[before]);
        const stored = { beats: new Map(), head: entry.head, cellCount: isFirst ? 1 : 3 };
        assert.equal(ledger.isLost(stored), isLost);
        assert.equal(ledger.hasFoundLoss, isLost);
        ledger.all();
        assert.equal(ledger.isLost(stored), false, "until the next rewrite");
        ledger.rewriteFailed();
        assert.equal(ledger.isLost(stored), true, "it has failed");
      });

    test("a store has lost cells when the number of them is another one: after changes and removals too", () => {
      const ledger = new Ledger(RUN, codec);
      const stored = (cellCount: number) => ({ beats: new Map(), head: ledger.head, cellCount });
      for (const check of ["a", "b", "c"]) ledger.set(check, cell("passing"));
      written(ledger);
      ledger.set("a", cell("failing"));
      written(ledger);
      assert.equal(ledger.isLost(stored(3)), false);
      ledger.set("b", undefined);
      ledger.set("d", cell("passing"));
      ledger.set("c", undefined);
      written(ledger);
      assert.equal(ledger.isLost(stored(2)), false);
      for (const cellCount of [0, 1, 3]) assert.equal(ledger.isLost(stored(cellCount)), true);
    });

    test("a store that says nothing has lost what was written; one with cells but no head is not empty", () => {
      const ledger = new Ledger(RUN, codec);
      assert.equal(ledger.isLost({ ...NOTHING, cellCount: 1 }), true);
      assert.equal(ledger.isLost({ ...NOTHING, head: "another head" }), true);
    });

    test("of the states between two beats, it remembers the last 200", () => {
      const ledger = new Ledger(RUN, codec);
      ledger.set("a", cell("passing"));
      const first = written(ledger);
      const heads = Array.from({ length: 250 }, (_, index) => {
        ledger.set("a", cell(index % 2 === 0 ? "failing" : "passing"));
        return written(ledger).head;
      });
      const isLost = (head: string) => {
        const copy = { beats: new Map(), head, cellCount: 1 };
        return ledger.isLost(copy);
      };
      assert.equal(isLost(heads[100] ?? ""), false);
      assert.equal(isLost(heads[249] ?? ""), false);
      assert.equal(isLost(first.head), true);
    });

    test("of too many states between two beats, the oldest is a loss", () => {
      const ledger = new Ledger(RUN, codec);
      ledger.set("a", cell("passing"));
      const { head } = written(ledger);
      for (let index = 0; index < 200; index += 1) {
        ledger.set("a", cell(index % 2 === 0 ? "failing" : "passing"));
        written(ledger);
      }
      assert.equal(ledger.isLost({ beats: new Map(), head, cellCount: 1 }), true);
    });

    test("a failed write that the store has had is no loss", () => {
      const ledger = new Ledger(RUN, codec);
      ledger.set("a", cell("passing"));
      const entry = ledger.take();
      assert.ok(entry);
      ledger.giveBack(entry);
      assert.equal(ledger.isLost({ beats: new Map(), head: entry.head, cellCount: 1 }), false);
    });
  });
});
