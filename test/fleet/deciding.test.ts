/** What is decided of a check, when it is told, and when it is looked at again. The agreement itself is in `agreement.test`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../src/core/turns.js";
import type { HeardMember } from "../../src/fleet/members/members.js";
import type { Cell, Decision, Vote, VoteState } from "../../src/fleet/records/vote.js";
import { Decisions } from "../../src/fleet/seats/decisions.js";
import type { ForeignCell } from "../../src/fleet/seats/known-votes.js";
import type { CheckRecord } from "../../src/fleet/seats/seats.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { definition } from "./fleet-world.js";
import { heardMember, recordOf, rosterMember } from "./records.js";

const STALE = 30_000;
const BEAT = 1_000;
const [SELF, B, C] = [rosterMember("self"), rosterMember("b"), rosterMember("c")];
const LEAVES = { isLeaving: true, isDrained: false };
const DRAINED = { isLeaving: true, isDrained: true };

function vote(state: VoteState, reason: string | undefined = undefined): Vote {
  return { state, reason };
}

/** A member with the votes of others, at time 100,000. */
class Bench {
  readonly clock = new VirtualClock();
  readonly members = new Map<string, HeardMember>();
  readonly dead = new Set<string>();
  readonly cells: ForeignCell[] = [];
  readonly told: Decision[] = [];
  readonly decisions: Decisions;
  ownCell: Cell | undefined;
  isCatchingUp = false;
  isBehind = false;
  isLeaving = false;
  isDrained = false;

  constructor() {
    this.clock.stall(100_000);
    this.decisions = new Decisions({
      ...{ clock: this.clock, run: SELF.run, beatMs: BEAT, membership: this },
      members: {
        get: (run) => this.members.get(run),
        isAlive: ({ run }) => !this.dead.has(run),
        isGone: ({ hasLeft }) => hasLeft,
        isPast: () => false,
        isDeaf: () => false,
        returnedAt: Number.NEGATIVE_INFINITY,
      },
      votes: () => this.cells,
      ownCell: () => this.ownCell,
      isCatchingUp: () => this.isCatchingUp,
      isBehind: () => this.isBehind,
      detachedAt: () => Number.NEGATIVE_INFINITY,
      tell: (_, decision) => this.told.push(decision),
    });
  }

  /** A vote of another member, that its beat vouched for at a time: it counts for 30 s from then on. */
  hears(
    name: string,
    state: VoteState,
    {
      provenAt = this.clock.now(),
      isDead = false,
      isKnown = true,
      isLeaving = false,
      isDrained = false,
      digest = "d1",
    } = {},
  ): void {
    const member = heardMember(name, { vouch: { provenAt, stalest: 0 } }, { isLeaving, isDrained });
    if (isKnown) this.members.set(member.run, member);
    if (isDead) this.dead.add(member.run);
    this.cells.push({ run: member.run, cell: { definition: digest, castAtMs: 0, order: 0, vote: vote(state, name) } });
  }

  /** This member leaves, or is drained. */
  is({ isLeaving, isDrained }: typeof LEAVES): this {
    return Object.assign(this, { isLeaving, isDrained });
  }

  shared(change: Partial<CheckRecord> = {}, copies = 2): CheckRecord {
    return recordOf(definition("x", { staleAfterMs: STALE, copies }), {
      ...{ owners: [SELF, B], ownersSince: this.clock.now() },
      ...change,
    });
  }

  own(state: VoteState, validUntil = this.clock.now() + STALE) {
    return { vote: vote(state, "own"), validUntil };
  }

  decide(record: CheckRecord): readonly [string, string | undefined] {
    this.decisions.decide(record);
    return [record.decision.state, record.decision.reason];
  }
}

