import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HeardBeat, Members } from "../../../src/fleet/members/members.js";
import type { Beat } from "../../../src/fleet/records/beat.js";

const OPTIONS = { run: "self", beatMs: 1_000, leaseMs: 5_000 };

function beat(counter: number, change: Partial<Beat> = {}): Beat {
  return {
    ...{
      format: 1,
      run: "r",
      member: "r",
      zone: undefined,
      version: "1",
      counter,
      uptimeMs: counter * 1_000,
      head: "",
    },
    ...{ config: "c", capacity: 1, stalest: 0, isLeaving: false, asks: [], heard: new Map([["self", 1]]), ...change },
  };
}

/** Reads at these times: each with the counter that is read, or without a beat. The own beat of each round was heard. */
function heard(
  reads: readonly (readonly [at: number, counter: number | undefined, change?: Partial<Beat>])[],
): Members {
  const members = new Members(OPTIONS);
  for (const [index, [at, counter, change]] of reads.entries()) {
    members.sent(index + 1, at);
    const own = { heard: new Map([["self", index + 1]]), ...change };
    members.hear(counter === undefined ? [] : [beat(counter, own)], at, at + 10);
  }
  return members;
}

function alive(members: Members): boolean {
  const member = members.get("r");
  return member !== undefined && members.isAlive(member);
}

describe("a member is alive when its counter grows", () => {
  it("does not believe the first beat: it may be of a process that has ended", () => {
    assert.equal(alive(heard([[0, 7]])), false);
    assert.equal(
      alive(
        heard([
          [0, 7],
          [1_000, 7],
        ]),
      ),
      false,
    );
    assert.equal(
      alive(
        heard([
          [0, 7],
          [1_000, 8],
        ]),
      ),
      true,
    );
  });

  const silences: readonly (readonly [title: string, times: readonly number[], silenceMs: number, isAlive: boolean])[] =
    [
      ["four beats", [2_000, 3_000, 4_000, 5_000], 4_000, true],
      ["just below the lease, less half a beat", [2_000, 3_000, 4_000, 5_000, 5_499], 4_499, true],
      ["the lease, less half a beat", [2_000, 3_000, 4_000, 5_000, 5_500], 4_500, false],
      ["one read after a minute counts as one and a half beats", [61_000], 1_500, true],
      ["three reads a minute apart", [61_000, 121_000, 181_000], 4_500, false],
      ["one and a half beats are counted whole", [2_500], 1_500, true],
      ["a read at the same time", [1_000], 0, true],
      ["a read that was sent before the last one", [500], 0, true],
    ];
  for (const [title, times, silenceMs, isAlive] of silences)
    it(`counts its silence: ${title}`, () => {
      for (const counter of [8, undefined]) {
        const members = heard([[0, 7], [1_000, 8], ...times.map((at) => [at, counter] as const)]);
        assert.equal(members.get("r")?.silenceMs, silenceMs);
        assert.equal(alive(members), isAlive);
      }
    });

  it("is alive again with a beat after its death", () => {
    const dead = [2_000, 3_000, 4_000, 5_000, 6_000].map((at) => [at, 8] as const);
    assert.equal(alive(heard([[0, 7], [1_000, 8], ...dead])), false);
    const again = heard([[0, 7], [1_000, 8], ...dead, [7_000, 9]]);
    assert.equal(alive(again), true);
    assert.equal(again.get("r")?.silenceMs, 0);
  });

  it("ignores and counts a counter that is smaller", () => {
    const members = heard([
      [0, 7],
      [1_000, 8],
      [2_000, 3],
      [3_000, 8],
    ]);
    assert.equal(members.replayed, 1);
    assert.equal(members.get("r")?.counter, 8);
    assert.equal(members.get("r")?.silenceMs, 2_000);
  });

  it("counts the reads in a row in which it grows", () => {
    assert.equal(heard([[0, 7]]).get("r")?.growths, 0);
    assert.equal(
      heard([
        [0, 7],
        [1_000, 8],
        [2_000, 9],
      ]).get("r")?.growths,
      2,
    );
    assert.equal(
      heard([
        [0, 7],
        [1_000, 8],
        [2_000, 8],
        [3_000, 9],
      ]).get("r")?.growths,
      1,
    );
  });

  it("takes what the newest beat says", () => {
    const members = heard([
      [0, 7],
      [1_000, 8, { zone: "z", isLeaving: true }],
      [2_000, 8, { zone: "y" }],
    ]);
    assert.equal(members.get("r")?.beat?.zone, "z");
    assert.equal(members.get("r")?.beat?.isLeaving, true);
  });
});

