/**
 * A copy of the cells of all other runs.
 *
 *     log entry --apply()-->  cells of the run  <--replace()-- all of its cells, read anew
 *                                   |
 *     beat --beat()--> head:  do the cells fit?  no --> wanted()
 *
 * The newest cell of a check wins: each carries the sequence of its write, whichever way it comes. So a vote counts as soon
 * as it arrives, also when entries before it are missing, and an old record that is played again changes nothing.
 *
 * A removal has no signature of its own. It counts when the digest of all cells then fits a signed head. What does not fit
 * removes nothing, and the cells are read anew: at most once for each run between two of its beats.
 */
import type { Steps } from "../../core/turns.js";
import type { ResyncCause } from "../readings.js";
import type { FleetCodec, OpenedCell } from "../records/codec.js";
import type { LogEntry, Run } from "../store/store.js";
import { MAX_ENTRY_CELLS } from "./ledger.js";
import { add, isSame, RunCells } from "./run-cells.js";
import { type MirroredVote, VoteIndex } from "./vote-index.js";

/** Cells that are verified in one step. */
const STEP_CELLS = 100;

/** A run whose cells are to be read anew. */
export interface WantedRun {
  readonly run: Run;
  readonly cause: ResyncCause;
}

export class Mirror {
  readonly #codec: FleetCodec;
  readonly #runs = new Map<Run, RunCells>();
  readonly #index = new VoteIndex();
  #refused = 0;

  constructor(codec: FleetCodec) {
    this.#codec = codec;
  }

  /** Records that were ignored, because their signature or their form is wrong. */
  get refused(): number {
    return this.#refused;
  }

  /** What all runs say of a check. */
  votes(check: string): readonly MirroredVote[] {
    return this.#index.of(check);
  }

  /** The checks of which a run says something. */
  checksOf(run: Run): Iterable<string> {
    return this.#runs.get(run)?.cells.keys() ?? [];
  }

  /** Whether the copy has all that the last beat of a run has told. */
  isCurrent(run: Run): boolean {
    return this.#runs.get(run)?.isCurrent === true;
  }

  /** The runs whose cells must be read anew now. Each is told at most once between two of its beats. */
  wanted(): readonly WantedRun[] {
    const wanted: WantedRun[] = [];
    for (const [run, cells] of this.#runs) {
      if (cells.wanted === undefined || cells.isAsked) continue;
      cells.isAsked = true;
      wanted.push({ run, cause: cells.wanted });
    }
    return wanted;
  }

  /**
   * The head that a live run tells with its beat, once a round. A run is known from its first beat on.
   * @param isLogRead all that was in the log at the round before has been applied: else the log may have what is missing
   */
  beat(run: Run, head: string, isLogRead = true): void {
    const told = this.#codec.openHead(run, head);
    if (told === undefined) {
      this.#refused += 1;
      return;
    }
    const cells = this.#runs.get(run) ?? new RunCells(told, this.#index);
    this.#runs.set(run, cells);
    cells.beat(told, isLogRead);
  }

  /** Applies an entry of the log. Returns the checks of which the run says something else now. */
  apply(entry: LogEntry): readonly string[] {
    const { run, cells } = entry;
    const known = this.#runs.get(run);
    if (known === undefined) return [];
    const head = cells.size <= MAX_ENTRY_CELLS ? this.#codec.openHead(run, entry.head) : undefined;
    if (head === undefined) {
      this.#refused += 1;
      return [];
    }
    if (known.isPast(head)) return [];
    const changed: string[] = [];
    for (const [check, text] of cells) {
      if (text === undefined) {
        known.remove(check, head.sequence);
        continue;
      }
      const opened = this.#openCell(run, check, text);
      if (opened === undefined) continue;
      // a cell of another write may be an old one
      if (opened.sequence !== head.sequence) this.#refused += 1;
      else if (known.put(check, opened)) changed.push(check);
    }
    return [...changed, ...known.continueWith(head)];
  }

  /** Takes all cells of a run as they were read from the store. Returns the checks of which it says something else now. */
  *replace(run: Run, head: string, cells: ReadonlyMap<string, string>): Steps<readonly string[]> {
    const known = this.#runs.get(run);
    const read = this.#codec.openHead(run, head);
    if (read === undefined) this.#refused += 1;
    if (known === undefined || read === undefined || known.isPast(read)) return [];
    const changed: string[] = [];
    const sum = { high: 0, low: 0 };
    let inStep = 0;
    for (const [check, text] of cells) {
      inStep += 1;
      if (inStep % STEP_CELLS === 0) yield;
      if (this.#runs.get(run) !== known) return changed; // it was forgotten meanwhile
      const opened = this.#openCell(run, check, text);
      if (opened === undefined) continue;
      add(sum, opened);
      if (known.put(check, opened)) changed.push(check);
    }
    // cells that were read in parts while the run wrote do not fit: the log continues from the older ones
    const removed = isSame(sum, read) ? yield* known.keepOnly(cells, read.sequence) : [];
    return [...changed, ...removed, ...known.startFrom(read)];
  }

  /** Forgets a run at once, and its votes in steps. Returns the checks of which it said something. */
  forget(run: Run): Steps<readonly string[]> {
    const cells = this.#runs.get(run)?.cells ?? new Map<string, OpenedCell>();
    this.#runs.delete(run);
    return this.#forgetVotes(run, cells);
  }

  *#forgetVotes(run: Run, cells: ReadonlyMap<string, OpenedCell>): Steps<readonly string[]> {
    let inStep = 0;
    for (const [check, cell] of cells) {
      inStep += 1;
      if (inStep % STEP_CELLS === 0) yield;
      // the run may have come back meanwhile, with votes that are new
      if (this.#index.of(check).includes(cell)) this.#index.remove(check, run);
    }
    return [...cells.keys()];
  }

  #openCell(run: Run, check: string, text: string): OpenedCell | undefined {
    const opened = this.#codec.openCell(run, check, text);
    if (opened === undefined) this.#refused += 1;
    return opened;
  }
}
