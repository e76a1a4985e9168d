/**
 * The history on disk: it survives restarts.
 *
 *     start ---- files --read in turns--> series, transitions --adopt--> history
 *     1 s  after a transition ---- transitions since the last write, buckets of their services --.
 *     60 s ----------------------- buckets of all services since the last such write ------------+--> append, fdatasync --> log
 *     the logs are longer than the base --------------------- the whole history --> new base
 *
 * The history in memory is the queue: what could not be written (a full disk) is written later from it, as far as it is
 * kept. So no caller waits for the disk, and nothing grows while the disk fails. Nothing is written before the files are
 * read.
 */
import { join } from "node:path";
import { type CancelTimer, type Clock, settledWithin } from "../../core/clock.js";
import { runInTurns, type Steps } from "../../core/turns.js";
import type { JournalRecord } from "../journal-lines.js";
import { refusing } from "../state-folder.js";
import { WriteFailures } from "../write-failures.js";
import { HistoryFiles } from "./history-files.js";
import { HistoryReader } from "./history-reader.js";
import { bucketRecords, transitionRecord } from "./history-records.js";
import type { ServiceHistory } from "./service-history.js";
import type { TransitionHistory } from "./transition-history.js";

export interface HistoryJournalDeps {
  readonly clock: Clock;
  readonly instance: string;
  readonly transitions: TransitionHistory;
  readonly services: ServiceHistory;
  /** Whether this process still holds the lock of the folder. */
  readonly isHeld: () => Promise<boolean>;
}

/** A transition is on the disk after this time, and the time that a write takes. */
const FLUSH_INTERVAL_MS = 1_000;

/** The same for the buckets of a service whose status has not changed. */
const CHECKPOINT_INTERVAL_MS = 60_000;

const RETRY_INTERVAL_MS = 5_000;

/** A base that could not be written is tried again after this time. */
const REWRITE_RETRY_MS = 60_000;

/** At its end, the process waits at most this long for the disk. */
const MAX_CLOSE_MS = 1_000;

export class HistoryJournal {
  readonly #folder: string;
  readonly #deps: HistoryJournalDeps;
  readonly #files: HistoryFiles;
  readonly #writeFailures: WriteFailures;
  readonly #rewriteFailures: WriteFailures;
  readonly #abort = new AbortController();
  /** Resolves when the files are read. Never rejects. */
  readonly loaded: Promise<void>;
  #isLoaded = false;
  /** The sequence of the last transition in the files, and the time up to which the buckets of all services are. */
  #writtenSequence = 0;
  #writtenTo: number;
  #corrections: number;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #checkpointDueAt: number;
  #rewriteDueAt = Number.NEGATIVE_INFINITY;
  /** A transition waits for the next flush. */
  #isUrgent = false;
  #flushing: Promise<void> | undefined;
  #rewriting: Promise<void> | undefined;
  #cancelFlush: CancelTimer = () => {};
  readonly #unsubscribe: () => void;

  private constructor(folder: string, files: HistoryFiles, deps: HistoryJournalDeps) {
    const { instance, services, clock, transitions } = deps;
    this.#folder = folder;
    this.#deps = deps;
    this.#files = files;
    this.#writeFailures = new WriteFailures(instance, join(folder, "history.*.log"));
    this.#rewriteFailures = new WriteFailures(instance, join(folder, "history.*.base"));
    this.#writtenTo = services.startedAt;
    this.#corrections = services.corrections;
    this.#checkpointDueAt = clock.now() + CHECKPOINT_INTERVAL_MS;
    this.#isUrgent = transitions.at(transitions.last) !== undefined; // the first probes end before the files are opened
    this.#unsubscribe = transitions.observe(() => this.#hurry());
    this.loaded = this.#load();
  }

  /**
   * Opens the files of a folder that this process has locked, and begins to read them.
   * Rejects with HealthError STATE_FAILED when it cannot be used.
   */
  static async open(folder: string, deps: HistoryJournalDeps): Promise<HistoryJournal> {
    return refusing(folder, async () => new HistoryJournal(folder, await HistoryFiles.open(folder), deps));
  }

