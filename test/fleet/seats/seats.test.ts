import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce, type Steps } from "../../../src/core/turns.js";
import type { RosterMember } from "../../../src/fleet/members/roster.js";
import type { Decision, Definition } from "../../../src/fleet/records/vote.js";
import { heldAs } from "../../../src/fleet/rules/configs.js";
import { type CheckRecord, Seats, UNTOLD } from "../../../src/fleet/seats/seats.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { definition, definitions, STALE_MS } from "../fleet-world.js";
import { rosterMember as member } from "../records.js";

const OK = { vote: { state: "passing", reason: undefined }, validUntil: 99_000 } as const;
const PASSING: Decision = { state: "passing", reason: undefined, validUntil: 99_000 };

const A = member("a");
const OTHERS = [member("b"), member("c")];

/** The seats of member a, at time 1,000, and what they have asked for. */
function bench() {
  const clock = new VirtualClock();
  clock.stall(1_000);
  const calls: string[] = [];
  const voided: string[] = [];
  /** What members with another configuration hold: "config check" -> digest. */
  const digests = new Map<string, string>();
  const seats = new Seats({
    ...{ clock, run: A.run, heldBy: ({ config }, { check }) => digests.get(`${config} ${check}`) },
    probe: ({ check }) => calls.push(`probe ${check}`),
    rest: ({ check }) => calls.push(`rest ${check}`),
    onVoid: ({ check }) => voided.push(check),
    onChange: ({ check, owners }) => calls.push(`${check}: ${owners.map(({ name }) => name).join("")}`),
  });
  /** Returns the checks whose votes count no more. */
  const replace = (...of: readonly Definition[]) => {
    runAtOnce(seats.replace(of));
    return voided.splice(0);
  };
  const assign = (roster: readonly RosterMember[], { self = A, isAlone = false, keepUntil = 0 } = {}) =>
    runAtOnce(seats.assign(roster, self, isAlone, keepUntil));
  const take = () => calls.splice(0);
  return { clock, seats, digests, replace, assign, take };
}

function recordOf(seats: Seats, check: string): CheckRecord {
  return seats.get(check) ?? assert.fail(`no record of ${check}`);
}

function names(records: Iterable<CheckRecord>): readonly string[] {
  return Array.from(records, ({ check }) => check);
}

function turns(steps: Steps<unknown>): number {
  let count = 0;
  while (steps.next().done !== true) count += 1;
  return count;
}

