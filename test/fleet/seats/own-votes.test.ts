import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Cell, Definition, Vote } from "../../../src/fleet/records/vote.js";
import { OwnVotes } from "../../../src/fleet/seats/own-votes.js";
import type { CheckRecord } from "../../../src/fleet/seats/seats.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { definition } from "../fleet-world.js";

const OK: Vote = { state: "passing", reason: undefined };
const BROKEN: Vote = { state: "failing", reason: "reported" };
const MISSED: Vote = { state: "failing", reason: "missed" };
const NONE: Vote = { state: "abstaining", reason: undefined };

function setUp(change: Partial<Definition> = {}) {
  const clock = new VirtualClock();
  clock.stall(5_000);
  const cells = new Map<string, Cell>();
  const foreign: Cell[] = [];
  let changes = 0;
  let isWritten = false;
  const write = () => {
    isWritten = true;
  };
  const ledger = {
    get: (check: string) => cells.get(check),
    set: (check: string, cell: Cell | undefined) => {
      const before = cells.get(check);
      if (cell === undefined) return cells.delete(check);
      cells.set(check, cell);
      return before?.vote !== cell.vote || before.order !== cell.order;
    },
    isPending: () => !isWritten,
  };
  const votes = new OwnVotes({
    clock,
    ledger,
    votes: () => foreign.map((cell) => ({ cell })),
    onChange: () => {
      changes += 1;
    },
  });
  const record: CheckRecord = {
    ...{
      check: "c",
      definition: definition("c", { staleAfterMs: 60_000, ...change }),
      hash: 1,
      owners: [],
      ownersSince: 0,
    },
    ...{ role: "probing", handsOverFrom: 0, handsOverUntil: 0, own: undefined, adopted: undefined, toldUntil: 0 },
    ...{ decision: { state: "pending", reason: undefined, validUntil: 0 }, reviewAt: 0, review: 0 },
  };
  const cast = (vote: Vote) => votes.cast(record, vote, clock.now() + 60_000);
  return { clock, cells, foreign, votes, record, cast, cell: () => cells.get("c"), changes: () => changes, write };
}

describe("the vote on a probe", () => {
  it("becomes a cell, with the time since the start of the run", () => {
    const { clock, cast, cell, record, changes } = setUp();
    clock.stall(700);
    cast(OK);
    assert.deepEqual(cell(), { definition: "d1", castAtMs: 700, order: 0, vote: OK });
    assert.deepEqual(record.own, { vote: OK, validUntil: 65_700, reportedAt: undefined });
    assert.equal(changes(), 1);
    cast(OK);
    assert.equal(changes(), 1);
  });

  it("is news when it says something else, or when the one before did not count any more", () => {
    const { clock, cast, record } = setUp();
    assert.deepEqual(
      [cast(OK), cast({ ...OK }), cast({ ...OK, reason: "slow" }), cast(BROKEN)],
      [true, false, true, true],
    );
    clock.stall(59_999);
    assert.equal(cast(BROKEN), false);
    assert.equal(record.own?.validUntil, clock.now() + 60_000);
    clock.stall(60_000);
    assert.equal(cast(BROKEN), true);
  });

  it("is removed when the check is given up", () => {
    const { votes, record, cast, cell, changes } = setUp();
    cast(OK);
    votes.remove(record);
    votes.remove(record);
    assert.equal(cell(), undefined);
    assert.equal(changes(), 2);
  });
});

