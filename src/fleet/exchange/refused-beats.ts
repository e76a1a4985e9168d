/**
 * Beats in the store that this member cannot read: forged ones, and those of members with another secret.
 *
 *     read:   x   x   y   y   y ... y     counted: x once, y once.     The same for a minute: its author has ended, it is removed
 */
import type { Run } from "../store/store.js";

interface RefusedBeat {
  readonly text: string;
  /** Reads in a row in which it was the same. */
  readonly reads: number;
}

/** A beat that is the same in so many reads is removed. */
const MAX_READS = 60;

/** Beats that are removed after one read. */
const MAX_REMOVED = 10;

export class RefusedBeats {
  #beats: ReadonlyMap<Run, RefusedBeat> = new Map();
  /** Each is counted once, as long as it is the same. */
  count = 0;

  /** The refused beats of one read. Returns the runs whose records are of no use. */
  take(refused: ReadonlyMap<Run, string>): readonly Run[] {
    this.#beats = new Map(Array.from(refused, ([run, text]) => [run, this.#next(run, text)]));
    const old = [...this.#beats].filter(([, { reads }]) => reads >= MAX_READS);
    return old.slice(0, MAX_REMOVED).map(([run]) => run);
  }

  #next(run: Run, text: string): RefusedBeat {
    const before = this.#beats.get(run);
    if (before?.text === text) return { text, reads: before.reads + 1 };
    this.count += 1;
    return { text, reads: 1 };
  }
}