describe("the time at which a member was certainly alive", () => {
  const proven: readonly (readonly [string, Parameters<typeof heard>[0], number])[] = [
    ["is unknown after the first beat", [[0, 7]], Number.NEGATIVE_INFINITY],
    [
      "is the read before the one in which it grew",
      [
        [0, 7],
        [1_000, 8],
      ],
      0,
    ],
    [
      "stays while it does not grow",
      [
        [0, 7],
        [1_000, 8],
        [2_000, 8],
      ],
      0,
    ],
    [
      "is as much later as its own clock says",
      [
        [0, 7],
        [1_000, 8],
        [2_000, 9, { uptimeMs: 9_300 }],
      ],
      1_300,
    ],
    [
      "is at least the read before",
      [
        [0, 7],
        [1_000, 8],
        [2_000, 9, { uptimeMs: 8_100 }],
      ],
      1_000,
    ],
    [
      "is not in the future",
      [
        [0, 7],
        [1_000, 8],
        [2_000, 9, { uptimeMs: 99_000 }],
      ],
      2_010,
    ],
    [
      "of a beat at the start of a long deafness is that old",
      [
        [0, 7],
        [1_000, 8],
        [61_000, 9],
      ],
      1_000,
    ],
    [
      "of a beat at the end of a long deafness is known by its clock",
      [
        [0, 7],
        [1_000, 8],
        [61_000, 68],
      ],
      60_000,
    ],
  ];
  for (const [title, reads, at] of proven) it(title, () => assert.equal(heard(reads).get("r")?.provenAt, at));

  const switched: readonly (readonly [title: string, heardOwn: number, provenAt: number])[] = [
    ["has heard what was sent a beat before the last read: it is not older than that read", 29, 30_000],
    ["has heard what was sent three beats before", 27, 30_000],
    ["has heard nothing later than four beats before: it is as old as its clock says", 26, 22_000],
    ["has heard nothing since the last beat of before: it is as old as its clock says", 12, 22_000],
  ];
  for (const [title, heardOwn, provenAt] of switched)
    it(`of a beat that a store had not given before, and that ${title}`, () => {
      const members = new Members({ ...OPTIONS, leaseMs: 50_000 }); // what was sent for long counts as lately
      for (let own = 1; own <= 30; own += 1) {
        members.sent(own, own * 1_000);
        // with each read after the tenth, the store gives an older beat
        const counter = Math.min(own, 10);
        members.hear([beat(counter, { heard: new Map([["self", own]]) })], own * 1_000, own * 1_000);
      }
      members.sent(31, 31_000);
      const change = { uptimeMs: 23_000, heard: new Map([["self", heardOwn]]) };
      members.hear([beat(23, change)], 31_000, 31_000);
      assert.equal(members.get("r")?.provenAt, provenAt);
    });

  it("is told apart from the time of the read", () => {
    assert.equal(
      heard([
        [0, 7],
        [1_000, 8],
        [2_000, 8],
      ]).get("r")?.heardAt,
      1_010,
    );
  });
});

