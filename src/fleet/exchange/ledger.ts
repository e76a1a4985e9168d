/**
 * The own cells: what this member says of its checks, and what the store has of it.
 *
 *     set() --> changes --take()--> in flight --acknowledge()--> written
 *                  ^                    |
 *                  +-----giveBack()-----+    a failed write: its changes are part of the next one
 *
 * Each write has the next sequence, and its head: the sequence and the digest of all cells after it. The digest is the sum
 * of the shares of the cells (see codec.ts), so a write costs the cells that it changes.
 *
 * The store must have the head of the last acknowledged write, or of one that is under way. Anything else is a loss, and all
 * cells are written again. A write that has failed may still have reached the store. So the next one has the same sequence,
 * and changes at least the same cells: then the store is right, whichever of both it has had.
 */
import { isDeepStrictEqual } from "node:util";
import type { FleetCodec, Head, SealedCell } from "../records/codec.js";
import type { Cell } from "../records/vote.js";
import type { HeardBeats, LogEntry, Run } from "../store/store.js";

/** Cells in one write. More changes are written with the next ones. */
export const MAX_ENTRY_CELLS = 500;

/** Maximum length of a write; the last cell may exceed it. 500 cells have 100,000 characters, one of a Flower may have a million. */
export const MAX_ENTRY_LENGTH = 262_144;

/** States of the store that are remembered between two beats, and heads of failed writes. One that is forgotten costs a rewrite. */
const MAX_EXPECTED = 200;

interface Written extends SealedCell {
  readonly cell: Cell;
}

/** A write that is under way. */
interface Flight {
  readonly entry: LogEntry;
  readonly state: Head;
  /** With the cells themselves. `undefined`: it removes the cell. */
  readonly changes: ReadonlyMap<string, Written | undefined>;
  readonly cellCount: number;
}

export class Ledger {
  readonly #run: Run;
  readonly #codec: FleetCodec;
  readonly #changes = new Map<string, Cell | undefined>();
  readonly #written = new Map<string, Written>();
  #state: Head = { sequence: 0, high: 0, low: 0 };
  #head: string;
  #flight: Flight | undefined;
  /** Heads that the store may have at the next beat, each with the number of cells. */
  #expected = new Map<string, number>();
  /** Heads of failed writes since the last one that was acknowledged: the store may have them. */
  readonly #unsure = new Set<string>();
  #hasFoundLoss = false;
  /** Number of changes that the store has acknowledged. */
  acknowledged = 0;
  /** Number of changes that a failed write has given back: all of them are in the next one. */
  #returned = 0;

  constructor(run: Run, codec: FleetCodec) {
    this.#run = run;
    this.#codec = codec;
    this.#head = codec.sealHead(run, this.#state);
  }

  /** The head that the store has acknowledged: for the beat. */
  get head(): string {
    return this.#head;
  }

  /** Number of changes that the store has yet to acknowledge. They are written in the order in which they have come. */
  get unwritten(): number {
    return this.#changes.size + (this.#flight?.changes.size ?? 0);
  }

  /** The number of acknowledged changes with which the store has all of now. */
  get dueUntil(): number {
    return this.acknowledged + this.unwritten;
  }

  /** Whether the store has all that was there at a time. What comes later does not count. */
  isWritten(dueUntil: number): boolean {
    return this.unwritten === 0 || this.acknowledged >= dueUntil;
  }

  /** Whether there is something to take. */
  get hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  /** Whether the store may still have another cell of a check than `get` says. */
  isPending(check: string): boolean {
    return this.#changes.has(check) || this.#flight?.changes.has(check) === true;
  }

