import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Detachment, type DetachmentOptions } from "../../src/fleet/detachment.js";

const OPTIONS: DetachmentOptions = {
  ...{ leaseMs: 5_000, beatMs: 1_000, whenStoreIsGone: "auto", capacity: 10 },
  ...{ rate: () => 10, isLate: () => false },
};

/** When beats end: f fails, s succeeds, `-` was not sent. */
type Ends = readonly (readonly [at: number, outcome: string])[];

/** The time at which the store counts as gone. */
function goneAt(...ends: Ends): number | undefined {
  const detachment = new Detachment(OPTIONS, 0);
  let goneAt: number | undefined;
  for (const [at, outcome] of ends) {
    if (outcome === "s") detachment.succeeded(at);
    if (outcome === "-") detachment.tick("silent", at);
    if (outcome === "f" && detachment.tick("failed", at)) goneAt ??= at;
  }
  return goneAt;
}

describe("the store is gone", () => {
  const rows: readonly (readonly [title: string, ends: Ends, at: number | undefined])[] = [
    [
      "after a lease without an answer",
      [
        [1_000, "s"],
        [3_500, "f"],
        [6_000, "f"],
      ],
      6_000,
    ],
    [
      "not just before",
      [
        [1_000, "s"],
        [3_500, "f"],
        [5_999, "f"],
      ],
      undefined,
    ],
    [
      "not when it answers between",
      [
        [0, "s"],
        [3_000, "f"],
        [4_000, "s"],
        [6_000, "f"],
        [8_999, "f"],
      ],
      undefined,
    ],
    [
      "also when it has never answered",
      [
        [2_500, "f"],
        [5_000, "f"],
      ],
      5_000,
    ],
    [
      "not because this process stood still",
      [
        [0, "s"],
        [60_000, "f"],
      ],
      undefined,
    ],
    [
      "a step counts half a lease and a beat",
      [
        [0, "s"],
        [3_500, "f"],
        [5_000, "f"],
      ],
      5_000,
    ],
    [
      "a longer step counts no more",
      [
        [0, "s"],
        [9_000, "f"],
        [10_499, "f"],
      ],
      undefined,
    ],
    [
      "a longer step counts no more",
      [
        [0, "s"],
        [9_000, "f"],
        [10_500, "f"],
      ],
      10_500,
    ],
    [
      "not because no beat was sent",
      [
        [0, "s"],
        [5_000, "-"],
        [6_000, "f"],
        [7_000, "f"],
      ],
      undefined,
    ],
    [
      "once",
      [
        [5_000, "f"],
        [10_000, "f"],
        [11_000, "f"],
      ],
      10_000,
    ],
  ];
  for (const [title, ends, at] of rows) it(`${title}: ${ends.join(" ")}`, () => assert.equal(goneAt(...ends), at));
});

describe("a store that gives beats and takes no votes", () => {
  const detachedAtFive = () => {
    const detachment = new Detachment(OPTIONS, 0);
    detachment.tick("failed", 2_500);
    detachment.tick("failed", 5_000);
    return detachment;
  };

  it("is gone anew when it gives no beats either", () => {
    const detachment = detachedAtFive();
    assert.deepEqual([detachment.deaf(9_000), detachment.detachedAt], [true, 9_000]);
    assert.deepEqual([detachment.deaf(9_000), detachment.detachedAt], [false, 9_000], "once");
    assert.deepEqual([detachment.deaf(Number.NEGATIVE_INFINITY), detachment.detachedAt], [false, 9_000]);
    detachment.succeeded(12_000);
    assert.equal(detachment.detachedAt, 9_000, "also when it is back: what was told before that is old");
  });

  it("is not gone anew before a beat came", () => {
    const detachment = detachedAtFive();
    assert.deepEqual([detachment.deaf(5_000), detachment.deaf(4_900), detachment.detachedAt], [false, false, 5_000]);
  });

  it("is not gone for a member that hears nothing because it stood still", () => {
    const detachment = new Detachment(OPTIONS, 0);
    assert.deepEqual([detachment.deaf(9_000), detachment.detachedAt], [false, Number.NEGATIVE_INFINITY]);
    detachment.tick("failed", 2_500);
    detachment.tick("failed", 5_000);
    detachment.succeeded(12_000);
    assert.deepEqual([detachment.deaf(30_000), detachment.detachedAt], [false, 5_000]);
  });
});