describe("the vote on a heartbeat", () => {
  const heartbeat = { isHeartbeat: true };

  it("has a higher order than all that are known under its definition", () => {
    const { cast, cell, foreign } = setUp(heartbeat);
    cast(OK);
    assert.equal(cell()?.order, 1);
    foreign.push(
      { definition: "d1", castAtMs: 0, order: 7, vote: OK },
      { definition: "d2", castAtMs: 0, order: 9, vote: OK },
    );
    cast(BROKEN);
    assert.equal(cell()?.order, 8);
    cast(OK);
    assert.equal(cell()?.order, 9);
  });

  it("has the order of the report that is missed since, and of none before the first one", () => {
    const { clock, cast, cell } = setUp(heartbeat);
    cast(MISSED);
    assert.deepEqual([cell()?.order, cell()?.vote], [0, MISSED]);
    cast(OK);
    cast(MISSED);
    assert.deepEqual([cell()?.order, cell()?.vote], [1, MISSED]);
    cast(NONE);
    assert.deepEqual([cell()?.order, cell()?.vote], [1, NONE]);
    cast(MISSED);
    const castAtMs = cell()?.castAtMs;
    clock.stall(60_000);
    cast(MISSED);
    assert.deepEqual([cell()?.order, cell()?.castAtMs], [1, castAtMs], "it is as old as the first miss");
    cast(OK);
    assert.equal(cell()?.order, 2);
  });

  it("has no order when it is of an earlier process", () => {
    const { cast, cell, foreign } = setUp(heartbeat);
    foreign.push({ definition: "d1", castAtMs: 0, order: 7, vote: BROKEN });
    cast({ ...OK, ageMs: 1 });
    assert.equal(cell()?.order, 0);
    cast({ ...OK, ageMs: 0 });
    assert.equal(cell()?.order, 8);
  });

  it("gets an order after one of an earlier process that says the same", () => {
    const { cast, cell } = setUp(heartbeat);
    cast({ ...OK, ageMs: 1 });
    cast({ ...OK, ageMs: 0 });
    assert.deepEqual([cell()?.order, cell()?.vote.ageMs], [1, 0]);
  });

  for (const ageMs of [0, 0.25, 300])
    it(`has the time of a report that arrived at this process, and no age: ${ageMs} ms before it is told`, () => {
      const { clock, cast, cell } = setUp(heartbeat);
      clock.stall(700);
      cast({ ...OK, ageMs });
      assert.deepEqual([cell()?.castAtMs, cell()?.vote], [700 - ageMs, { ...OK, ageMs: 0 }]);
    });

  it("has the age of a report of an earlier process at the start of this one", () => {
    const { clock, cast, cell } = setUp(heartbeat);
    clock.stall(700);
    cast({ ...OK, ageMs: 1_000 });
    assert.deepEqual([cell()?.castAtMs, cell()?.order, cell()?.vote], [0, 0, { ...OK, ageMs: 300 }]);
  });

  const again: readonly (readonly [
    title: string,
    afterMs: number,
    vote: Vote,
    order: number,
    other?: Partial<Cell>,
  ])[] = [
    ["not within a tenth of its time", 5_999, OK, 1],
    ["after a tenth of its time", 6_000, OK, 2],
    ["at once when it says something else", 0, BROKEN, 2],
    ["at once when its reason is another one", 0, { ...OK, reason: "x" }, 2],
    ["at once when another member has a newer report", 0, OK, 3, { order: 2 }],
    ["at once when another member has one that may be as new", 0, OK, 2, { order: 1, vote: BROKEN }],
    ["not when that one says the same", 0, OK, 1, { order: 1 }],
    ["not when that one has another definition", 0, OK, 1, { order: 2, vote: BROKEN, definition: "d2" }],
    ["not when another member has an older one", 0, OK, 1, { order: 0, vote: BROKEN }],
  ];
  for (const [title, afterMs, vote, order, other] of again)
    it(`is written again ${title}`, () => {
      const { clock, cast, cell, foreign } = setUp(heartbeat);
      clock.stall(30_000);
      cast(OK);
      if (other !== undefined) foreign.push({ definition: "d1", castAtMs: 0, order: 0, vote: OK, ...other });
      clock.stall(afterMs);
      cast(vote);
      assert.equal(cell()?.order, order);
    });

  it("is written again under another definition", () => {
    const { record, cast, cell } = setUp(heartbeat);
    cast(OK);
    record.definition = { ...record.definition, digest: "d2" };
    cast(OK);
    assert.equal(cell()?.definition, "d2");
  });
});

