/**
 * Puts elements into another order with the fewest moves: those that are in order already stay where they are.
 *
 *     a b c d e  ->  e a b c d     moves e alone
 *
 * An element that is moved loses its focus and its scroll anchor. The longest increasing subsequence is what can stay.
 */

/** The positions in `indices` of a longest increasing subsequence. O(n log n). */
export function longestIncreasing(indices: readonly number[]): ReadonlySet<number> {
  /** For each length, the position of the smallest last element. */
  const lasts: number[] = [];
  const previous: number[] = [];
  indices.forEach((value, position) => {
    const length = firstAtLeast(lasts, indices, value);
    previous[position] = lasts[length - 1] ?? -1;
    lasts[length] = position;
  });
  const kept = new Set<number>();
  for (let position = lasts.at(-1) ?? -1; position >= 0; position = previous[position] ?? -1) kept.add(position);
  return kept;
}

/** The first length whose smallest last element is not below `value`. */
function firstAtLeast(lasts: readonly number[], indices: readonly number[], value: number): number {
  let [low, high] = [0, lasts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((indices[lasts[middle] ?? 0] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