describe("a store that is back", () => {
  it("freezes what is taken over and given up for a lease", () => {
    const detachment = new Detachment(OPTIONS, 0);
    assert.equal(detachment.frozenUntil, Number.NEGATIVE_INFINITY);
    assert.equal(detachment.succeeded(1_000), false);
    detachment.tick("failed", 4_000);
    assert.equal(detachment.tick("failed", 7_000), true);
    assert.equal(detachment.isDetached, true);
    assert.equal(detachment.succeeded(9_000), true);
    assert.equal(detachment.isDetached, false);
    assert.equal(detachment.frozenUntil, 14_000);
    assert.equal(detachment.succeeded(10_000), false);
    assert.equal(detachment.frozenUntil, 14_000);
    assert.equal(detachment.tick("failed", 12_000), false, "a new lease");
  });
});

describe("a member without a store probes all checks", () => {
  const rows: readonly (readonly [choice: DetachmentOptions["whenStoreIsGone"], rate: number, probesAll: boolean])[] = [
    ["auto", 9, true],
    ["auto", 10, true],
    ["auto", 10.000_000_000_1, true],
    ["auto", 10.001, false],
    ["all", 1_000, true],
    ["share", 1, false],
  ];
  for (const [whenStoreIsGone, rate, probesAll] of rows)
    it(`${whenStoreIsGone}, ${rate} of 10 probes a second: ${probesAll}`, () => {
      const detachment = new Detachment({ ...OPTIONS, whenStoreIsGone, rate: () => rate }, 0);
      detachment.tick("failed", 3_000);
      assert.equal(detachment.probesAll, false, "not while it is there");
      assert.equal(detachment.tick("failed", 6_000), true);
      assert.equal(detachment.probesAll, probesAll);
    });
});

describe("a member whose probes are late, when the store goes,", () => {
  const detached = (options: Partial<DetachmentOptions>) => {
    const detachment = new Detachment({ ...OPTIONS, ...options }, 0);
    detachment.tick("failed", 3_000);
    assert.equal(detachment.tick("failed", 6_000), true, "the store is gone all the same");
    return detachment;
  };

  it("keeps its share with auto, and probes all as soon as they are in time", () => {
    let isLate = true;
    const detachment = detached({ isLate: () => isLate });
    assert.deepEqual([detachment.isDetached, detachment.probesAll], [true, false]);
    assert.equal(detachment.tick("silent", 7_000), false, "nothing has changed");
    isLate = false;
    assert.equal(detachment.tick("failed", 8_000), true, "what it probes has changed");
    assert.equal(detachment.probesAll, true);
  });

  it("probes all with all, and its share with share", () => {
    const isLate = () => true;
    assert.equal(detached({ isLate, whenStoreIsGone: "all" }).probesAll, true);
    assert.equal(detached({ isLate, whenStoreIsGone: "share" }).probesAll, false);
  });

  it("goes on with all of them when they get late by that: none of them would have another prober", () => {
    let isLate = false;
    const detachment = detached({ isLate: () => isLate });
    isLate = true;
    assert.equal(detachment.tick("failed", 8_000), false);
    assert.equal(detachment.probesAll, true);
  });

  it("decides it anew when the store goes again", () => {
    let isLate = false;
    const detachment = detached({ isLate: () => isLate });
    detachment.succeeded(8_000);
    assert.equal(detachment.probesAll, false);
    isLate = true;
    detachment.tick("failed", 11_000);
    detachment.tick("failed", 14_000);
    assert.deepEqual([detachment.isDetached, detachment.probesAll], [true, false]);
  });
});