describe("the checks of a configuration", () => {
  it("take the place of those before, which are gone", () => {
    const { seats, replace } = bench();
    assert.deepEqual(replace(definition("x"), definition("y")), []);
    assert.deepEqual(replace(definition("y"), definition("z")), ["x"]);
    assert.deepEqual([seats.size, names(seats.all()), seats.get("x")], [2, ["y", "z"], undefined]);
  });

  it("keep their vote, role and decision while their definition has the same digest", () => {
    const { seats, replace } = bench();
    replace(definition("x"));
    const record = recordOf(seats, "x");
    Object.assign(record, { own: OK, adopted: OK, role: "probing", decision: PASSING });
    assert.deepEqual(replace(definition("x", { copies: 3 })), []);
    assert.equal(seats.get("x"), record);
    assert.deepEqual([record.own, record.adopted, record.definition.copies], [OK, OK, 3]);
  });

  it("lose their votes with another digest, and keep what was decided, for the new time: all of it is told anew", () => {
    const { clock, seats, replace, take } = bench();
    replace(definition("x"));
    const record = recordOf(seats, "x");
    for (const role of ["probing", "handing-over", "resting"] as const) {
      const { digest, staleAfterMs } = record.definition;
      Object.assign(record, { own: OK, adopted: OK, role, decision: PASSING, toldUntil: PASSING.validUntil });
      const next = definition("x", { digest: `${digest}+`, staleAfterMs: staleAfterMs - 1_000 });
      clock.stall(500);
      assert.deepEqual(replace(next), ["x"]);
      assert.deepEqual(
        [record.own, record.adopted, record.role, record.toldUntil],
        [undefined, undefined, role, UNTOLD],
      );
      assert.deepEqual(record.decision, { ...PASSING, validUntil: PASSING.validUntil - 1_000 });
      assert.deepEqual([record.definition, record.ownersSince], [next, clock.now()], "its owners are waited for");
      // its runner may be another one, which rests
      assert.deepEqual(take(), role === "resting" ? [] : ["probe x"]);
    }
  });

  it("are undecided at first, and rest", () => {
    const { seats, replace } = bench();
    replace(definition("x"));
    const { decision, role, owners, ownersSince, reviewAt, toldUntil } = recordOf(seats, "x");
    assert.deepEqual([decision.state, role, owners, ownersSince], ["pending", "resting", [], 1_000]);
    assert.deepEqual([reviewAt, toldUntil], [Infinity, Infinity]);
  });

  it("are heartbeats or not, as they are defined now", () => {
    const { seats, replace } = bench();
    replace(definition("x", { isHeartbeat: true }), definition("y"), definition("z", { isHeartbeat: true }));
    assert.deepEqual(names(seats.heartbeats()), ["x", "z"]);
    replace(definition("x"), definition("y", { isHeartbeat: true }));
    assert.deepEqual(names(seats.heartbeats()), ["y"]);
  });

  it("have a rate: of all but those that each member probes for itself", () => {
    const { seats, replace } = bench();
    const [shared, each] = [definition("x", { rate: 2 }), definition("y", { rate: 3, scope: "each" })];
    replace(shared, each, definition("z", { rate: 50, scope: "local" }));
    assert.equal(seats.rate, 5);
  });

  it("that are gone are handed over no more", () => {
    const { seats, replace, assign } = bench();
    replace(definition("x"));
    assign([A]);
    assign(OTHERS);
    assert.deepEqual(names(seats.handingOver), ["x"]);
    replace();
    assert.deepEqual(names(seats.handingOver), []);
  });

  it("are read and assigned in turns: of 1,000, no more than 25 in one", () => {
    const { seats } = bench();
    const steps = [seats.replace(definitions(1_000)), seats.assign([A], A, false, 0)];
    for (const count of steps.map(turns)) assert.ok(count >= 40 && count <= 50, `${count}`);
  });
});

describe("the owners of a check", () => {
  it("are as many members as it has copies; all for one of each member; this member for a local one", () => {
    const { seats, replace, assign } = bench();
    replace(definition("x"), definition("y", { scope: "each", copies: 1 }), definition("z", { scope: "local" }));
    assign([A, ...OTHERS]);
    const owners = names(seats.all()).map((check) => recordOf(seats, check).owners.map(({ name }) => name));
    assert.equal(owners[0]?.length, 2);
    assert.deepEqual(owners.slice(1), [["a", "b", "c"], ["a"]]);
  });

  it("are told when they are others, and only then", () => {
    const { clock, seats, replace, assign, take } = bench();
    replace(definition("y", { scope: "each" }));
    assign([A, ...OTHERS]);
    assert.deepEqual(take(), ["probe y", "y: abc"]);
    clock.stall(500);
    assign([A, ...OTHERS.map((other) => ({ ...other }))]);
    assert.deepEqual(take(), []);
    assert.equal(recordOf(seats, "y").ownersSince, 1_000);
    assign([A, member("b")]);
    assert.deepEqual(take(), ["y: ab"]);
    assert.equal(recordOf(seats, "y").ownersSince, 1_500);
    assign([A, { ...member("b"), run: "run-b2" }]);
    assert.deepEqual(take(), ["y: ab"], "a member that has started again is another one");
  });

  it("hold the same definition of it, and share it in the same way: also with another configuration", () => {
    const { digests, replace, assign, take } = bench();
    replace(definition("x", { scope: "each" }), definition("y", { scope: "each" }), definition("z", { scope: "each" }));
    digests.set("other x", heldAs(definition("x", { scope: "each" })));
    digests.set("other z", heldAs(definition("z", { scope: "each", agree: 1 })));
    digests.set("other y", heldAs(definition("y", { scope: "each", digest: "d2" })));
    assign([A, member("b", "other"), member("c")]);
    assert.deepEqual(
      take().filter((call) => call.includes(":")),
      ["x: abc", "y: ac", "z: ac"],
    );
  });

  it("have this member among them, whatever its configuration was when the others were asked", () => {
    const { replace, assign, take } = bench();
    replace(definition("x", { scope: "each" }));
    assign([member("a", "before"), member("b"), member("c", "other")]);
    assert.deepEqual(take(), ["probe x", "x: ab"]);
    assign([member("a", "before"), member("b")]);
    assert.deepEqual(take(), [], "the others have the same");
  });

  it("follow a roster in which all have the same configuration, after one in which they had not", () => {
    const { digests, replace, assign, take } = bench();
    replace(definition("x", { scope: "each" }));
    assign([A, member("b", "other")]);
    digests.set("other x", heldAs(definition("x", { scope: "each" })));
    assign([A, member("b", "other")]);
    assign([A, member("b"), member("c", "other")]);
    assert.deepEqual(take(), ["probe x", "x: a", "x: ab", "x: abc"]);
  });
});

