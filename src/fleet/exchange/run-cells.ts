/**
 * The cells of one run in a mirror, and how well they fit what the run tells of them.
 *
 *     entries, none missing --> head grows;   a gap --> later entries wait;   a head that does not fit --> wanted
 */
import type { Steps } from "../../core/turns.js";
import type { ResyncCause } from "../readings.js";
import type { Head, OpenedCell } from "../records/codec.js";
import type { DigestShare } from "../records/signer.js";
import type { MirroredVote, VoteIndex } from "./vote-index.js";

/** Cells that are looked at in one step. */
const STEP_CELLS = 2_000;

/** Removals of one run that wait for a head that fits. */
const MAX_REMOVED = 200_000;

export class RunCells {
  readonly #index: VoteIndex;
  readonly cells = new Map<string, OpenedCell>();
  wanted: ResyncCause | undefined;
  /** They were asked for since the last beat. */
  isAsked = false;
  readonly #sum = { high: 0, low: 0 };
  /** The last write up to which no entry is missing. `undefined`: the cells were not read yet. */
  #head: Head | undefined;
  /** Writes after a gap, none missing among them: the sequence of the first, and the head of the last one. */
  #later: { readonly from: number; readonly head: Head } | undefined;
  /** Removals that wait for a head that fits: check -> sequence. */
  readonly #removed = new Map<string, number>();
  #told = 0;

  constructor(told: Head, index: VoteIndex) {
    this.#index = index;
    if (told.sequence === 0) this.#head = told;
    else this.wanted = "new-run";
  }

  /** Whether a write is older than what is here. The same write may come again, with other cells: the first one had failed. */
  isPast({ sequence }: Head): boolean {
    return this.#head !== undefined && sequence < this.#head.sequence;
  }

  get isCurrent(): boolean {
    return this.#head !== undefined && this.#head.sequence >= this.#told && this.wanted === undefined;
  }

  beat(told: Head, isLogRead: boolean): void {
    const lastTold = this.#told;
    this.#told = told.sequence;
    this.isAsked = false;
    if (this.#head === undefined) return;
    const { sequence } = this.#head;
    // entries take a moment: only what the beat before has told must be here
    if (isLogRead && sequence < lastTold) this.wanted ??= this.#causeAfter(sequence);
    if (sequence === told.sequence && !isSame(this.#sum, told)) this.wanted ??= "digest";
  }

  #causeAfter(sequence: number): ResyncCause {
    if (this.#later !== undefined) return "gap";
    // the first entries of a run may be read before its first beat, and are of a run that is not known yet
    return sequence === 0 ? "new-run" : "log-lost";
  }

  /** Takes a cell unless a newer one is known. Returns whether it says something else. */
  put(check: string, cell: OpenedCell): boolean {
    if ((this.#removed.get(check) ?? -1) > cell.sequence) return false;
    this.#removed.delete(check);
    const known = this.cells.get(check);
    if (known !== undefined && (known.sequence > cell.sequence || isSame(known, cell))) return false;
    if (known !== undefined) subtract(this.#sum, known);
    add(this.#sum, cell);
    this.cells.set(check, cell);
    this.#index.put(check, cell);
    return true;
  }

  /** Notes a removal. */
  remove(check: string, sequence: number): void {
    if (this.#removed.size < MAX_REMOVED) this.#removed.set(check, sequence);
  }

  /** An entry of the log was taken. Returns the checks that are removed with it. */
  continueWith(head: Head): readonly string[] {
    const isNext = this.#head !== undefined && head.sequence <= this.#head.sequence + 1;
    if (isNext && this.#later === undefined) {
      this.#head = head;
      return this.#settle(head);
    }
    const from = this.#later !== undefined && continues(this.#later.head, head) ? this.#later.from : head.sequence;
    this.#later = { from, head };
    this.wanted ??= "gap";
    return [];
  }

  /** All cells were taken as they were at a head. Returns the checks that are removed with it. */
  startFrom(read: Head): readonly string[] {
    let head = newer(read, this.#head); // entries may have come while the cells were read
    if (this.#later !== undefined && this.#later.from <= head.sequence + 1) {
      head = newer(head, this.#later.head);
      this.#later = undefined;
    }
    this.#head = head;
    this.wanted = this.#later === undefined ? undefined : "gap";
    return this.#settle(head);
  }

  /**
   * Removes the cells that are not among those of a head, but for newer ones. Removals up to this head are done with that:
   * one that does not fit was forged, and would keep the cells from fitting any later head.
   */
  *keepOnly(cells: ReadonlyMap<string, string>, sequence: number): Steps<readonly string[]> {
    const removed: string[] = [];
    for (const [check, removedAt] of this.#removed) if (removedAt <= sequence) this.#removed.delete(check);
    let inStep = 0;
    for (const [check, cell] of this.cells) {
      inStep += 1;
      if (inStep % STEP_CELLS === 0) yield;
      if (cells.has(check) || cell.sequence > sequence) continue;
      this.#delete(check, cell);
      subtract(this.#sum, cell);
      removed.push(check);
    }
    return removed;
  }

  /** Removes what is to be removed, if the cells fit the head then. */
  #settle(head: Head): readonly string[] {
    const removed: [string, OpenedCell][] = [];
    const sum = { ...this.#sum };
    for (const [check, sequence] of this.#removed) {
      const cell = this.cells.get(check);
      if (cell === undefined || cell.sequence > sequence) continue;
      subtract(sum, cell);
      removed.push([check, cell]);
    }
    if (!isSame(sum, head)) {
      this.wanted ??= "digest";
      return [];
    }
    for (const [check, cell] of removed) this.#delete(check, cell);
    Object.assign(this.#sum, sum);
    this.#removed.clear();
    if (this.#later === undefined) this.wanted = undefined;
    return removed.map(([check]) => check);
  }

  #delete(check: string, { run }: MirroredVote): void {
    this.cells.delete(check);
    this.#index.remove(check, run);
  }
}

/** Whether one write follows another one, or comes in its place. */
function continues(before: Head, after: Head): boolean {
  return after.sequence === before.sequence || after.sequence === before.sequence + 1;
}

function newer(one: Head, other: Head | undefined): Head {
  return other !== undefined && other.sequence > one.sequence ? other : one;
}

export function isSame(one: DigestShare, other: DigestShare): boolean {
  return one.high === other.high && one.low === other.low;
}

export function add(sum: { high: number; low: number }, { high, low }: DigestShare): void {
  sum.high = (sum.high + high) | 0;
  sum.low = (sum.low + low) | 0;
}

function subtract(sum: { high: number; low: number }, { high, low }: DigestShare): void {
  sum.high = (sum.high - high) | 0;
  sum.low = (sum.low - low) | 0;
}
