import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reportValidity, validityOf } from "../../src/fleet/decisions.js";
import type { HeardMember } from "../../src/fleet/members.js";
import type { Cell } from "../../src/fleet/vote.js";
import { definition } from "./fleet-world.js";

const CHECK = definition("orders", { staleAfterMs: 30_000 });

function member(stalest: number, change: Partial<HeardMember> = {}): HeardMember {
  return {
    ...{
      run: "r",
      name: "r",
      counter: 9,
      isConfirmed: true,
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
      ...{ capacity: 1, stalest, isLeaving: false, asks: [] },
    },
    ...change,
  };
}

describe("the vote of another member counts", () => {
  const rows: readonly (readonly [stalest: number, leftMs: number])[] = [
    [0, 30_000],
    [0.5, 15_000],
    [0.9, 3_000],
    [0.95, 2_000],
    [0.999, 2_000],
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

  it("from the time at which its beat was read, when it was never seen alive", () => {
    assert.equal(Math.round(reportValidity(member(0, { isConfirmed: false }), CHECK, cell(50_000))), 133_500);
    assert.equal(reportValidity(member(0, { beat: undefined }), CHECK, cell(1)), Number.NEGATIVE_INFINITY);
  });
});