describe("the newest report of a member that is gone", () => {
  const report = { vote: OK, order: 4, isOwn: false, isStaying: false, isSettled: false, isKept: true };

  function missed() {
    const world = setUp({ isHeartbeat: true });
    world.cast(MISSED);
    const validUntil = world.clock.now() + 40_000;
    return { ...world, validUntil };
  }

  it("is kept by one member: as old as it was, and of the same order", () => {
    const { votes, record, cell, validUntil } = missed();
    assert.equal(votes.keep(record, { ...report, validUntil }), true);
    assert.deepEqual(record.adopted, { vote: OK, validUntil });
    assert.equal(cell()?.order, 4);
    assert.deepEqual(cell()?.vote, { ...OK, ageMs: 26_000 }, "of at most 66 s, it has 40 left");
  });

  it("is never younger than new", () => {
    const { clock, votes, record, cell } = missed();
    votes.keep(record, { ...report, validUntil: clock.now() + 66_000 });
    assert.equal(cell()?.vote.ageMs, 0);
  });

  for (const [title, change] of [
    ["by another member", {}],
    ["while its member stays", { isStaying: true }],
    ["when it is the own one", { isOwn: true }],
  ] as const)
    it(`is not kept here ${title}`, () => {
      const { votes, record, cell, validUntil } = missed();
      assert.equal(votes.keep(record, { ...report, isKept: false, validUntil, ...change }), false);
      assert.equal(record.adopted, undefined);
      assert.equal(cell()?.order, 0);
    });

  it("is not there", () => {
    const { votes, record } = missed();
    assert.equal(votes.keep(record, undefined), false);
  });

  it("stays while it is the newest, also when it is missed here once more", () => {
    const { votes, record, cast, cell, validUntil } = missed();
    votes.keep(record, { ...report, validUntil });
    assert.equal(votes.keep(record, { ...report, validUntil, isOwn: true }), false);
    cast(MISSED);
    assert.equal(cell()?.order, 4);
  });

  it("stays while the records of its member are there, which have the same report", () => {
    const { votes, record, cell, validUntil } = missed();
    votes.keep(record, { ...report, validUntil });
    assert.equal(votes.keep(record, { ...report, validUntil, isKept: false }), false);
    assert.equal(votes.keep(record, { ...report, validUntil }), false);
    assert.equal(cell()?.order, 4);
  });

  it("makes way for a newer one of its member, which is not heard yet: that one is kept at once", () => {
    const { votes, record, cell, validUntil } = missed();
    votes.keep(record, { ...report, validUntil });
    const newer = { ...report, vote: BROKEN, order: 5, validUntil: validUntil + 9_000 };
    assert.equal(votes.keep(record, { ...newer, isKept: false }), false, "another member keeps it");
    assert.equal(cell()?.order, 4);
    assert.equal(votes.keep(record, newer), true);
    assert.deepEqual(record.adopted, { vote: BROKEN, validUntil: validUntil + 9_000 });
    assert.deepEqual([cell()?.order, cell()?.vote], [5, { ...BROKEN, ageMs: 17_000 }]);
    assert.equal(votes.keep(record, newer), false);
  });

  for (const newest of [undefined, { ...report, validUntil: 0, isStaying: true, isSettled: true }])
    it(`makes way ${newest === undefined ? "when it is too old" : "for a newer one elsewhere"}`, () => {
      const { votes, record, cell, validUntil } = missed();
      votes.keep(record, { ...report, validUntil });
      assert.equal(votes.keep(record, newest), true);
      assert.equal(record.adopted, undefined);
      assert.deepEqual([cell()?.order, cell()?.vote], [0, MISSED]);
    });

  it("stays while another member with a newer one was heard just now: the others may not hear that one yet", () => {
    const { votes, record, cell, validUntil } = missed();
    votes.keep(record, { ...report, validUntil });
    for (const order of [4, 5]) {
      assert.equal(votes.keep(record, { ...report, order, validUntil, isStaying: true, isKept: false }), false);
      assert.equal(cell()?.order, 4);
    }
    const miss = { ...report, vote: MISSED, validUntil, isStaying: true, isKept: false };
    assert.equal(votes.keep(record, miss), true);
    assert.equal(record.adopted, undefined);
  });

  it("makes way for the own report of before, which is as old as it is", () => {
    const { votes, record, cast, cell, clock } = setUp({ isHeartbeat: true });
    clock.stall(700);
    cast({ ...BROKEN, ageMs: 0 });
    clock.stall(20_000);
    votes.keep(record, { ...report, validUntil: clock.now() + 40_000 });
    clock.stall(5_000);
    assert.equal(votes.keep(record, undefined), true);
    assert.deepEqual([cell()?.castAtMs, cell()?.vote], [700, { ...BROKEN, ageMs: 0 }]);
  });

  for (const leftMs of [40_000, 60_001, 66_000])
    it(`makes way for a report that says the same: that one is younger, and has a number of its own: ${leftMs} ms left`, () => {
      const { clock, votes, record, cast, cell } = missed();
      votes.keep(record, { ...report, validUntil: clock.now() + leftMs });
      cast(OK);
      assert.deepEqual([cell()?.order, cell()?.vote], [5, { ...OK, ageMs: 0 }]);
      cast(OK);
      assert.equal(cell()?.order, 5);
    });

  it("leaves nothing behind at a member that has no vote of its own yet", () => {
    const { votes, record, cell, clock } = setUp({ isHeartbeat: true });
    votes.keep(record, { ...report, validUntil: clock.now() + 40_000 });
    assert.equal(cell()?.order, 4);
    assert.equal(votes.keep(record, undefined), true);
    assert.equal(cell(), undefined);
  });

  it("makes way for a report that arrives here", () => {
    const { votes, record, cast, cell, validUntil } = missed();
    votes.keep(record, { ...report, validUntil });
    cast(BROKEN);
    assert.equal(record.adopted, undefined);
    assert.deepEqual([cell()?.order, cell()?.vote], [5, { ...BROKEN, ageMs: 0 }]);
  });
});

