import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import type { RosterMember } from "../../../src/fleet/members/roster.js";
import type { Decision } from "../../../src/fleet/records/vote.js";
import { UNDECIDED } from "../../../src/fleet/rules/agreement.js";
import { hashOf, ownersOf } from "../../../src/fleet/rules/assignment.js";
import type { CheckRecord } from "../../../src/fleet/seats/seats.js";
import { StandIn } from "../../../src/fleet/seats/stand-in.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { definition } from "../fleet-world.js";
import { heardMember, recordOf, rosterMember } from "../records.js";

const [SELF, B, C, D] = ["self", "b", "c", "d"].map((name) => rosterMember(name)) as [
  RosterMember,
  RosterMember,
  RosterMember,
  RosterMember,
];
const BEAT = 100;

function known(validUntil: number): Decision {
  return { state: "passing", reason: undefined, validUntil };
}

/** Member `self` at time 1,000. Others have vouched for their votes at 1,000, but b at 750: two and a half beats ago. */
class Bench {
  readonly clock = new VirtualClock();
  readonly records: CheckRecord[] = [];
  readonly taken: string[] = [];
  readonly detachment = { isDetached: false, canProbeAll: true };
  readonly membership: { roster: readonly RosterMember[]; readonly self: RosterMember } = {
    roster: [SELF, B],
    self: SELF,
  };
  readonly vouchedAt = new Map([
    [B.run, 750],
    [C.run, 1_000],
    [D.run, 1_000],
  ]);
  readonly standIn: StandIn;

  constructor(name = "self") {
    const { clock, membership, detachment, records } = this;
    clock.stall(1_000);
    this.standIn = new StandIn({
      ...{ clock, run: rosterMember(name).run, beatMs: BEAT, membership, detachment },
      members: {
        get: (run) => {
          const provenAt = this.vouchedAt.get(run);
          return provenAt === undefined ? undefined : heardMember(run, { vouch: { provenAt, stalest: 0 } });
        },
      },
      seats: {
        all: () => records,
        ownersAmong: (roster, { hash }) => ownersOf(hash, 1, roster),
        standIn: ({ check }) => void this.taken.push(check),
      },
    });
  }

  /** A check of b, whose last decision counts for another quarter of `staleAfter`: 31 s. */
  record(check: string, change: Partial<CheckRecord> = {}): CheckRecord {
    const record = recordOf(definition(check, { copies: 1 }), {
      ...{ hash: hashOf(check), owners: [B], role: "resting", decision: known(8_749), ...change },
    });
    this.records.push(record);
    return record;
  }

  take(): readonly string[] {
    this.taken.length = 0;
    runAtOnce(this.standIn.take());
    return [...this.taken];
  }
}

describe("a member stands in for owners that do not vouch for their votes", () => {
  type Row = readonly [title: string, set: (bench: Bench, record: CheckRecord) => void, isTaken: boolean];
  const rows: readonly Row[] = [
    ["when what is known runs out", () => {}, true],
    ["not while more than a quarter of staleAfter is left", (_, record) => (record.decision = known(8_750)), false],
    ["not after the usual time between two beats", (bench) => bench.vouchedAt.set(B.run, 751), false],
    ["when one owner was never heard", (bench) => bench.vouchedAt.delete(B.run), true],
    ["not when another owner vouches for its vote", (_, record) => (record.owners = [B, C]), false],
    ["not when it is an owner itself", (_, record) => (record.owners = [B, SELF]), false],
    ["not when it is no candidate for checks", (bench) => (bench.membership.roster = [B]), false],
    [
      "not when the store is gone: then its share or all is probed",
      (bench) => (bench.detachment.isDetached = true),
      false,
    ],
    ["not when all checks are beyond its capacity", (bench) => (bench.detachment.canProbeAll = false), false],
    ["not for a check that it probes already", (_, record) => (record.role = "probing"), false],
    ["not for one that it hands over already", (_, record) => (record.role = "handing-over"), false],
    ["not for one that no member may probe", (_, record) => (record.owners = []), false],
    ["not for one of which nothing was ever known", (_, record) => (record.decision = UNDECIDED), false],
    [
      "not for one that each member probes",
      (_, record) => (record.definition = definition("x", { scope: "each" })),
      false,
    ],
    ["not for a local one", (_, record) => (record.definition = definition("x", { scope: "local" })), false],
    [
      "with three beats left, also when staleAfter is short",
      (_, record) => {
        record.definition = definition("x", { staleAfterMs: 800 });
        record.decision = known(1_299);
      },
      true,
    ],
  ];
  for (const [title, set, isTaken] of rows)
    it(title, () => {
      const bench = new Bench();
      bench.record("fresh", { decision: known(32_000) });
      set(bench, bench.record("x"));
      assert.deepEqual(bench.take(), isTaken ? ["x"] : []);
    });
});

describe("the members that stand in", () => {
  const checks = Array.from({ length: 60 }, (_, index) => `check-${index}`);
  const takenBy = (name: string, set: (bench: Bench) => void = () => {}) => {
    const bench = new Bench(name);
    bench.vouchedAt.set(rosterMember("self").run, 1_000);
    bench.membership.roster = [SELF, B, C, D];
    for (const check of checks) bench.record(check);
    set(bench);
    return bench.take();
  };

  it("are as many as probe a check: those that would own it without the silent ones", () => {
    const taken = ["self", "c", "d"].flatMap((name) => takenBy(name));
    assert.deepEqual(taken.toSorted(), checks.toSorted());
    assert.deepEqual(takenBy("b"), []);
  });

  it("are all when no member hears another one", () => {
    const isAlone = ({ vouchedAt }: Bench) => vouchedAt.clear();
    assert.deepEqual(takenBy("c", isAlone), checks);
    assert.deepEqual(takenBy("self", isAlone), checks);
  });

  it("take at most 2,000 checks with one beat", () => {
    const bench = new Bench();
    for (let index = 0; index < 3_000; index += 1) bench.record(`check-${index}`);
    assert.equal(bench.take().length, 2_000);
  });
});