describe("a decision follows from", () => {
  it("the own vote and those of the other owners", () => {
    const bench = new Bench();
    bench.hears("b", "failing");
    assert.deepEqual(bench.decide(bench.shared({ own: bench.own("passing") })), ["warning", "partial"]);
    assert.deepEqual(bench.decide(bench.shared({ own: bench.own("failing") })), ["failing", "own"]);
  });

  it("the vote of a former owner, while an owner has not voted", () => {
    const bench = new Bench();
    bench.hears("z", "passing", { isDead: true });
    assert.deepEqual(bench.decide(bench.shared({ owners: [B, C] })), ["passing", "z"]);
  });

  const ignored: readonly (readonly [string, (bench: Bench) => void])[] = [
    ["under another definition", (bench) => bench.hears("b", "failing", { digest: "d2" })],
    ["of a run that is not known", (bench) => bench.hears("b", "failing", { isKnown: false })],
    ["that no beat vouches for any more", (bench) => bench.hears("b", "failing", { provenAt: 70_000 })],
  ];
  for (const [title, hear] of ignored)
    it(`no vote ${title}`, () => {
      const bench = new Bench();
      hear(bench);
      const record = bench.shared({ own: bench.own("passing"), ownersSince: 0 });
      assert.deepEqual(bench.decide(record), ["passing", "own"]);
    });

  it("the own vote alone, when each member probes for itself", () => {
    const bench = new Bench();
    bench.hears("b", "failing");
    const local = { owners: [SELF], own: bench.own("passing") };
    const record = recordOf(definition("x", { scope: "local", copies: 1, agree: 1, staleAfterMs: STALE }), local);
    assert.deepEqual(bench.decide(record), ["passing", "own"]);
    record.own = bench.own("failing");
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
    const unknown = recordOf(record.definition, { owners: [SELF] });
    assert.deepEqual(bench.decide(unknown), ["pending", undefined], "another member has another target there");
  });

  it("the votes of all who go on to probe it, when all of them leave", () => {
    const bench = new Bench();
    bench.hears("b", "failing");
    bench.hears("c", "failing");
    const record = bench.shared({ owners: [], own: bench.own("passing"), ownersSince: 0 }, 3);
    assert.deepEqual(bench.decide(record), ["failing", "b"]);
    assert.deepEqual(bench.decide({ ...record, owners: [], definition: { ...record.definition, copies: 1 } }), [
      "failing",
      "b",
    ]);
    bench.hears("c", "passing");
    bench.cells.splice(1, 1);
    assert.deepEqual(bench.decide({ ...record, owners: [] }), ["warning", "partial"], "the majority of its copies");
    bench.cells.length = 0;
    const alone = bench.shared({ owners: [], own: bench.own("failing") }, 3);
    assert.deepEqual(bench.decide(alone), ["failing", "own"], "no successor is waited for");
  });

  it("the vote of a live member that owned it before, when it has fewer owners than copies", () => {
    const bench = new Bench();
    bench.hears("b", "failing");
    const record = bench.shared({ owners: [SELF, B], own: bench.own("failing") }, 3);
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
    bench.hears("c", "passing");
    const three = bench.shared({ owners: [B], own: bench.own("passing") }, 3);
    assert.deepEqual(bench.decide(three), ["warning", "partial"], "one of three that probe it turns nothing");
    bench.cells.pop();
    bench.hears("c", "failing");
    assert.deepEqual(bench.decide(three), ["failing", "b"], "two of three do");
    bench.cells.pop();
    bench.hears("c", "passing");
    three.definition = { ...three.definition, agree: 2 };
    assert.deepEqual(bench.decide(three), ["warning", "partial"]);
    three.definition = { ...three.definition, scope: "each" };
    assert.deepEqual(bench.decide(three), ["failing", "b"], "of a check of each member, owners alone vote");
  });

  it("an own seat beside those of the owners, while the store is gone", () => {
    const bench = new Bench();
    bench.hears("b", "passing", { isDead: true });
    bench.decisions.isAlone = true;
    const record = bench.shared({ owners: [B], own: bench.own("failing") }, 1);
    assert.deepEqual(bench.decide(record), ["warning", "partial"]);
    bench.decisions.isAlone = false;
    assert.deepEqual(bench.decide(record), ["passing", "b"]);
    bench.decisions.isAlone = true;
    record.owners = [SELF];
    assert.deepEqual(bench.decide(record), ["failing", "own"], "one that owns it has one seat");
  });
});

