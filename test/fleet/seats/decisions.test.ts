import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import { type HeardMember, Members } from "../../../src/fleet/members/members.js";
import { toRosterMember } from "../../../src/fleet/members/roster.js";
import type { Cell, Decision, Definition, VoteState } from "../../../src/fleet/records/vote.js";
import type { SeatVote } from "../../../src/fleet/rules/agreement.js";
import { Decisions } from "../../../src/fleet/seats/decisions.js";
import { type CheckRecord, UNTOLD } from "../../../src/fleet/seats/seats.js";
import { reportValidity, validityOf } from "../../../src/fleet/seats/validity.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { definition } from "../fleet-world.js";

const CHECK = definition("orders", { staleAfterMs: 30_000 });

function member(stalest: number, change: Partial<HeardMember> = {}): HeardMember {
  return {
    ...{
      run: "r",
      name: "r",
      counter: 9,
      isConfirmed: true,
      hasLeft: false,
      notifier: undefined,
      silenceMs: 0,
      heardAt: 100_500,
      provenAt: 100_000,
      growths: 2,
      vouch: undefined,
    },
    beat: {
      ...{
        format: 1,
        run: "r",
        member: "r",
        zone: undefined,
        version: "1",
        counter: 9,
        uptimeMs: 50_000,
        head: "",
        config: "",
      },
      ...{ capacity: 1, stalest, isLeaving: false, asks: [], heard: new Map([["self", 1]]) },
    },
    ...change,
  };
}

describe("the vote of another member counts", () => {
  const rows: readonly (readonly [stalest: number, leftMs: number])[] = [
    [0, 30_000],
    [0.5, 15_000],
    [0.9, 3_000],
    [0.95, 3_000],
    [0.999, 3_000],
    [-1, 30_000],
  ];
  for (const [stalest, leftMs] of rows)
    it(`for ${leftMs} ms after its beat, when its oldest result has ${stalest} of its time`, () => {
      assert.equal(validityOf({ vouch: { provenAt: 100_000, stalest } }, CHECK, 1_000), 100_000 + leftMs);
    });

  it("for no longer than its check allows, however long beats are", () => {
    const vouch = { provenAt: 100_000, stalest: 0.9 };
    assert.equal(validityOf({ vouch }, { ...CHECK, staleAfterMs: 3_000 }, 10_000), 103_000);
  });

  it("not when no beat vouches for it", () => {
    assert.equal(validityOf({ vouch: undefined }, CHECK, 1_000), Number.NEGATIVE_INFINITY);
  });
});

describe("the report of a member that is dead counts", () => {
  const cell = (castAtMs: number, ageMs?: number): Cell => ({
    ...{ definition: "d1", castAtMs, order: 1 },
    vote: { state: "passing", reason: undefined, ageMs },
  });
  const rows: readonly (readonly [title: string, cell: Cell, leftMs: number])[] = [
    ["for its time and a tenth, when it was new", cell(50_000), 33_000],
    ["for the rest, when it was old", cell(40_000), 23_000],
    ["for the rest, when it was old as it came", cell(40_000, 3_000), 20_000],
    ["when it came after the last beat", cell(50_100), 33_000],
    ["not when it was too old", cell(10_000), -7_000],
  ];
  for (const [title, of, leftMs] of rows)
    it(title, () => assert.equal(Math.round(reportValidity(member(0.9), CHECK, of)), 100_000 + leftMs));

  it("not at all, when it was never seen alive: its age is not known", () => {
    assert.equal(reportValidity(member(0, { isConfirmed: false }), CHECK, cell(50_000)), Number.NEGATIVE_INFINITY);
    assert.equal(reportValidity(member(0, { beat: undefined }), CHECK, cell(1)), Number.NEGATIVE_INFINITY);
  });
});

/** One check, at the member "self" at the time 0: the votes of others count until a time, as their beats say. */
class Table {
  readonly clock = new VirtualClock();
  readonly told: Decision[] = [];
  isCatchingUp = false;
  isBehind = false;
  detachedAt = Number.NEGATIVE_INFINITY;
  readonly decisions: Decisions;
  readonly record: CheckRecord;
  readonly #cells: { readonly run: string; readonly cell: Cell }[] = [];
  readonly #members = new Members({ run: "self", beatMs: 1_000, leaseMs: 5_000 });

