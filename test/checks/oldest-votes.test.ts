import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { OldestVotes } from "../../src/checks/oldest-votes.js";

describe("the age of the oldest of many votes, as a share of its staleAfter", () => {
  test("is 0 without a vote, and grows to 1 with the time until which it counts", () => {
    const votes = new OldestVotes<string>();
    assert.equal(votes.stalest(5_000), 0);
    votes.set("a", 40_000, 40_000);
    assert.deepEqual(
      [0, 10_000, 30_000, 40_000, 90_000].map((now) => votes.stalest(now)),
      [0, 0.25, 0.75, 1, 1],
    );
    votes.delete("a");
    assert.equal(votes.stalest(90_000), 0);
  });

  test("is that of the vote whose share is the highest, not of the one with the shortest time", () => {
    const votes = new OldestVotes<string>();
    votes.set("slow", 200_000, 200_000);
    votes.set("fast", 120_000, 20_000);
    assert.equal(votes.stalest(110_000), 0.55);
    assert.equal(votes.stalest(119_000), 0.95);
  });

  test("is the same as if each vote was looked at, whatever was cast and taken back", () => {
    const item = fc.constantFrom("a", "b", "c", "d", "e");
    const step = fc.record({
      item,
      isSet: fc.boolean(),
      validUntil: fc.integer({ min: 0, max: 100 }),
      staleAfterMs: fc.constantFrom(10, 20),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 0, max: 100 }), (steps, now) => {
        const votes = new OldestVotes<string>();
        const all = new Map<string, number>();
        for (const { item: name, isSet, validUntil, staleAfterMs } of steps) {
          if (isSet) votes.set(name, validUntil, staleAfterMs);
          else votes.delete(name);
          if (isSet) all.set(name, 1 - (validUntil - now) / staleAfterMs);
          else all.delete(name);
          assert.equal(votes.stalest(now), Math.min(1, Math.max(0, ...all.values())));
        }
      }),
    );
  });
});
