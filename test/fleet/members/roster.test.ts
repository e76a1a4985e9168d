import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HeardMember } from "../../../src/fleet/members/members.js";
import {
  isDuplicated,
  isSameRoster,
  namesakes,
  precedence,
  type Roster,
  rosterOf,
  rosterOfOthers,
  type Self,
  Settling,
  toRosterMember,
} from "../../../src/fleet/members/roster.js";
import type { Beat } from "../../../src/fleet/records/beat.js";

const BEAT_MS = 1_000;

const SELF: Self = { run: "r5", name: "m", zone: "z", capacity: 7, config: "c", isLeaving: false, isDrained: false };

function member(name: string, run: string, change: Partial<HeardMember> = {}, beat: Partial<Beat> = {}): HeardMember {
  return {
    ...{
      run,
      name,
      counter: 9,
      isConfirmed: true,
      hasLeft: false,
      notifier: undefined,
      silenceMs: 0,
      heardAt: 0,
      provenAt: 0,
      growths: 9,
      vouch: undefined,
    },
    beat: {
      ...{ format: 1, run, member: name, zone: "y", version: "1", counter: 9, uptimeMs: 9, head: "", config: "d" },
      ...{ capacity: 5, stalest: 0, isLeaving: false, asks: [], heard: new Map(), ...beat },
    },
    ...change,
  };
}

function runs(alive: readonly HeardMember[], self = SELF): string {
  return rosterOf(alive, self, BEAT_MS)
    .map(({ run }) => run)
    .join(" ");
}

describe("the members that may get checks", () => {
  it("are those that are alive, and this one, in the order of names", () => {
    assert.equal(runs([member("z", "r1"), member("a", "r9")]), "r9 r5 r1");
  });

  it("are without one that does not know its definitions yet", () => {
    assert.equal(runs([member("a", "r1", {}, { config: "" }), member("b", "r2")]), "r2 r5");
  });

  it("have what their beats say", () => {
    const [other, self] = rosterOf([member("a", "r1")], SELF, BEAT_MS);
    assert.deepEqual([other?.zone, other?.weight, other?.config], ["y", 5, "d"]);
    assert.deepEqual([self?.zone, self?.weight, self?.config], ["z", 7, "c"]);
  });

  it("are without this one, and with another run of its name, before it joins", () => {
    const alive = [member("m", "r9"), member("a", "r1")];
    const others = rosterOfOthers(alive, SELF, BEAT_MS);
    assert.deepEqual(
      others.map(({ run }) => run),
      ["r1", "r9"],
    );
    assert.equal(runs(alive), "r1 r5");
  });

  it("have a weight of at least 1", () => assert.equal(toRosterMember({ ...SELF, capacity: 0.2 }).weight, 1));

  const rows: readonly (readonly [
    title: string,
    alive: readonly HeardMember[],
    self: Partial<Self>,
    expected: string,
  ])[] = [
    ["not one that leaves", [member("a", "r1", {}, { isLeaving: true })], {}, "r5"],
    ["not one that is not understood", [member("a", "r1", { beat: undefined })], {}, "r5"],
    ["not this one when it leaves", [member("a", "r1")], { isLeaving: true }, "r1"],
    ["of two runs with one name, the smaller run", [member("a", "r2"), member("a", "r1")], {}, "r1 r5"],
    ["of two runs with the own name, the smaller run: another", [member("m", "r1")], {}, "r1"],
    ["of two runs with the own name, the smaller run: this one", [member("m", "r9")], {}, "r5"],
    [
      "not one that has been silent, when its successor is heard",
      [member("a", "r1", { silenceMs: 2_001 }), member("a", "r2")],
      {},
      "r2 r5",
    ],
    ["two beats of silence are nothing", [member("a", "r1", { silenceMs: 2_000 }), member("a", "r2")], {}, "r1 r5"],
    [
      "of two silent ones, the smaller run",
      [member("a", "r2", { silenceMs: 3_000 }), member("a", "r1", { silenceMs: 4_000 })],
      {},
      "r1 r5",
    ],
    ["not a predecessor that has been silent", [member("m", "r1", { silenceMs: 2_001 })], {}, "r5"],
    [
      "one run that leaves gives no way to its namesake",
      [member("a", "r1", {}, { isLeaving: true }), member("a", "r2")],
      {},
      "r5",
    ],
  ];
  for (const [title, alive, self, expected] of rows)
    it(title, () => assert.equal(runs(alive, { ...SELF, ...self }), expected));
});

describe("two processes with one name", () => {
  const rows: readonly (readonly [title: string, alive: readonly HeardMember[], name: string, isDuplicate: boolean])[] =
    [
      ["beat beside each other", [member("m", "r1", { growths: 3 })], "m", true],
      [
        "the end of the one and the start of the other",
        [member("m", "r1", { growths: 2, vouch: undefined })],
        "m",
        false,
      ],
      ["another name", [member("a", "r1")], "m", false],
      ["both are others", [member("a", "r1"), member("a", "r2")], "a", true],
      ["one is not understood", [member("m", "r1", { beat: undefined })], "m", true],
      ["one was not understood, and is silent now", [member("m", "r1", { beat: undefined, growths: 0 })], "m", false],
      ["two are not understood", ["r1", "r2"].map((run) => member("a", run, { beat: undefined })), "a", true],
      ["there is one", [member("a", "r1")], "a", false],
    ];
  for (const [title, alive, name, isDuplicate] of rows)
    it(`${title}: ${isDuplicate}`, () => assert.equal(isDuplicated(name, alive, SELF), isDuplicate));

  it("of none goes first", () => assert.equal(precedence(namesakes("nobody", [], SELF, BEAT_MS)), undefined));
});