  constructor(before: Decision, owners: readonly string[], change: Partial<Definition> = {}) {
    this.decisions = new Decisions({
      ...{ clock: this.clock, run: "self", beatMs: 1_000, members: this.#members, votes: () => this.#cells },
      membership: { isLeaving: false, isDrained: false },
      ownCell: () => undefined,
      isCatchingUp: () => this.isCatchingUp,
      isBehind: () => this.isBehind,
      detachedAt: () => this.detachedAt,
      tell: (_, decision) => void this.told.push(decision),
    });
    const roster = owners.map((run) => toRosterMember({ run, name: run, zone: undefined, capacity: 1, config: "" }));
    this.record = {
      ...{ check: CHECK.check, definition: { ...CHECK, ...change }, hash: 1, owners: roster, ownersSince: -100_000 },
      ...{ role: "resting", handsOverFrom: 0, handsOverUntil: 0, own: undefined, adopted: undefined },
      ...{ decision: before, toldUntil: before.validUntil, reviewAt: Number.POSITIVE_INFINITY, review: 0 },
    };
  }

  /** @param until at most 30,000 */
  vote(run: string, state: VoteState, until: number): this {
    this.#cells.push({ run, cell: { definition: CHECK.digest, castAtMs: 0, order: 0, vote: voteOf(state) } });
    const { beat, ...rest } = member(1 - until / 30_000);
    if (beat === undefined) throw new Error("it is understood");
    this.#members.sent(1, 0);
    // the second beat after a read at the time 0 is not older than that
    for (const [at, counter] of [
      [-1, 1],
      [0, 2],
      [0, 3],
    ] as const)
      this.#members.hear([{ ...beat, ...rest, run, member: run, counter, uptimeMs: 0 }], at, at);
    this.#members.vouch(run);
    return this;
  }

  /** A read that has no beat. */
  readNothing(): void {
    this.#members.hear([], this.clock.now(), this.clock.now());
  }

  /** Two beats more, the last one now: with the vote of before. */
  hearAgain(run: string, until: number): void {
    const now = this.clock.now();
    const { beat, ...rest } = member(1 - until / 30_000);
    if (beat === undefined) throw new Error("it is understood");
    this.#members.sent(1, now - 1);
    for (const [at, counter] of [
      [now - 1, 4],
      [now, 5],
    ] as const)
      this.#members.hear([{ ...beat, ...rest, run, member: run, counter, uptimeMs: at }], at, at);
    this.#members.vouch(run);
  }

  own(state: VoteState, validUntil: number): this {
    this.record.own = { vote: voteOf(state), validUntil } satisfies SeatVote;
    return this;
  }

  decide(): string {
    this.decisions.decide(this.record);
    return this.record.decision.state;
  }
}

function voteOf(state: VoteState) {
  return { state, reason: undefined };
}

const PASSING: Decision = { state: "passing", reason: undefined, validUntil: 30_000 };

describe("a member that is alone without the store", () => {
  const rows: readonly (readonly [title: string, own: readonly [VoteState, number] | undefined, state: string])[] = [
    ["has no seat before it has voted", undefined, "passing"],
    ["has no seat while it abstains", ["abstaining", 30_000], "passing"],
    ["has no seat when its vote is too old", ["failing", 0], "passing"],
    ["has a seat when it passes", ["passing", 30_000], "passing"],
    ["has a seat when it fails", ["failing", 30_000], "failing"],
  ];
  for (const [title, own, state] of rows)
    it(`${title}, so a former owner's vote does not count anew: ${state}`, () => {
      const table = new Table(PASSING, ["a"], { copies: 1, agree: 1 }).vote("a", "passing", 20_000);
      table.vote("former", "failing", 20_000);
      if (own !== undefined) table.own(...own);
      table.decisions.isAlone = true;
      assert.equal(table.decide(), state);
    });
});

describe("a failure that another member told before the store was gone", () => {
  const FAILING: Decision = { state: "failing", reason: undefined, validUntil: 30_000 };
  // all have lived at 0
  const rows: readonly (readonly [
    title: string,
    owners: readonly string[],
    own: readonly [state: VoteState, seenAt: number],
    change: { readonly detachedAt?: number; readonly isAlone?: boolean },
    state: string,
  ])[] = [
    ["counts no more when this member sees a pass since then", ["a", "b"], ["passing", 8_000], {}, "passing"],
    ["counts no more beside a warning", ["a", "b"], ["warning", 8_000], {}, "warning"],
    ["counts no more for an owner that this member is too", ["a", "self"], ["passing", 8_000], {}, "passing"],
    [
      "counts no more when the store is back, before they are heard",
      ["a"],
      ["passing", 8_000],
      { isAlone: false },
      "passing",
    ],
    ["counts beside an older pass", ["a", "b"], ["passing", 4_000], {}, "failing"],
    ["counts beside a failure", ["a", "b"], ["failing", 8_000], {}, "failing"],
    ["counts while this member cannot look", ["a", "b"], ["abstaining", 8_000], {}, "failing"],
    ["counts when they were heard since", ["a", "b"], ["passing", 8_000], { detachedAt: -1 }, "failing"],
  ];
  for (const [title, owners, [state, seenAt], change, expected] of rows)
    it(title, () => {
      const table = new Table(FAILING, owners, { agree: owners.length }).own(state, seenAt + 30_000);
      for (const owner of owners) if (owner !== "self") table.vote(owner, "failing", 30_000);
      table.clock.stall(9_000);
      const { isAlone = true, ...rest } = change;
      Object.assign(table, { detachedAt: 5_000, ...rest });
      table.decisions.isAlone = isAlone;
      assert.equal(table.decide(), expected);
    });
});

it("a failure that was told before the store was gone is looked at again with each beat, while its member may be heard", () => {
  const table = new Table({ state: "failing", reason: undefined, validUntil: 30_000 }, ["a"], { copies: 1, agree: 1 });
  table.vote("a", "failing", 30_000).own("passing", 34_000);
  table.clock.stall(9_000);
  Object.assign(table, { detachedAt: 5_000 }).decisions.isAlone = true;
  assert.deepEqual([table.decide(), table.record.reviewAt], ["failing", 9_000]);
  table.own("passing", 38_000);
  runAtOnce(table.decisions.renew([table.record]));
  assert.deepEqual([table.record.decision.state, table.record.reviewAt], ["passing", 9_000]);
  table.clock.stall(1_000);
  table.hearAgain("a", 30_000);
  runAtOnce(table.decisions.renew([table.record]));
  assert.equal(table.record.decision.state, "failing", "its member has the same vote since the store is back");
});

for (const [title, until, state] of [
  ["does not count before its member has replaced it", 0, "passing"],
  ["counts when a beat vouches for it", 30_000, "failing"],
] as const)
  it(`a failure that was told before the store was gone, and is still there when it is back, ${title}`, () => {
    const table = new Table(PASSING, ["a"], { copies: 1, agree: 1 }).vote("a", "failing", 30_000);
    table.own("passing", 38_000);
    table.detachedAt = 5_000;
    table.clock.stall(9_000);
    table.hearAgain("a", until); // at 0, the beat says that votes may be wrong: its writes have failed
    for (const isAlone of [true, false]) {
      table.decisions.isAlone = isAlone;
      assert.equal(table.decide(), state);
    }
  });

for (const [title, seenAt, isBack, isHeard, state] of [
  ["does not count for a member that is back and has seen a pass since", 8_000, true, false, "passing"],
  ["counts when its member says it again", 8_000, true, true, "failing"],
  ["counts beside a pass of before", -1_000, true, false, "failing"],
  ["counts at a member that was not away", 8_000, false, false, "failing"],
] as const)
  it(`a failure that was told while a member was away from the store ${title}`, () => {
    const table = new Table(PASSING, ["a"], { copies: 1, agree: 1 }).vote("a", "failing", 30_000);
    table.own("passing", seenAt + 30_000);
    table.detachedAt = -2_000; // the store had the vote at 0
    table.clock.stall(9_000);
    if (isBack) table.readNothing();
    if (isHeard) table.hearAgain("a", 30_000);
    assert.equal(table.decide(), state);
  });

it("a vote that counts is looked at again when it ends, and one that does not with each beat, while its member may be heard", () => {
  const reviewAt = (until: number, now: number) => {
    const table = new Table(PASSING, ["a"], { copies: 1, agree: 1 }).vote("a", "passing", until);
    table.own("passing", now + 30_000).clock.stall(now);
    table.decisions.isAlone = true;
    table.decide();
    return table.record.reviewAt;
  };
  assert.equal(reviewAt(20_000, 9_000), 20_000);
  assert.equal(reviewAt(20_000, 11_000), 20_000);
  assert.equal(reviewAt(8_000, 9_000), 9_000);
  assert.equal(reviewAt(8_000, 11_000), Number.POSITIVE_INFINITY, "when one is heard, all are decided anew");
});

describe("a check with another definition, of which a failure was told under the one before", () => {
  const FAILING: Decision = { state: "failing", reason: "refused", validUntil: 30_000 };
  const rows: readonly (readonly [
    title: string,
    votes: Readonly<Record<string, VoteState>>,
    told: readonly string[],
  ])[] = [
    ["is not failing by one vote of two that must agree", { a: "passing", b: "failing" }, ["warning"]],
    ["is failing by two", { a: "failing", b: "failing" }, ["failing"]],
    ["is not told by a failing vote alone", { b: "failing" }, []],
    ["is not told when an owner cannot look", { a: "abstaining" }, []],
    ["is not told without a vote", {}, []],
  ];
  for (const [title, votes, told] of rows)
    it(title, () => {
      const table = new Table(FAILING, ["a", "b", "self"], { copies: 3, agree: 2 });
      Object.assign(table.record, { toldUntil: UNTOLD, ownersSince: 0 });
      for (const [run, state] of Object.entries(votes)) table.vote(run, state, 20_000);
      table.decide();
      assert.deepEqual(
        table.told.map(({ state }) => state),
        told,
      );
    });
});

describe("a decision that runs out before the next beat", () => {
  const FAILING: Decision = { state: "failing", reason: undefined, validUntil: 500 };

  it("gives way to the votes that count for longer, when those that carry it are of members that are not heard", () => {
    const table = new Table(FAILING, ["a"], { copies: 1, agree: 1 }).vote("a", "failing", 4_900);
    table.own("passing", 20_000);
    table.clock.stall(2_499);
    assert.equal(table.decide(), "failing", "a may beat at any moment");
    table.clock.stall(1);
    assert.equal(table.decide(), "passing");
    assert.equal(table.record.decision.validUntil, 20_000);
  });

  it("does not, while one of them is heard", () => {
    const table = new Table(FAILING, ["a", "b"], { agree: 1 }).vote("a", "failing", 4_900).vote("b", "failing", 4_900);
    table.own("passing", 20_000);
    table.clock.stall(2_500);
    table.hearAgain("b", 2_900);
    assert.equal(table.decide(), "failing");
  });

  it("does not, when it is a failure that others may tell again with their next beats", () => {
    const table = new Table(FAILING, ["a"], { copies: 1, agree: 1 }).vote("a", "failing", 2_500);
    table.own("passing", 20_000);
    assert.equal(table.decide(), "failing");
  });

  it("does not give way to a failure of before, while its owner is heard", () => {
    const table = new Table(PASSING, ["a"], { copies: 1, agree: 1 }).vote("z", "failing", 20_000);
    table.vote("a", "passing", 2_500).clock.stall(100);
    assert.equal(table.decide(), "passing", "z is no owner any more");
    const own = new Table(PASSING, ["self"], { copies: 1, agree: 1 }).vote("z", "failing", 20_000);
    assert.equal(own.own("passing", 2_500).decide(), "passing", "the next probe comes before that");
  });

  it("stays when there are none, or none that decide", () => {
    assert.equal(new Table(FAILING, ["a"]).vote("a", "failing", 2_500).decide(), "failing");
    const awaited = new Table(FAILING, ["a", "b"]).vote("a", "failing", 2_500).vote("b", "failing", 20_000);
    assert.equal(awaited.decide(), "failing", "a is waited for");
  });

  it("is not replaced by the one before, which counts for longer", () => {
    assert.equal(new Table(PASSING, ["a"], { copies: 1, agree: 1 }).vote("a", "failing", 2_500).decide(), "failing");
  });

  it("of a heartbeat stays: its end is the news", () => {
    const table = new Table(PASSING, ["a"], { isHeartbeat: true }).vote("a", "passing", 2_500);
    table.record.own = { vote: { state: "failing", reason: "missed" }, validUntil: 20_000 };
    assert.equal(table.decide(), "passing");
  });
});

describe("a member that does not yet know what others have told", () => {
  const EXPIRED: Decision = { state: "passing", reason: undefined, validUntil: -1 };
  const rows: readonly (readonly [title: string, before: Decision, change: Partial<Table>, state: string])[] = [
    ["keeps the state while it catches up", PASSING, { isCatchingUp: true }, "passing"],
    ["decides anew what has run out while it catches up", EXPIRED, { isCatchingUp: true }, "failing"],
    ["keeps the state while it is behind", PASSING, { isCatchingUp: true, isBehind: true }, "passing"],
    ["keeps what has run out while it is behind", EXPIRED, { isCatchingUp: true, isBehind: true }, "passing"],
    ["decides when it knows all", PASSING, {}, "failing"],
  ];
  for (const [title, before, change, state] of rows)
    it(title, () => {
      const table = Object.assign(new Table(before, ["a"], { copies: 1 }).vote("a", "failing", 20_000), change);
      assert.equal(table.decide(), state);
    });

  it("decides what concerns itself alone", () => {
    const table = new Table(EXPIRED, ["self"], { scope: "local" }).own("failing", 20_000);
    assert.equal(Object.assign(table, { isCatchingUp: true, isBehind: true }).decide(), "failing");
  });
});
