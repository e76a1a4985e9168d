import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import { RunCells } from "../../../src/fleet/exchange/run-cells.js";
import { VoteIndex } from "../../../src/fleet/exchange/vote-index.js";
import type { Head } from "../../../src/fleet/records/codec.js";

const MAX = 0xffff_ffff;

/** A cell that stands for a part of the digest. */
function cell(sequence: number, share: number) {
  const vote = { state: "passing", reason: undefined } as const;
  return {
    ...{ run: "r", sequence, high: share, low: (MAX - share) | 0 },
    cell: { definition: "d", castAtMs: 0, order: 0, vote },
  };
}

/** The head of a run whose cells have these shares. */
function head(sequence: number, ...shares: readonly number[]): Head {
  let [high, low] = [0, 0];
  for (const share of shares) [high, low] = [(high + share) | 0, (low + MAX - share) | 0];
  return { sequence, high, low };
}

/** A run that has written a (share 1), b (2) and c (3) with its first write, and has told so. */
function known(): RunCells {
  const cells = new RunCells(head(0), new VoteIndex());
  for (const [index, check] of ["a", "b", "c"].entries()) cells.put(check, cell(1, index + 1));
  assert.deepEqual(cells.continueWith(head(1, 1, 2, 3)), []);
  cells.beat(head(1, 1, 2, 3), true);
  assert.deepEqual([cells.wanted, cells.isCurrent], [undefined, true]);
  return cells;
}

function checks(cells: RunCells): string {
  return [...cells.cells.keys()].join("");
}

describe("a copy of the cells of a run is current", () => {
  it("from the start, when the run has written nothing yet", () => {
    const cells = new RunCells(head(0), new VoteIndex());
    cells.beat(head(0), true);
    assert.deepEqual([cells.wanted, cells.isCurrent], [undefined, true]);
  });

  it("not before its cells were read, when it has written before", () => {
    const cells = new RunCells(head(4, 1), new VoteIndex());
    cells.beat(head(4, 1), true);
    assert.deepEqual([cells.wanted, cells.isCurrent], ["new-run", false]);
    cells.put("a", cell(4, 1));
    assert.deepEqual(cells.startFrom(head(4, 1)), []);
    assert.deepEqual([cells.wanted, cells.isCurrent], [undefined, true]);
  });

  it("not while its beat has told of a write that is not here", () => {
    const cells = known();
    cells.beat(head(2, 1, 2, 4), true);
    assert.equal(cells.isCurrent, false);
    cells.put("c", cell(2, 4));
    cells.continueWith(head(2, 1, 2, 4));
    assert.equal(cells.isCurrent, true);
  });

  it("also when it is ahead of the beat", () => {
    const cells = known();
    cells.put("c", cell(2, 4));
    cells.continueWith(head(2, 1, 2, 4));
    assert.equal(cells.isCurrent, true);
    cells.beat(head(1, 1, 2, 3), true);
    assert.deepEqual([cells.wanted, cells.isCurrent], [undefined, true]);
  });

  it("not while it is to be read anew", () => {
    const cells = known();
    cells.wanted = "log-lost";
    assert.equal(cells.isCurrent, false);
  });
});

describe("a beat tells", () => {
  it("that entries are missing, when those of the beat before are not here", () => {
    const cells = known();
    cells.beat(head(2, 9), true);
    assert.equal(cells.wanted, undefined, "entries take a moment");
    cells.beat(head(3, 9), true);
    assert.equal(cells.wanted, "log-lost");
  });

  it("nothing of missing entries, while the log was not read: it may have them", () => {
    const cells = known();
    cells.beat(head(2, 9), false);
    cells.beat(head(3, 9), false);
    assert.equal(cells.wanted, undefined);
  });

  it("that there is a gap, when later entries have come", () => {
    const cells = known();
    cells.beat(head(3, 9), true);
    cells.continueWith(head(3, 9));
    cells.wanted = undefined;
    cells.beat(head(3, 9), true);
    assert.equal(cells.wanted, "gap");
  });

  it("that the cells are not those of the run, in either half of the digest", () => {
    const right = head(1, 1, 2, 3);
    for (const wrong of [
      { ...right, high: right.high + 1 },
      { ...right, low: right.low - 1 },
    ]) {
      const cells = known();
      cells.beat(wrong, true);
      assert.equal(cells.wanted, "digest");
    }
  });

  it("the first cause, and lets it be asked for again", () => {
    const cells = known();
    cells.wanted = "gap";
    cells.isAsked = true;
    cells.beat(head(1, 9), true);
    assert.deepEqual([cells.wanted, cells.isAsked], ["gap", false]);
  });

  it("nothing of cells that were never read", () => {
    const cells = new RunCells(head(4, 1), new VoteIndex());
    assert.equal(cells.isAsked, false);
    cells.beat(head(5, 1), true);
    cells.beat(head(6, 1), true);
    assert.equal(cells.wanted, "new-run");
    assert.equal(cells.isPast(head(1)), false, "no write is too old for them");
  });
});

