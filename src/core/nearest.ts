/**
 * The most similar word of a list: for "did you mean" in error messages.
 */

/** Nothing is similar to a longer word. */
const MAX_CHARACTERS = 200;

/** The candidate with the smallest edit distance: at most a third of the length of the word, or one edit. */
export function nearestTo(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_CHARACTERS) return undefined;
  const farthest = Math.max(1, Math.floor(word.length / 3));
  let nearest: string | undefined;
  let least = farthest + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = editDistance(word, candidate);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/**
 * Damerau-Levenshtein distance: the number of letters to insert, remove, replace or swap with a neighbour. The table is
 * computed row by row.
 */
function editDistance(from: string, to: string): number {
  let twoAbove: readonly number[] = [];
  let above: readonly number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line += 1) {
    [twoAbove, above, row] = [above, row, [line]];
    for (let column = 1; column <= to.length; column += 1) {
      const [one, other] = [from[line - 1], to[column - 1]];
      const replaced = at(above, column - 1) + (one === other ? 0 : 1);
      const swaps = column > 1 && one === to[column - 2] && from[line - 2] === other;
      const swapped = swaps ? at(twoAbove, column - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(replaced, swapped, at(above, column) + 1, at(row, column - 1) + 1));
    }
  }
  return at(row, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