  /** Writes what has changed. Takes at most a second. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#cancelFlush();
    this.#unsubscribe();
    await settledWithin(this.#finish(), MAX_CLOSE_MS, this.#deps.clock);
  }

  async #finish(): Promise<void> {
    await Promise.all([this.loaded, this.#flushing, this.#rewriting]);
    if (this.#isLoaded) await this.#write({ isCheckpoint: true });
    await this.#files.close();
  }

  async #load(): Promise<void> {
    const { clock, instance, services } = this.#deps;
    const { signal } = this.#abort;
    const { bounds, startedAt } = services;
    const reader = new HistoryReader({ instance, bounds, startedAt, signal });
    for (const path of this.#files.paths)
      await reader.read(path).catch((error) => signal.aborted || new WriteFailures(instance, path).failed(error));
    if (signal.aborted) return;
    await runInTurns(this.#adopt(reader), clock, signal).catch(() => {}); // only when it is aborted
    if (signal.aborted) return;
    this.#isLoaded = true;
    this.#schedule();
  }

  *#adopt(reader: HistoryReader): Steps<void> {
    const { services, transitions } = this.#deps;
    transitions.adopt(reader.transitions);
    for (const [name, series] of reader.series.entries()) {
      services.adopt(name, series);
      yield;
    }
  }

  #hurry(): void {
    if (this.#isUrgent) return;
    this.#isUrgent = true;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#isLoaded || this.#flushing !== undefined || this.#abort.signal.aborted) return;
    this.#cancelFlush();
    const { clock } = this.#deps;
    const dueAt = this.#isUrgent ? this.#flushedAt + FLUSH_INTERVAL_MS : this.#checkpointDueAt;
    const at = this.#writeFailures.isFailing
      ? this.#flushedAt + RETRY_INTERVAL_MS
      : Math.min(dueAt, this.#checkpointDueAt);
    this.#cancelFlush = clock.setTimer(Math.max(0, at - clock.now()), () => this.#flush());
  }

  #flush(): void {
    this.#flushing = this.#write({ isCheckpoint: this.#deps.clock.now() >= this.#checkpointDueAt }).then(() => {
      this.#flushing = undefined;
      this.#flushedAt = this.#deps.clock.now();
      this.#rewriteIfGrown();
      this.#schedule();
    });
  }

  /** Never rejects. */
  async #write({ isCheckpoint }: { readonly isCheckpoint: boolean }): Promise<void> {
    const { clock, services, transitions, isHeld } = this.#deps;
    const [sequence, position] = [transitions.last, services.position];
    this.#isUrgent = false;
    try {
      if (!(await isHeld())) throw new Error(`${this.#folder} was removed or taken over; restart to use it`);
      await this.#files.append(this.#newRecords(sequence, isCheckpoint));
      this.#writtenSequence = sequence;
      if (isCheckpoint) {
        this.#writtenTo = position;
        this.#checkpointDueAt = clock.now() + CHECKPOINT_INTERVAL_MS;
      }
      this.#writeFailures.succeeded();
    } catch (error) {
      this.#writeFailures.failed(error);
    }
  }

  *#newRecords(sequence: number, isCheckpoint: boolean): IterableIterator<JournalRecord> {
    const { services, transitions } = this.#deps;
    const { epoch } = transitions;
    const changed = new Set<string>();
    for (let next = this.#writtenSequence + 1; next <= sequence; next += 1) {
      const transition = transitions.at(next);
      if (transition === undefined) continue; // not kept any more
      if (transition.subject === "service") changed.add(transition.name);
      yield transitionRecord({ epoch, transition });
    }
    const after = Math.min(this.#writtenTo, services.position);
    for (const name of isCheckpoint ? services.names() : changed)
      yield* bucketRecords(name, services.rows(name, after));
  }

  /** A corrected clock has dropped buckets: the files must not have them either. */
  #rewriteIfGrown(): void {
    const { clock, services } = this.#deps;
    const isNeeded = this.#files.isGrown || services.corrections !== this.#corrections;
    if (!isNeeded || this.#rewriting !== undefined || clock.now() < this.#rewriteDueAt) return;
    this.#rewriting = this.#rewrite().finally(() => {
      this.#rewriting = undefined;
    });
  }

  /** Never rejects. */
  async #rewrite(): Promise<void> {
    const { clock, services } = this.#deps;
    const { signal } = this.#abort;
    const { corrections } = services;
    try {
      await this.#files.replaceBase(this.#allRecords(), signal);
      this.#corrections = corrections;
      this.#rewriteFailures.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      this.#rewriteDueAt = clock.now() + REWRITE_RETRY_MS;
      this.#rewriteFailures.failed(error);
    }
  }

  *#allRecords(): IterableIterator<JournalRecord> {
    const { services, transitions } = this.#deps;
    for (const each of [...transitions.newestFirst()].reverse()) yield transitionRecord(each);
    for (const name of services.names()) yield* bucketRecords(name, services.rows(name, Number.NEGATIVE_INFINITY));
  }
}