describe("an owner that has no vote that counts is waited for", () => {
  it("for twice its time: until then, what it was stands", () => {
    const bench = new Bench();
    const record = bench.shared({ own: bench.own("failing", 999_000), ownersSince: 100_000 });
    assert.deepEqual(bench.decide(record), ["pending", undefined]);
    assert.equal(record.reviewAt, 100_000 + 2 * STALE);
    bench.clock.stall(2 * STALE - 1);
    assert.deepEqual(bench.decide(record), ["pending", undefined]);
    bench.clock.stall(1);
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
    assert.equal(record.reviewAt, Number.POSITIVE_INFINITY);
  });

  it("not at all while the store is gone", () => {
    const bench = new Bench();
    bench.decisions.isAlone = true;
    assert.deepEqual(bench.decide(bench.shared({ own: bench.own("failing") })), ["failing", "own"]);
  });

  it("from the time at which its vote has run out, when it had one", () => {
    const bench = new Bench();
    bench.hears("b", "passing", { provenAt: 60_000, isDead: true });
    const record = bench.shared({ own: bench.own("failing", 999_000), ownersSince: 0 });
    assert.deepEqual(bench.decide(record), ["pending", undefined]);
    assert.equal(record.reviewAt, 90_000 + 2 * STALE);
    bench.clock.stall(50_000);
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
  });

  it("not when it says that it cannot look", () => {
    const bench = new Bench();
    bench.hears("b", "abstaining");
    const record = bench.shared({ own: bench.own("failing") });
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
    assert.equal(record.reviewAt, Number.POSITIVE_INFINITY);
  });
});

describe("a decision is made again", () => {
  it("when the vote of a member that is gone runs out", () => {
    const bench = new Bench();
    bench.hears("b", "failing", { provenAt: 90_000, isDead: true });
    bench.hears("c", "failing", { provenAt: 80_000, isDead: true });
    const record = bench.shared({ owners: [B, C] });
    assert.deepEqual(bench.decide(record), ["failing", "b"]);
    assert.equal(record.reviewAt, 110_000);
  });

  it("with the next beat of a member that lives, and whose vote does not count yet", () => {
    const bench = new Bench();
    bench.hears("b", "passing", { provenAt: 70_000 });
    const record = bench.shared({ own: bench.own("passing") });
    bench.decide(record);
    assert.equal(record.reviewAt, 100_000);
    bench.cells.length = 0;
    bench.hears("b", "abstaining", { provenAt: 70_000 });
    bench.decide(record);
    assert.equal(record.reviewAt, Number.POSITIVE_INFINITY, "an abstention is not waited for");
  });

  it("with a beat, when it is time for it, and not before", () => {
    const bench = new Bench();
    const record = bench.shared({ own: bench.own("passing", 999_000), owners: [SELF] }, 1);
    record.toldUntil = 999_000;
    for (const [reviewAt, count] of [
      [100_001, 0],
      [100_000, 1],
    ] as const) {
      record.reviewAt = reviewAt;
      runAtOnce(bench.decisions.renew([record]));
      assert.equal(bench.told.length, count);
    }
  });

  it("with a beat, when less than a quarter of its time is left of what was told", () => {
    const bench = new Bench();
    const record = bench.shared({ own: bench.own("passing", 999_000), owners: [SELF] }, 1);
    for (const [toldUntil, count] of [
      [107_500, 0],
      [107_499, 1],
    ] as const) {
      record.toldUntil = toldUntil;
      runAtOnce(bench.decisions.renew([record]));
      assert.equal(bench.told.length, count);
    }
  });

  it("with a beat, when less than three beats are left, however short its time is", () => {
    const bench = new Bench();
    const record = bench.shared({ own: bench.own("passing", 999_000), owners: [SELF] }, 1);
    record.definition = { ...record.definition, staleAfterMs: 4_000 };
    for (const [toldUntil, count] of [
      [103_000, 0],
      [102_999, 1],
    ] as const) {
      record.toldUntil = toldUntil;
      runAtOnce(bench.decisions.renew([record]));
      assert.equal(bench.told.length, count);
    }
  });

  it("in turns: of 1,000 checks, 25 in one", () => {
    const bench = new Bench();
    const steps = bench.decisions.renew(Array.from({ length: 1_000 }, () => bench.shared()));
    let turns = 0;
    while (steps.next().done !== true) turns += 1;
    assert.equal(turns, 40);
  });
});

