import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { longestIncreasing } from "../../src/page/fewest-moves.js";

describe("the fewest moves to another order", () => {
  test("what stays is in order, and one element that has moved is alone in not staying", () => {
    assert.deepEqual(longestIncreasing([]), new Set());
    assert.deepEqual(longestIncreasing([4, 0, 1, 2, 3]), new Set([1, 2, 3, 4]));
    assert.deepEqual(longestIncreasing([1, 2, 3, 4, 0]), new Set([0, 1, 2, 3]));
    assert.equal(longestIncreasing([2, 1, 0]).size, 1);
  });

  test("for any order, what stays increases and is as long as possible", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30), { maxLength: 9 }), (indices) => {
        const kept = [...longestIncreasing(indices)].sort((one, other) => one - other).map((at) => indices[at] ?? -1);
        assert.ok(kept.every((value, at) => at === 0 || value > (kept[at - 1] ?? 0)));
        assert.equal(kept.length, longestOfAll(indices));
      }),
    );
  });
});

/** By trying all subsequences. */
function longestOfAll([first, ...rest]: readonly number[], above = -1): number {
  if (first === undefined) return 0;
  const without = longestOfAll(rest, above);
  return first > above ? Math.max(without, 1 + longestOfAll(rest, first)) : without;
}