describe("a member probes a check that it owns", () => {
  it("from the time at which it does, once", () => {
    const { replace, assign, take, seats } = bench();
    replace(definition("x", { scope: "each" }));
    assign(OTHERS);
    assert.deepEqual(take(), ["x: bc"]);
    assert.equal(recordOf(seats, "x").role, "resting");
    assign([A, ...OTHERS]);
    assert.deepEqual(take(), ["probe x", "x: abc"]);
    assign([A]);
    assert.deepEqual(take(), ["x: a"]);
  });

  it("and counts it as taken over, when it has been decided before", () => {
    const { replace, assign, seats } = bench();
    replace(definition("x"), definition("y"), definition("z"));
    for (const check of ["y", "z"]) recordOf(seats, check).decision = PASSING;
    assign([A]);
    assert.equal(seats.takeovers, 2);
    assign(OTHERS);
    assign([A]);
    assert.equal(seats.takeovers, 2, "one that it still probes is not taken over");
  });

  it("and hands it over when others own it: it does not rest until they have voted", () => {
    const { replace, assign, take, seats } = bench();
    replace(definition("x"));
    assign([A]);
    recordOf(seats, "x").own = OK;
    take();
    assign(OTHERS);
    const record = recordOf(seats, "x");
    assert.deepEqual([record.role, record.own, names(seats.handingOver)], ["handing-over", OK, ["x"]]);
    assert.ok(!take().includes("rest x"));
    seats.release(record);
    assert.deepEqual(take(), ["rest x"]);
    assert.deepEqual([record.role, record.own, names(seats.handingOver)], ["resting", undefined, []]);
  });

  const times: readonly (readonly [title: string, keepUntil: number, from: number, until: number])[] = [
    ["at once, and for at most twice its time", 0, 0, 1_000 + 2 * STALE_MS],
    ["not before a store that is back has settled", 6_000, 6_000, 6_000 + 2 * STALE_MS],
  ];
  for (const [title, keepUntil, from, until] of times)
    it(`and may give it up ${title}`, () => {
      const { replace, assign, seats } = bench();
      replace(definition("x"));
      assign([A]);
      assign(OTHERS, { keepUntil });
      const { handsOverFrom, handsOverUntil } = recordOf(seats, "x");
      assert.deepEqual([handsOverFrom, handsOverUntil], [from, until]);
    });

  it("and hands it over from the first change on, however often the owners change", () => {
    const { clock, replace, assign, seats } = bench();
    replace(definition("x"));
    assign([A]);
    assign(OTHERS);
    clock.stall(5_000);
    assign([member("b")]);
    assert.equal(recordOf(seats, "x").handsOverUntil, 1_000 + 2 * STALE_MS);
  });

  it("and goes on when it owns it again", () => {
    const { replace, assign, take, seats } = bench();
    replace(definition("x"));
    assign([A]);
    assign(OTHERS);
    take();
    assign([A]);
    assert.deepEqual([recordOf(seats, "x").role, names(seats.handingOver), take()], ["probing", [], ["x: a"]]);
  });

  const kept: readonly (readonly [string, Partial<Definition>])[] = [
    ["a local check", { scope: "local" }],
    ["a heartbeat, whose reports may arrive at any member", { isHeartbeat: true }],
  ];
  for (const [title, change] of kept)
    it(`and never gives up ${title}`, () => {
      const { replace, assign, take, seats } = bench();
      replace(definition("x", change));
      assign(OTHERS);
      assert.equal(take()[0], "probe x");
      assign([member("b")]);
      assert.equal(recordOf(seats, "x").role, "probing");
    });

  it("and all others too, while the store is gone", () => {
    const { replace, assign, take, seats } = bench();
    replace(definition("x"));
    assign(OTHERS, { isAlone: true });
    assert.equal(take()[0], "probe x");
    assert.equal(recordOf(seats, "x").owners.length, 2, "the others own them still");
    assign(OTHERS);
    assert.equal(recordOf(seats, "x").role, "handing-over");
  });
});