describe("until a change is written, the beat says how old the vote of before is", () => {
  for (const [title, change, first, second] of [
    ["that fails now", {}, OK, BROKEN],
    ["that passes now", {}, BROKEN, OK],
    ["that can say nothing now", {}, OK, NONE],
    ["on a heartbeat that was missed", { isHeartbeat: true }, OK, MISSED],
  ] as const)
    it(title, () => {
      const { clock, votes, cast, write } = setUp(change);
      cast(first);
      assert.equal(votes.supersededStalest, 0);
      clock.stall(45_000);
      cast(second);
      assert.equal(votes.supersededStalest, 0.75);
      clock.stall(30_000);
      assert.equal(votes.supersededStalest, 1);
      write();
      assert.equal(votes.supersededStalest, 0);
    });

  it("that is removed", () => {
    const { clock, votes, record, cast } = setUp();
    cast(OK);
    clock.stall(30_000);
    votes.remove(record);
    assert.equal(votes.supersededStalest, 0.5);
  });

  it("that has changed twice: the store may have the first one", () => {
    const { clock, votes, cast } = setUp();
    cast(OK);
    clock.stall(30_000);
    cast(BROKEN);
    cast(OK);
    assert.equal(votes.supersededStalest, 0.5);
  });

  it("but not that of a vote that says the same for longer", () => {
    const { clock, votes, cast } = setUp();
    cast(OK);
    clock.stall(30_000);
    cast(OK);
    assert.equal(votes.supersededStalest, 0);
  });
});
