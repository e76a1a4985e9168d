/** What the other runs say of each check. A check has as many votes as it has owners, however many members there are. */

import type { Cell } from "../records/vote.js";
import type { Run } from "../store/store.js";

/** What one run says of one check. */
export interface MirroredVote {
  readonly run: Run;
  readonly cell: Cell;
}

const NONE: readonly MirroredVote[] = [];

export class VoteIndex {
  readonly #votes = new Map<string, MirroredVote[]>();

  /** They change with the next `put` or `remove`. */
  of(check: string): readonly MirroredVote[] {
    return this.#votes.get(check) ?? NONE;
  }

  put(check: string, vote: MirroredVote): void {
    const votes = this.#votes.get(check);
    if (votes === undefined) {
      this.#votes.set(check, [vote]);
      return;
    }
    const index = placeOf(vote.run, votes);
    if (index < 0) votes.push(vote);
    else votes[index] = vote;
  }

  remove(check: string, run: Run): void {
    const votes = this.#votes.get(check) ?? [];
    const index = placeOf(run, votes);
    if (index >= 0) votes.splice(index, 1);
    if (votes.length === 0) this.#votes.delete(check);
  }
}

function placeOf(run: Run, votes: readonly MirroredVote[]): number {
  return votes.findIndex((vote) => vote.run === run);
}