describe("a member that stands in for the owners of a check", () => {
  const B = OTHERS.slice(0, 1);
  function standingIn() {
    const all = bench();
    all.replace(definition("x"));
    all.assign(B, { keepUntil: 0 });
    all.take();
    const record = recordOf(all.seats, "x");
    record.decision = PASSING;
    all.seats.standIn(record);
    return { ...all, record };
  }

  it("probes it at once, and hands it over to them, for at most twice its time", () => {
    const { seats, record, take } = standingIn();
    assert.deepEqual(take(), ["probe x"]);
    assert.deepEqual([record.role, record.owners, [...seats.handingOver]], ["handing-over", B, [record]]);
    assert.deepEqual([record.handsOverFrom, record.handsOverUntil], [1_000, 1_000 + 2 * STALE_MS]);
    assert.equal(seats.takeovers, 0);
  });

  it("goes on when it becomes an owner, and when another one does", () => {
    const { seats, record, take, assign } = standingIn();
    take();
    assign([A, ...B]);
    assert.deepEqual([record.role, seats.handingOver.size], ["probing", 0]);
    assign(B);
    assert.equal(record.role, "handing-over");
    assert.deepEqual(
      take().filter((call) => !call.startsWith("x:")),
      [],
      "it never rests in between",
    );
  });

  it("rests when it gives the check up", () => {
    const { seats, record, take } = standingIn();
    record.own = OK;
    seats.release(record);
    assert.deepEqual([record.role, record.own, seats.handingOver.size], ["resting", undefined, 0]);
    assert.deepEqual(take(), ["probe x", "rest x"]);
  });
});

it("the owners that a check would have among some members are those that hold it, and no check moves", () => {
  const { seats, digests, replace, assign, take } = bench();
  replace(definition("x", { copies: 3 }), definition("l", { scope: "local" }));
  const other = member("d", "other");
  assign([A, ...OTHERS, other]);
  take();
  const x = recordOf(seats, "x");
  const among = (...members: readonly RosterMember[]) => seats.ownersAmong(members, x, A).map(({ name }) => name);
  assert.deepEqual(among(A, other), ["a"]);
  digests.set("other x", heldAs(x.definition));
  assert.deepEqual(among(A, other).toSorted(), ["a", "d"]);
  assert.deepEqual(among(), []);
  assert.deepEqual(seats.ownersAmong(OTHERS, recordOf(seats, "l"), A), [A]);
  assert.deepEqual([take(), x.owners.length], [[], 3]);
});