describe("a decision is told", () => {
  const passing = (bench: Bench, change: Partial<CheckRecord> = {}) =>
    bench.shared({ owners: [SELF], own: bench.own("passing"), ...change }, 1);

  it("when it says something else, and not when it only lasts longer", () => {
    const bench = new Bench();
    const record = passing(bench);
    bench.decide(record);
    record.own = bench.own("passing", 140_000);
    bench.decide(record);
    assert.deepEqual(bench.told, [{ state: "passing", reason: "own", validUntil: 130_000, reported: undefined }]);
    assert.equal(record.decision.validUntil, 140_000);
    assert.equal(record.toldUntil, 130_000);
    record.own = bench.own("failing");
    bench.decide(record);
    assert.equal(bench.told.length, 2);
  });

  it("again when what was told runs out, and only if it lasts longer now", () => {
    const bench = new Bench();
    const record = passing(bench);
    bench.decide(record);
    bench.clock.stall(23_000);
    bench.decide(record);
    assert.equal(bench.told.length, 1, "it does not last longer");
    record.own = bench.own("passing");
    bench.decide(record);
    assert.deepEqual(
      bench.told.map(({ validUntil }) => validUntil),
      [130_000, 153_000],
    );
  });

  it("until its time, also when fewer votes carry it: what was true for so long remains so", () => {
    const bench = new Bench();
    bench.hears("b", "passing");
    const record = bench.shared({ own: { vote: vote("passing", "b"), validUntil: 150_000 } });
    bench.decide(record);
    record.own = undefined;
    bench.decide(record);
    assert.equal(record.decision.validUntil, 150_000);
  });

  it("with its own time, when it says something else for less long", () => {
    const bench = new Bench();
    const record = passing(bench, { own: bench.own("passing", 150_000) });
    bench.decide(record);
    record.own = bench.own("failing", 120_000);
    bench.decide(record);
    assert.equal(bench.told.at(-1)?.validUntil, 120_000);
  });
});

describe("while the votes of others are known in part, a check stays what it was", () => {
  const caught = (scope: "shared" | "local", validUntil: number) => {
    const bench = new Bench();
    bench.isCatchingUp = true;
    const decision: Decision = { state: "passing", reason: "before", validUntil };
    const record = recordOf(definition("x", { staleAfterMs: STALE, scope, copies: 1 }), {
      ...{ owners: [SELF], own: bench.own("failing"), decision, toldUntil: validUntil },
    });
    return { bench, record };
  };

  it("as long as that counts", () => {
    const { bench, record } = caught("shared", 100_001);
    assert.deepEqual(bench.decide(record), ["passing", "before"]);
    bench.clock.stall(1);
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
  });

  it("but not a local one", () => {
    const { bench, record } = caught("local", 200_000);
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
  });

  it("until they are known", () => {
    const { bench, record } = caught("shared", 200_000);
    bench.isCatchingUp = false;
    assert.deepEqual(bench.decide(record), ["failing", "own"]);
  });

  it("with the same state, it may last longer and have another reason", () => {
    const { bench, record } = caught("shared", 110_000);
    record.own = bench.own("passing");
    assert.deepEqual(bench.decide(record), ["passing", "own"]);
    assert.equal(record.decision.validUntil, 130_000);
  });
});