  get(check: string): Cell | undefined {
    if (this.#changes.has(check)) return this.#changes.get(check);
    const flying = this.#flight?.changes;
    return flying?.has(check) === true ? flying.get(check)?.cell : this.#written.get(check)?.cell;
  }

  /** Sets the cell of a check, or removes it. Returns false when it says the same as before: the time alone is no change. */
  set(check: string, cell: Cell | undefined): boolean {
    if (isSame(this.get(check), cell)) return false;
    this.#changes.set(check, cell);
    return true;
  }

  /** The next write. `undefined`: nothing has changed, or a write is under way. */
  take(): LogEntry | undefined {
    if (this.#flight !== undefined || this.#changes.size === 0) return undefined;
    const sequence = this.#state.sequence + 1;
    const changes = new Map<string, Written | undefined>();
    let { high, low } = this.#state;
    let cellCount = this.#written.size;
    let length = 0;
    for (const [check, cell] of this.#changes) {
      const isFull = changes.size === MAX_ENTRY_CELLS || length >= MAX_ENTRY_LENGTH;
      if (isFull && changes.size >= this.#returned) break;
      this.#changes.delete(check);
      const before = this.#written.get(check);
      const after = cell && { ...this.#codec.sealCell(this.#run, check, sequence, cell), cell };
      changes.set(check, after);
      length += check.length + (after?.text.length ?? 0);
      high = (high - (before?.high ?? 0) + (after?.high ?? 0)) | 0;
      low = (low - (before?.low ?? 0) + (after?.low ?? 0)) | 0;
      cellCount += Number(after !== undefined) - Number(before !== undefined);
    }
    this.#returned = 0;
    const state = { sequence, high, low };
    const head = this.#codec.sealHead(this.#run, state);
    const cells = new Map(Array.from(changes, ([check, written]) => [check, written?.text]));
    const entry = { run: this.#run, head, cells };
    this.#flight = { entry, state, changes, cellCount };
    this.#expect(head, cellCount);
    return entry;
  }

  /** The store has taken the write. @param before the head that it has found there */
  acknowledge(entry: LogEntry, before: string | undefined): void {
    // a loss between two writes: the head of the second one hides it
    const isFirst = before === undefined && this.#state.sequence === 0;
    if (!isFirst && before !== this.#head && !this.#unsure.has(before ?? "")) this.#hasFoundLoss = true;
    this.#unsure.clear();
    const flight = this.#land(entry);
    this.acknowledged += flight.changes.size;
    for (const [check, written] of flight.changes) {
      if (written === undefined) this.#written.delete(check);
      else this.#written.set(check, written);
    }
    this.#state = flight.state;
    this.#head = entry.head;
  }

  /** The write has failed, or its result is unknown. Its changes go with the next one, as they are then, and before all others. */
  giveBack(entry: LogEntry): void {
    const { changes } = this.#land(entry);
    this.#returned = changes.size;
    makeRoom(this.#unsure);
    this.#unsure.add(entry.head);
    const later = [...this.#changes];
    this.#changes.clear();
    for (const [check, written] of changes) this.#changes.set(check, written?.cell);
    for (const [check, cell] of later) this.#changes.set(check, cell);
  }

  /** Whether the store has lost cells of this run. Asked once for each beat, while or after which no rewrite was under way. */
  isLost({ head, cellCount }: HeardBeats): boolean {
    const isKnown = head !== undefined && this.#expected.get(head) === cellCount;
    const isEmpty = head === undefined && cellCount === 0 && this.#state.sequence === 0;
    this.#expected = new Map([[this.#head, this.#written.size]]);
    if (this.#flight !== undefined) this.#expect(this.#flight.entry.head, this.#flight.cellCount);
    return this.#hasFoundLoss || (!isKnown && !isEmpty);
  }

  /** Whether a write has found a loss that no rewrite has mended since. */
  get hasFoundLoss(): boolean {
    return this.#hasFoundLoss;
  }

  /** The store may still be without what it has lost. */
  rewriteFailed(): void {
    this.#hasFoundLoss = true;
  }

  /** What the store should have: for a rewrite. Throws while a write is under way: its end must be known first. */
  all(): { readonly head: string; readonly cells: ReadonlyMap<string, string> } {
    if (this.#flight !== undefined) throw new Error("a write is under way");
    this.#hasFoundLoss = false;
    this.#expect(this.#head, this.#written.size);
    return { head: this.#head, cells: new Map(Array.from(this.#written, ([check, { text }]) => [check, text])) };
  }

  #land(entry: LogEntry): Flight {
    const flight = this.#flight;
    if (flight?.entry !== entry) throw new Error("this write is not under way");
    this.#flight = undefined;
    return flight;
  }

  #expect(head: string, cellCount: number): void {
    makeRoom(this.#expected);
    this.#expected.set(head, cellCount);
  }
}

/** Drops the oldest entry when there are as many as are remembered. */
function makeRoom(heads: Map<string, unknown> | Set<string>): void {
  const oldest = heads.size < MAX_EXPECTED ? undefined : heads.keys().next().value;
  if (oldest !== undefined) heads.delete(oldest);
}

const NO_TIME = { castAtMs: 0, wallTime: undefined } as const;

/** Whether two cells say the same. A removed cell, and one that was never set, are both `undefined`. */
function isSame(one: Cell | undefined, other: Cell | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.definition === other.definition && one.order === other.order && one.vote === other.vote) return true;
  return isDeepStrictEqual({ ...one, ...NO_TIME }, { ...other, ...NO_TIME });
}
