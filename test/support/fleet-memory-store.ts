/**
 * A store in memory, with the faults of real ones: for simulations and tests. Time comes from the clock alone.
 *
 *     member A -- MemoryConnection --.
 *     member B -- MemoryConnection ---+-- MemoryStore            faults of one connection, or of the store for all
 *     member C -- MemoryConnection ------ MemoryStore (fork)     a network that is split has two of them
 *
 * A call takes effect after half of its delay. So a call whose answer is lost may have taken effect.
 */
import type { Clock } from "../../src/core/clock.js";
import {
  type FleetStore,
  type HeardBeats,
  type LogEntry,
  type LogPage,
  type LogPosition,
  type Run,
  type StoredCells,
  StoreError,
} from "../../src/fleet/store/store.js";

/** Entries that the log keeps. */
const LOG_LENGTH = 1_000;

/** Entries in one page of the log. */
const PAGE_LENGTH = 100;

/** How long lost writes can lie back. */
const UNDO_MS = 30_000;

/** What is wrong with a store, or with the way to it. They may be set at any time. */
export interface StoreFaults {
  /** Calls are refused at once, and answers on their way are lost. */
  isAway: boolean;
  /** Calls and answers are lost, and callers wait for their deadline: a half-open connection. */
  isSilent: boolean;
  /** Milliseconds of one call. Above the deadline, the call takes effect and is a failure. */
  delayMs: number;
  /** Changes of votes are refused, and beats and reads are not: a permission that is missing, or a limit of a record. */
  refusesWrites: boolean;
}

interface CellsOfRun {
  head: string;
  readonly cells: Map<string, string>;
}

/** Calls since the start, and cells in them. */
type StoreCounts = Record<
  "beats" | "writes" | "rewrites" | "reads" | "resyncs" | "writtenCells" | "rewrittenCells",
  number
>;

export class MemoryStore {
  readonly faults: StoreFaults = { isAway: false, isSilent: false, delayMs: 0, refusesWrites: false };
  readonly counts: StoreCounts = {
    ...{ beats: 0, writes: 0, rewrites: 0, reads: 0, resyncs: 0 },
    ...{ writtenCells: 0, rewrittenCells: 0 },
  };
  /** The data: a test may forge it. */
  readonly beats = new Map<Run, string>();
  readonly cells = new Map<Run, CellsOfRun>();
  readonly texts = new Map<string, string>();
  readonly leases = new Map<string, { readonly run: Run; readonly until: number }>();
  readonly log: LogEntry[] = [];
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  /** Entries that were removed from the start of the log. */
  #logStart = 0;
  #undo: { readonly at: number; readonly action: () => void }[] = [];

  /** @param deadlineMs how long a call may take */
  constructor(clock: Clock, deadlineMs = 2_500) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  connect(): MemoryConnection {
    return new MemoryConnection(this, this.#clock, this.#deadlineMs);
  }

  /** Loses all data. */
  flush(): void {
    this.beats.clear();
    this.cells.clear();
    this.texts.clear();
    this.leases.clear();
    this.evict("log");
  }

  /** Loses one key, as a store that is full does. */
  evict(key: "beats" | "log" | { readonly run: Run }): void {
    this.#undo = [];
    if (key === "beats") this.beats.clear();
    else if (key === "log") {
      this.log.length = 0;
      this.#logStart = 0;
    } else this.cells.delete(key.run);
  }

  /** Loses the writes of the last milliseconds, at most 30,000: a replica that was behind becomes the primary. */
  loseLast(ms: number): void {
    const since = this.#clock.now() - ms;
    const lost = this.#undo.filter(({ at }) => at >= since).reverse();
    this.#undo = this.#undo.filter(({ at }) => at < since);
    for (const { action } of lost) action();
  }

  /** A second primary with the same data. Connections go there by `connection.store`. */
  fork(): MemoryStore {
    const fork = new MemoryStore(this.#clock, this.#deadlineMs);
    for (const [run, beat] of this.beats) fork.beats.set(run, beat);
    for (const [run, { head, cells }] of this.cells) fork.cells.set(run, { head, cells: new Map(cells) });
    for (const [digest, definitions] of this.texts) fork.texts.set(digest, definitions);
    for (const [lease, held] of this.leases) fork.leases.set(lease, held);
    fork.log.push(...this.log);
    fork.#logStart = this.#logStart;
    return fork;
  }

  beat(run: Run, beat: string): HeardBeats {
    this.counts.beats += 1;
    const own = this.cells.get(run);
    const heard = { beats: new Map(this.beats), head: own?.head, cellCount: own?.cells.size ?? 0 };
    this.#set(this.beats, run, beat);
    return heard;
  }

  write(entry: LogEntry): string | undefined {
    this.counts.writes += 1;
    this.counts.writtenCells += entry.cells.size;
    const own = this.cells.get(entry.run) ?? { head: entry.head, cells: new Map<string, string>() };
    const headBefore = this.cells.get(entry.run)?.head;
    this.cells.set(entry.run, own);
    own.head = entry.head;
    this.#undoable(() => {
      if (headBefore === undefined) this.cells.delete(entry.run);
      else own.head = headBefore;
    });
    for (const [check, cell] of entry.cells) this.#set(own.cells, check, cell);
    this.log.push(entry);
    this.#undoable(() => this.log.pop());
    if (this.log.length > LOG_LENGTH) {
      this.log.shift();
      this.#logStart += 1;
    }
    return headBefore;
  }