function roster(...names: string[]): Roster {
  return names.map((name) => toRosterMember({ ...SELF, name, run: `r-${name}` }));
}

const NONE: ReadonlySet<string> = new Set();

describe("a change of the members", () => {
  /** The rosters that are acted on, each with its time, when the list changes at these times. */
  function acted(changes: readonly (readonly [at: number, ...names: string[]])[], until = 20_000): readonly string[] {
    const settling = new Settling(2_000);
    const acts: string[] = [];
    for (let now = 0; now <= until; now += 100) {
      for (const [at, ...names] of changes) if (at === now) settling.propose(roster(...names), now);
      if (settling.settle(NONE, now)) acts.push(`${now} ${settling.adopted.map(({ name }) => name).join("")}`);
    }
    return acts;
  }

  const rows: readonly (readonly [title: string, changes: Parameters<typeof acted>[0], acts: readonly string[]])[] = [
    ["is acted on after the settle time", [[100, "a"]], ["2100 a"]],
    [
      "is acted on once, when another follows",
      [
        [0, "a"],
        [1_000, "a", "b"],
        [2_900, "a", "b", "c"],
      ],
      ["4900 abc"],
    ],
    [
      "is acted on twice, when another follows later",
      [
        [0, "a"],
        [2_500, "a", "b"],
      ],
      ["2000 a", "4500 ab"],
    ],
    [
      "is acted on in time, when a member is gone and others go or join meanwhile",
      [
        [0, "a", "b", "c", "d"],
        [5_000, "a", "b", "c"],
        [6_000, "a", "b"],
        [6_500, "a", "b", "e"],
      ],
      ["2000 abcd", "7000 abe"],
    ],
    [
      "in which a member that was gone is back is waited for anew",
      [
        [0, "a", "b"],
        [5_000, "a"],
        [6_000, "a", "b", "c"],
      ],
      ["2000 ab", "8000 abc"],
    ],
    [
      "that is no change is not waited for",
      [
        [0, "a"],
        [1_000, "a"],
      ],
      ["2000 a"],
    ],
    [
      "that is taken back is none",
      [
        [0, "a"],
        [3_000, "a", "b"],
        [4_000, "a"],
      ],
      ["2000 a"],
    ],
    [
      "is acted on after three times the settle time at the latest",
      [
        [0, "a"],
        [1_500, "b"],
        [3_000, "c"],
        [4_500, "d"],
        [5_900, "e"],
      ],
      ["6000 e"],
    ],
    [
      "begins to settle anew after it was acted on",
      [
        [0, "a"],
        [5_000, "a", "b"],
        [6_000, "a", "b", "c"],
      ],
      ["2000 a", "8000 abc"],
    ],
  ];
  for (const [title, changes, acts] of rows) it(title, () => assert.deepEqual(acted(changes), acts));

  it("says when it is due", () => {
    const settling = new Settling(2_000);
    assert.equal(settling.dueAt, undefined);
    settling.propose(roster("a"), 500);
    assert.equal(settling.dueAt, 2_500);
    settling.propose(roster("b"), 2_000);
    settling.propose(roster("c"), 4_000);
    settling.propose(roster("d"), 6_000);
    assert.equal(settling.dueAt, 6_500);
    settling.settle(NONE, 6_500);
    assert.equal(settling.dueAt, undefined);
  });

  it("is acted on at once when members leave, and what else has changed later", () => {
    const settling = new Settling(2_000);
    settling.adopt(roster("a", "b", "c"));
    settling.propose(roster("a", "b", "d"), 0);
    assert.equal(settling.settle(NONE, 0), false, "c is dead");
    assert.equal(settling.settle(new Set(["r-c"]), 100), true);
    assert.deepEqual(
      settling.adopted.map(({ name }) => name),
      ["a", "b"],
    );
    assert.equal(settling.settle(new Set(["r-c"]), 1_900), false);
    assert.equal(settling.dueAt, 2_000);
    assert.equal(settling.settle(new Set(["r-c"]), 2_000), true);
    assert.deepEqual(
      settling.adopted.map(({ name }) => name),
      ["a", "b", "d"],
    );
  });

  it("by those who were none of them is none", () => {
    const settling = new Settling(2_000);
    settling.adopt(roster("a"));
    settling.propose(roster("a"), 0);
    assert.equal(settling.settle(new Set(["r-x"]), 9_000), false);
  });

  it("may be taken over before its time", () => {
    const settling = new Settling(2_000);
    settling.propose(roster("a", "b"), 0);
    settling.adopt(roster("a"));
    assert.equal(settling.dueAt, 2_000);
    settling.adopt(roster("a", "b"));
    assert.equal(settling.dueAt, undefined);
  });
});

describe("two lists of members are the same", () => {
  const [a, b] = roster("a", "b");
  assert.ok(a !== undefined && b !== undefined);
  const rows: readonly (readonly [title: string, other: Roster, isSame: boolean])[] = [
    ["when they are equal", [{ ...a }, { ...b }], true],
    ["not with fewer", [a], false],
    ["not with more", [a, b, b], false],
    ["not in another order", [b, a], false],
    ["not with another run", [a, { ...b, run: "x" }], false],
    ["not with another configuration", [a, { ...b, config: "x" }], false],
    ["not with another zone", [a, { ...b, zone: "x" }], false],
    ["not with another weight", [a, { ...b, weight: 8 }], false],
  ];
  for (const [title, other, isSame] of rows) it(title, () => assert.equal(isSameRoster([a, b], other), isSame));
});