describe("after a lease without a word, the votes of a member are of the time before", () => {
  const rows: readonly (readonly [title: string, counters: readonly number[], awayMs: number, isPast: boolean])[] = [
    ["when it was silent for two beats since then", [10, 10, 10], 20_000, true],
    ["not when it was silent for one", [10, 10], 20_000, false],
    ["not while its last beat vouches for them", [30, 31, 31, 31], 20_000, false],
    ["not when it is heard", [30, 31, 32, 33], 20_000, false],
    ["not when this member was away for less than a lease", [9, 9, 9], 3_000, false],
  ];
  for (const [title, counters, awayMs, isPast] of rows)
    it(title, () => {
      const members = new Members(OPTIONS);
      const seen: boolean[] = [];
      let own = 0;
      const hear = (counter: number, at: number) => {
        own += 1;
        members.sent(own, at);
        members.hear([beat(counter, { heard: new Map([["self", own]]) })], at, at);
        members.vouch("r");
        seen.push(members.hasOtherPast);
      };
      for (const counter of [1, 2, 3]) hear(counter, counter * 1_000);
      for (const [index, counter] of counters.entries()) hear(counter, 3_000 + awayMs + index * 1_000);
      const member = members.get("r");
      assert.ok(member !== undefined);
      assert.equal(members.isPast(member), isPast);
      assert.deepEqual(seen.filter(Boolean).length, isPast ? 1 : 0, "it is told once");
      assert.equal(seen.at(-1), isPast, "at once");
    });

  it("which is told when it changes, also of two members with one read", () => {
    const members = new Members(OPTIONS);
    const told: number[] = [];
    const hear = (counter: number, other: number, at: number) => {
      members.hear([beat(counter), { ...beat(other), run: "s", member: "s" }], at, at);
      for (const run of ["r", "s"]) members.vouch(run);
      if (members.hasOtherPast) told.push(at);
    };
    for (const counter of [1, 2, 3]) hear(counter, counter, counter * 1_000);
    hear(3, 10, 20_000);
    hear(3, 10, 21_000);
    hear(4, 10, 22_000);
    hear(5, 11, 23_000);
    hear(6, 12, 24_000);
    assert.deepEqual(told, [21_000, 22_000, 23_000], "r is past; s in place of r; none");
  });
});

describe("records of the dead", () => {
  it("are kept for ten leases", () => {
    const members = new Members(OPTIONS);
    members.hear([beat(1), beat(1, { run: "self" })], 0, 0);
    for (let at = 1_000; at <= 49_000; at += 1_000) members.hear([], at, at);
    assert.deepEqual(members.forgettable(), []);
    members.hear([], 50_000, 50_000);
    assert.deepEqual(members.forgettable(), ["r"], "but not the own ones");
    members.forget("r");
    assert.equal(members.get("r"), undefined);
  });
});

describe("a beat is recent when its run has heard a recent beat of this member", () => {
  const rows: readonly (readonly [title: string, heard: readonly (number | undefined)[], isAlive: boolean])[] = [
    ["it has heard the last one", [11, 12], true],
    ["it has heard the oldest one that counts", [5, 5], true],
    ["it has heard an older one", [4, 4], false],
    ["it has heard none", [undefined, undefined], false],
    ["it has heard one at last", [undefined, 12], true],
    ["it has heard one that this member does not know to be in the store", [13, 14], true],
  ];
  for (const [title, heard, isAlive] of rows)
    it(`${title}: ${isAlive ? "it" : "not"} alive`, () => {
      const members = new Members(OPTIONS);
      for (let counter = 1; counter <= 12; counter += 1) members.sent(counter, (counter - 12) * 1_000);
      members.hear([beat(1)], 0, 0);
      for (const [index, own] of heard.entries()) {
        const change = { heard: new Map(own === undefined ? [] : [["self", own]]) };
        members.hear([beat(index + 2, change)], (index + 1) * 1_000, (index + 1) * 1_000);
      }
      assert.equal(alive(members), isAlive);
    });

  it("beats between two that are due do not age what others have heard", () => {
    const members = new Members(OPTIONS);
    members.hear([beat(1)], 0, 0);
    for (let tenth = 1; tenth <= 100; tenth += 1) {
      members.sent(tenth, tenth * 100);
      // the other one has read the own beat of a second ago, ten beats before
      const heard = new Map([["self", Math.max(1, tenth - 10)]]);
      members.hear([beat(1 + Math.floor(tenth / 10), { heard })], tenth * 100, tenth * 100);
    }
    assert.equal(alive(members), true);
  });

  it("two that believe of each other that they are dead find each other again", () => {
    const [one, other] = [new Members({ ...OPTIONS, run: "r1" }), new Members({ ...OPTIONS, run: "r2" })];
    let counter = 0;
    const round = (isCut: boolean) => {
      counter += 1;
      const beats = [one, other].map((members, index) =>
        beat(counter, { run: `r${index + 1}`, heard: members.counters() }),
      );
      for (const [index, members] of [one, other].entries()) {
        members.sent(counter, counter * 1_000);
        members.hear(isCut ? [] : beats.filter(({ run }) => run !== `r${index + 1}`), counter * 1_000, counter * 1_000);
      }
    };
    const isAlive = () => {
      const seen = [one.get("r2"), other.get("r1")];
      return seen.every((member) => member !== undefined && one.isAlive(member));
    };
    for (let index = 0; index < 3; index += 1) round(false);
    assert.equal(isAlive(), true);
    for (let index = 0; index < 30; index += 1) round(true);
    assert.equal(isAlive(), false);
    for (let index = 0; index < 3; index += 1) round(false);
    assert.equal(isAlive(), true);
  });
});