describe("of two cells of a check", () => {
  it("the newer one counts", () => {
    const cells = known();
    assert.equal(cells.put("a", cell(3, 7)), true);
    assert.equal(cells.put("a", cell(2, 8)), false);
    assert.equal(cells.cells.get("a")?.high, 7);
    assert.deepEqual(cells.startFrom(head(3, 7, 2, 3)), []);
    assert.equal(cells.wanted, undefined, "the digest follows");
  });

  it("of one write, the later one counts, when it says something else", () => {
    const cells = known();
    assert.equal(cells.put("a", cell(1, 7)), true);
    assert.equal(cells.put("a", cell(1, 7)), false);
  });

  it("a removal counts like a cell: an older cell does not come back, one of the same write or a newer one does", () => {
    for (const [sequence, isTaken] of [
      [4, false],
      [5, true],
      [6, true],
    ] as const) {
      const cells = known();
      cells.remove("z", 5);
      assert.equal(cells.put("z", cell(sequence, 9)), isTaken);
    }
  });
});

describe("a removal", () => {
  it("takes effect when the cells fit the head without it", () => {
    const cells = known();
    cells.remove("b", 2);
    assert.equal(checks(cells), "abc");
    assert.deepEqual(cells.continueWith(head(2, 1, 3)), ["b"]);
    assert.deepEqual([checks(cells), cells.wanted], ["ac", undefined]);
    cells.put("b", cell(3, 2));
    assert.deepEqual(cells.continueWith(head(3, 1, 2, 3)), [], "and is done then");
  });

  it("has no effect while they do not fit: it is not signed", () => {
    const cells = known();
    cells.remove("b", 2);
    assert.deepEqual(cells.continueWith(head(2, 1, 2, 3)), []);
    assert.deepEqual([checks(cells), cells.wanted], ["abc", "digest"]);
  });

  it("of a check without a cell, or with a newer one, removes nothing", () => {
    const cells = known();
    cells.put("c", cell(3, 4));
    cells.remove("z", 2);
    cells.remove("c", 2);
    assert.deepEqual(cells.continueWith(head(2, 1, 2, 4)), []);
    assert.deepEqual([checks(cells), cells.wanted], ["abc", undefined]);
  });

  it("of the same write as a cell comes after it", () => {
    const cells = known();
    cells.remove("c", 1);
    assert.deepEqual(cells.continueWith(head(1, 1, 2)), ["c"]);
  });

  it("beyond 200,000 of them is dropped: the cells are read anew then", () => {
    const cells = known();
    for (let index = 0; index < 200_000; index += 1) cells.remove(`check-${index}`, 2);
    cells.remove("b", 2);
    assert.deepEqual(cells.continueWith(head(2, 1, 3)), []);
    assert.equal(cells.wanted, "digest");
  });
});

describe("the votes on a check, of all runs", () => {
  it("have those of a run as they are put and removed", () => {
    const index = new VoteIndex();
    const votes = (check: string) => index.of(check).map(({ run, cell }) => `${run} ${cell.castAtMs}`);
    const runs = ["r", "s"].map((run) => {
      const cells = new RunCells(head(0), index);
      cells.put("a", { ...cell(1, 1), run });
      cells.put("b", { ...cell(1, 2), run });
      cells.continueWith(head(1, 1, 2));
      return cells;
    });
    const changed = cell(2, 5);
    runs[0]?.put("a", { ...changed, cell: { ...changed.cell, castAtMs: 7 } });
    assert.deepEqual([votes("a"), votes("b"), votes("c")], [["r 7", "s 0"], ["r 0", "s 0"], []]);
    runs[0]?.continueWith(head(2, 5, 2));
    runs[0]?.remove("a", 3);
    runs[0]?.continueWith(head(3, 2));
    assert.deepEqual(votes("a"), ["s 0"]);
    const [, second] = runs;
    if (second !== undefined) runAtOnce(second.keepOnly(new Map([["b", ""]]), 1));
    assert.deepEqual([votes("a"), votes("b")], [[], ["r 0", "s 0"]]);
    index.remove("a", "r");
    index.remove("b", "unknown");
    assert.deepEqual([votes("a"), votes("b")], [[], ["r 0", "s 0"]]);
  });
});