  rewrite(run: Run, head: string, cells: ReadonlyMap<string, string>): void {
    this.counts.rewrites += 1;
    this.counts.rewrittenCells += cells.size;
    this.#set(this.cells, run, { head, cells: new Map(cells) });
  }

  read(position: LogPosition): LogPage {
    this.counts.reads += 1;
    const end = this.#logStart + this.log.length;
    const place = position === undefined ? end : Number(position);
    // a log that ends before our place is another one
    const start = place > end ? this.#logStart : Math.max(place, this.#logStart);
    const entries = this.log.slice(start - this.#logStart, start - this.#logStart + PAGE_LENGTH);
    return { entries, position: `${start + entries.length}`, isEnd: start + entries.length === end };
  }

  keepText(name: string, text: string): void {
    this.#set(this.texts, name, text);
  }

  forget(run: Run): void {
    this.#set(this.beats, run, undefined);
    this.#set(this.cells, run, undefined);
  }

  hold(lease: string, run: Run, ttlMs: number): Run {
    const now = this.#clock.now();
    const held = this.leases.get(lease);
    if (held !== undefined && held.until > now && held.run !== run) return held.run;
    this.#set(this.leases, lease, { run, until: now + ttlMs });
    return run;
  }

  #set<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
    const before = map.get(key);
    put(map, key, value);
    this.#undoable(() => put(map, key, before));
  }

  #undoable(action: () => void): void {
    const at = this.#clock.now();
    this.#undo.push({ at, action });
    // half of them at a time
    if ((this.#undo[this.#undo.length >> 1]?.at ?? at) < at - UNDO_MS)
      this.#undo = this.#undo.filter((each) => each.at >= at - UNDO_MS);
  }
}

function put<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** The way of one member to the store. */
export class MemoryConnection implements FleetStore {
  readonly faults: StoreFaults = { isAway: false, isSilent: false, delayMs: 0, refusesWrites: false };
  /** The store at its end. A test may set another one. */
  store: MemoryStore;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  #isClosed = false;

  constructor(store: MemoryStore, clock: Clock, deadlineMs: number) {
    this.store = store;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  beat(run: Run, beat: string): Promise<HeardBeats> {
    return this.#call((store) => store.beat(run, beat));
  }

  write(entry: LogEntry): Promise<string | undefined> {
    return this.#call((store) => {
      this.#allow(store);
      return store.write(entry);
    });
  }

  rewrite(run: Run, head: string, cells: ReadonlyMap<string, string>): Promise<void> {
    return this.#call((store) => {
      this.#allow(store);
      store.rewrite(run, head, cells);
    });
  }

  read(position: LogPosition): Promise<LogPage> {
    return this.#call((store) => store.read(position));
  }

  async cells(run: Run): Promise<StoredCells | undefined> {
    const first = await this.#call((store) => {
      store.counts.resyncs += 1;
      const found = store.cells.get(run);
      return found && { head: found.head, cells: new Map(found.cells) };
    });
    if (first === undefined || this.#delayMs === 0) return first;
    // many cells are read in parts, and the run may write meanwhile
    const second = await this.#call((store) => store.cells.get(run)?.cells ?? new Map<string, string>());
    const isFirstPart = (_: unknown, index: number) => index % 2 === 0;
    return { head: first.head, cells: new Map([...second, ...[...first.cells].filter(isFirstPart)]) };
  }

  keepText(name: string, text: string): Promise<void> {
    return this.#call((store) => store.keepText(name, text));
  }

  text(name: string): Promise<string | undefined> {
    return this.#call((store) => store.texts.get(name));
  }

  forget(run: Run): Promise<void> {
    return this.#call((store) => store.forget(run));
  }

  hold(lease: string, run: Run, ttlMs: number): Promise<Run> {
    return this.#call((store) => store.hold(lease, run, ttlMs));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  get #delayMs(): number {
    return this.faults.delayMs + this.store.faults.delayMs;
  }

  #has(fault: "isAway" | "isSilent"): boolean {
    return this.#isClosed || this.faults[fault] || this.store.faults[fault];
  }

  #allow(store: MemoryStore): void {
    if (this.faults.refusesWrites || store.faults.refusesWrites) throw new StoreError("refused", "no write is allowed");
  }

  async #call<Result>(action: (store: MemoryStore) => Result): Promise<Result> {
    const startedAt = this.#clock.now();
    const { store } = this;
    const delayMs = this.#delayMs;
    await this.#travel(delayMs / 2, startedAt);
    const result = action(store);
    await this.#travel(delayMs / 2, startedAt);
    return result;
  }

  /** One way of a call. */
  async #travel(ms: number, startedAt: number): Promise<void> {
    if (this.#has("isAway")) throw new StoreError("unreachable", "the store is away");
    const leftMs = startedAt + this.#deadlineMs - this.#clock.now();
    if (ms > 0) await this.#wait(Math.min(ms, leftMs));
    if (this.#has("isAway")) throw new StoreError("unreachable", "the store has gone away");
    if (!this.#has("isSilent") && ms <= leftMs) return;
    await this.#wait(startedAt + this.#deadlineMs - this.#clock.now());
    throw new StoreError("timeout", `the store has not answered within ${this.#deadlineMs} ms`);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(Math.max(0, ms), resolve);
    });
  }
}