describe("a predecessor is due", () => {
  const rows: readonly (readonly [title: string, set: (bench: Bench) => void, isDue: boolean])[] = [
    ["not when each owner has a vote", (bench) => bench.hears("c", "failing"), false],
    ["when one of them has none", () => {}, true],
    ["when one of them abstains", (bench) => bench.hears("c", "abstaining"), true],
    ["when the vote of one of them is too old", (bench) => bench.hears("c", "passing", { provenAt: 70_000 }), true],
    ["not when another predecessor goes first", (bench) => bench.hears("a", "passing"), false],
    ["when the other one goes last", (bench) => bench.hears("z", "passing"), true],
    ["when the other one abstains", (bench) => bench.hears("a", "abstaining"), true],
    ["when the other one is dead", (bench) => bench.hears("a", "passing", { isDead: true }), true],
    ["when the other one leaves", (bench) => bench.hears("a", "passing", LEAVES), true],
    ["when the other one is drained", (bench) => bench.hears("a", "passing", DRAINED), true],
    ["not when it is drained, and the other one stays", (bench) => bench.is(DRAINED).hears("z", "passing"), false],
    ["not when it leaves, and the other one stays", (bench) => bench.is(LEAVES).hears("z", "passing"), false],
    [
      "not when it leaves, and the other one is drained",
      (bench) => bench.is(LEAVES).hears("z", "passing", DRAINED),
      false,
    ],
    ["when it is drained, and the other one leaves", (bench) => bench.is(DRAINED).hears("a", "passing", LEAVES), true],
    [
      "not when both are drained, and the other one goes first",
      (bench) => bench.is(DRAINED).hears("a", "passing", DRAINED),
      false,
    ],
    [
      "when both are drained, and the other one goes last",
      (bench) => bench.is(DRAINED).hears("z", "passing", DRAINED),
      true,
    ],
    ["when both leave", (bench) => bench.is(LEAVES).hears("a", "passing", LEAVES), true],
  ];
  for (const [title, set, isDue] of rows)
    it(title, () => {
      const bench = new Bench();
      bench.hears("b", "passing");
      set(bench);
      assert.equal(
        bench.decisions.isPredecessorDue(bench.shared({ owners: [B, C], own: bench.own("passing") })),
        isDue,
      );
    });

  it("as many as there are owners without a vote", () => {
    const bench = new Bench();
    bench.hears("a", "passing");
    const record = bench.shared({ owners: [B, C], own: bench.own("passing") });
    assert.equal(bench.decisions.isPredecessorDue(record), true);
    bench.hears("aa", "passing");
    assert.equal(bench.decisions.isPredecessorDue(record), false);
  });
});

