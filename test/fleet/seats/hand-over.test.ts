import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import type { RosterMember } from "../../../src/fleet/members/roster.js";
import { HandOver } from "../../../src/fleet/seats/hand-over.js";
import type { CheckRecord } from "../../../src/fleet/seats/seats.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";
import { definition } from "../fleet-world.js";
import { recordOf, rosterMember } from "../records.js";

const [SELF, B] = [rosterMember("self"), rosterMember("b")];

/** Member `self` at time 1,000, which hands checks over. */
class Bench {
  readonly clock = new VirtualClock();
  readonly handingOver = new Set<CheckRecord>();
  readonly voted = new Set<CheckRecord>();
  /** No owner vouches for its vote. */
  isDeserted = false;
  readonly calls: string[] = [];
  readonly detachment = { isDetached: false };
  readonly membership: { hasOthers: boolean; roster: readonly RosterMember[] } = { hasOthers: true, roster: [B] };
  readonly seating = { isRunning: false };
  readonly handOver: HandOver;

  constructor() {
    const { clock, membership, detachment, seating } = this;
    clock.stall(1_000);
    const call = (name: string) => (record: CheckRecord) => void this.calls.push(`${name} ${record.check}`);
    this.handOver = new HandOver({
      ...{ clock, run: SELF.run, membership, detachment, seating },
      seats: {
        handingOver: this.handingOver,
        release: (record) => {
          call("release")(record);
          this.handingOver.delete(record);
        },
      },
      decisions: { isPredecessorDue: (record) => !this.voted.has(record), decide: call("decide") },
      standIn: { isDeserted: () => this.isDeserted },
      votes: { remove: call("remove") },
    });
  }

  record(check: string, change: Partial<CheckRecord> = {}): CheckRecord {
    const times = { handsOverFrom: 0, handsOverUntil: 60_000 };
    const record = recordOf(definition(check), { owners: [B], role: "handing-over", ...times, ...change });
    this.handingOver.add(record);
    return record;
  }

  /** Whether waiting for the hand-over has ended. */
  leave(): () => Promise<boolean> {
    let isDone = false;
    void this.handOver.done().then(() => {
      isDone = true;
    });
    return async () => {
      await settle();
      return isDone;
    };
  }
}

describe("a check is given up", () => {
  const RELEASED = ["remove x", "release x", "decide x"];
  const rows: readonly (readonly [string, (bench: Bench, record: CheckRecord) => void, isReleased: boolean])[] = [
    ["when all successors have voted", (bench, record) => bench.voted.add(record), true],
    ["not before they have", () => {}, false],
    [
      "not while they do not vouch for their votes",
      (bench, record) => {
        bench.voted.add(record);
        bench.isDeserted = true;
      },
      false,
    ],
    [
      "not while they do not, when its time is over",
      (bench) => {
        bench.clock.stall(60_000);
        bench.isDeserted = true;
      },
      false,
    ],
    ["without their votes, when its time is over", (bench) => bench.clock.stall(59_000), true],
    ["not just before that", (bench) => bench.clock.stall(58_999), false],
    [
      "not while a store that is back settles",
      (bench, record) => {
        bench.voted.add(record);
        record.handsOverFrom = 1_001;
      },
      false,
    ],
    [
      "at the end of that",
      (bench, record) => {
        bench.voted.add(record);
        record.handsOverFrom = 1_000;
      },
      true,
    ],
    [
      "not while the store is gone",
      (bench) => {
        bench.clock.stall(60_000);
        bench.detachment.isDetached = true;
      },
      false,
    ],
    [
      "not when no other member may own it",
      (bench, record) => {
        bench.clock.stall(60_000);
        record.owners = [];
      },
      false,
    ],
  ];
  for (const [title, set, isReleased] of rows)
    it(title, () => {
      const bench = new Bench();
      const record = bench.record("x");
      set(bench, record);
      bench.handOver.release(record);
      assert.deepEqual(bench.calls, isReleased ? RELEASED : []);
      bench.calls.length = 0;
      runAtOnce(bench.handOver.releaseAll());
      assert.deepEqual(bench.calls, []);
    });

  it("each for itself", () => {
    const bench = new Bench();
    const [, y] = [bench.record("x"), bench.record("y"), bench.record("z")];
    bench.voted.add(y);
    runAtOnce(bench.handOver.releaseAll());
    assert.deepEqual(bench.calls, ["remove y", "release y", "decide y"]);
  });

  it("in turns: of 1,000, 25 in one", () => {
    const bench = new Bench();
    for (let index = 0; index < 1_000; index += 1) bench.record(`check-${index}`);
    const steps = bench.handOver.releaseAll();
    let turns = 0;
    while (steps.next().done !== true) turns += 1;
    assert.equal(turns, 40);
  });
});

describe("a member that leaves has handed over", () => {
  it("when the last of its checks is given up", async () => {
    const bench = new Bench();
    const [x, y] = [bench.record("x"), bench.record("y")];
    const isDone = bench.leave();
    assert.equal(await isDone(), false);
    bench.voted.add(x);
    bench.handOver.release(x);
    assert.equal(await isDone(), false);
    bench.voted.add(y);
    runAtOnce(bench.handOver.releaseAll());
    assert.equal(await isDone(), true);
  });

  it("at once, when it had none", async () => assert.equal(await new Bench().leave()(), true));

  it("when no other member may own those that are left", async () => {
    const bench = new Bench();
    bench.record("x", { owners: [] });
    assert.equal(await bench.leave()(), true);
  });

  it("at once, when it is the only member or the store is gone: waiting makes no sense", async () => {
    for (const change of [{ hasOthers: false }, { isDetached: true }]) {
      const bench = new Bench();
      bench.record("x");
      Object.assign("isDetached" in change ? bench.detachment : bench.membership, change);
      assert.equal(await bench.leave()(), true);
    }
  });

  it("not before the others are known to take its checks", async () => {
    const bench = new Bench();
    bench.membership.roster = [B, SELF];
    const isDone = bench.leave();
    assert.equal(await isDone(), false, "it is still one of those that get checks");
    bench.membership.roster = [B];
    bench.seating.isRunning = true;
    bench.handOver.review();
    assert.equal(await isDone(), false, "its checks are being assigned");
    bench.seating.isRunning = false;
    bench.handOver.review();
    assert.equal(await isDone(), true);
  });

  it("is nothing to wait for while it does not leave", () => {
    const bench = new Bench();
    bench.handOver.review();
    assert.deepEqual(bench.calls, []);
  });
});