describe("a beat of another format", () => {
  it("shows that the member is alive, and no more", () => {
    const members = new Members(OPTIONS);
    const other = (counter: number): HeardBeat => ({ format: 2, run: "r", member: "n", counter });
    members.hear([other(1)], 0, 0);
    members.hear([other(2)], 1_000, 1_000);
    assert.equal(alive(members), true);
    assert.equal(members.get("r")?.name, "n");
    assert.equal(members.get("r")?.beat, undefined);
  });

  it("is not understood, whatever fields it has", () => {
    assert.equal(
      heard([
        [0, 1],
        [1_000, 2, { format: 2 }],
      ]).get("r")?.beat,
      undefined,
    );
  });
});

describe("the list of members", () => {
  it("is in the order of names, and then of runs", () => {
    const members = new Members(OPTIONS);
    const runs = [
      ["r3", "b"],
      ["r2", "a"],
      ["r1", "b"],
    ].map(([run = "", member = ""]) => beat(1, { run, member }));
    members.hear(runs, 0, 0);
    assert.deepEqual(
      members.all().map(({ run }) => run),
      ["r2", "r1", "r3"],
    );
  });
});

describe("a beat vouches for the votes of its member", () => {
  it("from the time at which this member has a copy of them, and not before", () => {
    const members = heard([
      [0, 7],
      [1_000, 8, { stalest: 0.3 }],
    ]);
    assert.equal(members.get("r")?.vouch, undefined);
    members.vouch("r");
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 0, stalest: 0.3 });
    members.hear([beat(9, { stalest: 0.4 })], 2_000, 2_010);
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 0, stalest: 0.3 });
    members.vouch("r");
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 1_000, stalest: 0.4 });
    members.hear([], 3_000, 3_010);
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 1_000, stalest: 0.4 });
  });

  it("no more when it was dead, until they were read anew", () => {
    const members = heard([
      [0, 7],
      [1_000, 8, { stalest: 0.3 }],
    ]);
    members.vouch("r");
    for (const at of [2_000, 3_000, 4_000]) members.hear([beat(8)], at, at + 10);
    members.hear([beat(9)], 5_000, 5_010);
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 0, stalest: 0.3 }, "it was silent for less than a lease");
    for (const at of [6_000, 7_000, 8_000, 9_000, 10_000]) members.hear([beat(9)], at, at + 10);
    assert.equal(alive(members), false);
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 0, stalest: 0.3 }, "the vote of a dead member counts on");
    members.hear([beat(10)], 11_000, 11_010);
    assert.equal(alive(members), true);
    assert.deepEqual(members.get("r")?.vouch, { provenAt: 0, stalest: 1 });
    members.vouch("r");
    assert.equal(members.get("r")?.vouch?.stalest, 0);
  });

  it("not when it is the first, not understood, or says so", () => {
    for (const reads of [
      [[0, 7]],
      [
        [0, 7],
        [1_000, 8, { format: 2 }],
      ],
      [
        [0, 7],
        [1_000, 8, { stalest: 1 }],
      ],
    ] as const) {
      const members = heard(reads);
      members.vouch("r");
      members.vouch("unknown");
      assert.equal(members.get("r")?.vouch, undefined);
    }
  });
});