describe("the newest report of a heartbeat", () => {
  const heartbeat = (change: Partial<CheckRecord> = {}) =>
    recordOf(definition("x", { staleAfterMs: STALE, isHeartbeat: true }), { owners: [SELF, B], ...change });

  function reports(
    bench: Bench,
    name: string,
    order: number,
    change: Partial<HeardMember> = {},
    state: VoteState = "passing",
  ) {
    const member = heardMember(name, { provenAt: 100_000, vouch: { provenAt: 100_000, stalest: 0 }, ...change });
    bench.members.set(member.run, member);
    const cell = { definition: "d1", castAtMs: 9_000, order, vote: vote(state, name) };
    bench.cells.push({ run: member.run, cell });
  }

  it("decides, at whichever member it has arrived", () => {
    const bench = new Bench();
    bench.ownCell = { definition: "d1", castAtMs: 0, order: 4, vote: vote("passing") };
    const record = heartbeat({ own: { ...bench.own("passing"), reportedAt: bench.clock.now() } });
    reports(bench, "b", 5, {}, "failing");
    assert.deepEqual(bench.decide(record), ["failing", "b"]);
    const { run, isOwn, isStaying } = { run: "", ...bench.decisions.newestReport(record) };
    assert.deepEqual([run, isOwn, isStaying], [B.run, false, true]);
    bench.ownCell = { ...bench.ownCell, order: 6 };
    assert.deepEqual(bench.decide(record), ["passing", "own"]);
    assert.equal(bench.decisions.newestReport(record)?.isOwn, true);
  });

  it("may be one that was adopted from a member that is gone", () => {
    const bench = new Bench();
    const adopted = { vote: vote("passing", "adopted"), validUntil: 120_000 };
    const record = heartbeat({ own: { vote: vote("failing", "missed"), validUntil: 200_000 }, adopted });
    assert.deepEqual(bench.decide(record), ["passing", "adopted"]);
  });

  it("stays with its member only while that one lives and does not leave", () => {
    for (const [isLeaving, isDead, isStaying] of [
      [false, false, true],
      [true, false, false],
      [false, true, false],
    ] as const) {
      const bench = new Bench();
      const member = heardMember("b", { provenAt: 100_000 }, { isLeaving });
      bench.members.set(member.run, member);
      if (isDead) bench.dead.add(member.run);
      bench.cells.push({
        run: member.run,
        cell: { definition: "d1", castAtMs: 9_000, order: 1, vote: vote("passing") },
      });
      assert.equal(bench.decisions.newestReport(heartbeat())?.isStaying, isStaying);
    }
  });

  it("counts as long as its member says so, or as long as it is not older than a heartbeat may be", () => {
    const until = (isDead: boolean, stalest: number) => {
      const bench = new Bench();
      reports(bench, "b", 1, { vouch: { provenAt: 100_000, stalest } });
      if (isDead) bench.dead.add(B.run);
      const record = heartbeat();
      bench.decide(record);
      return record.decision.validUntil;
    };
    assert.equal(until(false, 0.5), 133_000, "the report is new, and has a tenth more");
    assert.equal(until(true, 0.5), 133_000);
    const old = (isDead: boolean) => {
      const bench = new Bench();
      const member = heardMember(
        "b",
        { provenAt: 100_000, vouch: { provenAt: 100_000, stalest: 0 } },
        { uptimeMs: 40_000 },
      );
      bench.members.set(member.run, member);
      if (isDead) bench.dead.add(B.run);
      bench.cells.push({ run: B.run, cell: { definition: "d1", castAtMs: 9_000, order: 1, vote: vote("passing") } });
      const record = heartbeat();
      bench.decide(record);
      return record.decision.validUntil;
    };
    assert.equal(old(false), 105_000, "a live member misses it itself, for as long as it is heard");
    assert.equal(old(true), 102_000);
  });

  it("counts at its own member not much longer than the age allows, though its runner says for how long", () => {
    for (const [validUntil, expected] of [
      [100_000 + 10 * STALE, 90_000 + 33_000 + 5_000],
      [110_000, 110_000],
    ] as const) {
      const bench = new Bench();
      const record = heartbeat({ own: { vote: vote("passing", "own"), validUntil, reportedAt: 90_000 } });
      bench.decide(record);
      assert.equal(record.decision.validUntil, expected);
    }
  });

  for (const isDead of [false, true])
    it(`is over with a miss of the same number ${isDead ? "when its member is dead" : "at another member only when it is the same one"}`, () => {
      const bench = new Bench();
      const heard = { provenAt: 100_000, vouch: { provenAt: 100_000, stalest: 0 } };
      for (const [name, state, castAtMs] of [
        ["b", "passing", 9_000],
        ["c", "failing", 40_000],
      ] as const) {
        const { run, ...member } = heardMember(name, heard, { uptimeMs: 40_000 });
        bench.members.set(run, { run, ...member });
        bench.cells.push({ run, cell: { definition: "d1", castAtMs, order: 4, vote: vote(state, "missed") } });
      }
      if (isDead) bench.dead.add(B.run);
      assert.equal(bench.decide(heartbeat())[0], isDead ? "failing" : "passing");
    });

  it("is looked for again with each beat, while another member has a vote", () => {
    const bench = new Bench();
    const record = heartbeat({ own: { ...bench.own("passing"), reportedAt: bench.clock.now() } });
    bench.decide(record);
    assert.equal(record.reviewAt, Number.POSITIVE_INFINITY);
    reports(bench, "b", 1);
    bench.decide(record);
    assert.equal(record.reviewAt, 100_000);
  });

  it("is not one under another definition, nor one of a run that is not known", () => {
    const bench = new Bench();
    bench.hears("b", "passing", { digest: "d2" });
    bench.cells.push({ run: "unknown", cell: { definition: "d1", castAtMs: 0, order: 9, vote: vote("passing") } });
    assert.equal(bench.decisions.newestReport(heartbeat()), undefined);
  });
});

describe("a run that was not yet seen to live", () => {
  const joined = (change: Partial<HeardMember>) => {
    const bench = new Bench();
    bench.hears("b", "failing");
    bench.hears("c", "passing");
    const unsure = heardMember("c", { isConfirmed: false, vouch: undefined, ...change });
    bench.members.set(unsure.run, unsure);
    bench.dead.add(unsure.run);
    return bench.decide(bench.shared({ owners: [B] }));
  };

  it("may own a seat that no other member has: one failing vote of two decides nothing", () => {
    assert.deepEqual(joined({}), ["pending", undefined]);
  });

  it("owns none when it is gone", () => {
    assert.deepEqual(joined({ hasLeft: true }), ["failing", "b"]);
  });
});