describe("entries after a gap", () => {
  it("wait until the cells are read, and the log goes on from them then", () => {
    const cells = known();
    assert.deepEqual(cells.continueWith(head(3, 9)), []);
    assert.deepEqual([cells.wanted, cells.isCurrent], ["gap", false]);
    cells.put("a", cell(4, 5));
    cells.continueWith(head(4, 5, 2, 3));
    cells.startFrom(head(3, 1, 2, 3));
    assert.equal(cells.wanted, undefined);
    cells.beat(head(4, 5, 2, 3), true);
    assert.equal(cells.isCurrent, true);
  });

  it("are not joined by cells that end before them", () => {
    const cells = known();
    cells.continueWith(head(4, 9));
    cells.startFrom(head(2, 1, 2, 3));
    assert.equal(cells.wanted, "gap");
    cells.startFrom(head(3, 1, 2, 3));
    assert.notEqual(cells.wanted, "gap");
  });

  it("with another gap among them begin anew after it", () => {
    const cells = known();
    cells.continueWith(head(3, 9));
    cells.continueWith(head(4, 9));
    cells.continueWith(head(6, 9));
    cells.startFrom(head(4, 1, 2, 3));
    assert.equal(cells.wanted, "gap", "the fifth is missing");
    cells.startFrom(head(5, 1, 2, 3));
    assert.notEqual(cells.wanted, "gap");
  });

  it("may come twice, as a write that was believed to have failed does", () => {
    const cells = known();
    cells.continueWith(head(3, 9));
    cells.continueWith(head(3, 9));
    cells.continueWith(head(4, 1, 2, 3));
    cells.startFrom(head(2, 1, 2, 3));
    assert.equal(cells.wanted, undefined);
  });

  it("leave what was wanted before", () => {
    const cells = known();
    cells.wanted = "digest";
    cells.continueWith(head(3, 9));
    assert.equal(cells.wanted, "digest");
  });

  it("are not a write that comes again, or the next one", () => {
    for (const sequence of [1, 2]) {
      const cells = known();
      cells.continueWith(head(sequence, 1, 2, 3));
      assert.equal(cells.wanted, undefined);
    }
  });
});

describe("cells that were read", () => {
  it("are older than what has come meanwhile: the newer head stands", () => {
    const cells = known();
    cells.put("a", cell(2, 5));
    cells.continueWith(head(2, 5, 2, 3));
    assert.deepEqual(cells.startFrom(head(1, 1, 2, 3)), []);
    assert.deepEqual([cells.wanted, cells.isPast(head(1)), cells.isPast(head(2))], [undefined, true, false]);
  });

  it("are all that there is, but for newer ones", () => {
    const cells = known();
    cells.put("c", cell(3, 4));
    const read = new Map([["a", "its text"]]);
    assert.deepEqual(runAtOnce(cells.keepOnly(read, 2)), ["b"]);
    assert.equal(checks(cells), "ac");
    assert.deepEqual(runAtOnce(cells.keepOnly(new Map(), 3)), ["a", "c"], "up to the sequence");
    assert.deepEqual(cells.startFrom(head(3)), []);
    assert.equal(cells.wanted, undefined, "the digest follows");
  });

  it("that do not fit their head are wanted again", () => {
    const cells = known();
    cells.startFrom(head(2, 9));
    assert.equal(cells.wanted, "digest");
  });

  it("looks at many cells in steps, when it removes those that were not read", () => {
    const cells = new RunCells({ sequence: 0, high: 0, low: 0 }, new VoteIndex());
    for (let index = 0; index < 5_000; index += 1) cells.put(`check-${index}`, cell(1, index));
    const steps = cells.keepOnly(new Map([["check-0", ""]]), 1);
    let yields = 0;
    for (let step = steps.next(); ; step = steps.next(), yields += 1)
      if (step.done === true) {
        assert.equal(step.value.length, 4_999);
        break;
      }
    assert.ok(yields >= 2, `${yields} steps`);
  });
});
