/**
 * Reads the log of the store: what others say, soon after they say it.
 *
 *     poll ---------- 100 ms ---------- poll, entries -- 50 ms -- poll, entries -- 50 ms -- poll ---------- 100 ms ----------
 *                                         '--> page --turns--> page, until the end
 *
 * What a read causes goes before the own probes: it gets longer turns of the event loop than all other work of a fleet, and
 * its time is no part of the pause after it.
 */
import { background } from "../../core/background.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { FleetStore, LogEntry, LogPosition, Run } from "../store/store.js";
import type { TurnQueue } from "../turn-queue.js";
import type { Mirror } from "./mirror.js";
import type { StoreCalls } from "./store-calls.js";

export interface LogReaderDeps {
  readonly clock: Clock;
  readonly store: FleetStore;
  readonly run: Run;
  /** Of healthbridge, for faults. */
  readonly instance: string;
  readonly mirror: Mirror;
  readonly calls: StoreCalls;
  readonly turns: TurnQueue;
  /** Ends all reads. */
  readonly signal: AbortSignal;
  readonly onVotes: (checks: readonly string[]) => Steps<void>;
  /** An own write has come back. */
  readonly onOwn: (head: string) => void;
}

/** From the start of one poll to the start of the next one. */
const POLL_MS = 100;

/** After a poll that has found entries: others may have more to say. */
const BUSY_POLL_MS = 50;

/** Minimum pause between two polls. */
const MIN_PAUSE_MS = 10;

const MAX_PAGES_A_POLL = 20;

export class LogReader {
  readonly #deps: LogReaderDeps;
  #position: LogPosition;
  #timer: CancelTimer | undefined;
  /** When the last read began that has reached the end of the log, or has failed. */
  readAt = Number.NEGATIVE_INFINITY;

  constructor(deps: LogReaderDeps) {
    this.#deps = deps;
  }

  /** Whether the place in the log is known: what is written from now on will be read. */
  get hasPlace(): boolean {
    return this.#position !== undefined;
  }

  start(): void {
    this.#pollAfter(POLL_MS);
  }

  stop(): void {
    this.#timer?.();
  }

  /** The place in the log is lost: the next read takes its present end. */
  losePlace(): void {
    this.#position = undefined;
  }

  /** Reads until the end of the log. Returns whether there was anything. */
  async read(): Promise<boolean> {
    const { clock, store, calls, turns, signal } = this.#deps;
    let [hasEntries, isEnd] = [false, false];
    if (!calls.isAnswering) return false;
    for (let pages = 0; !isEnd && pages < MAX_PAGES_A_POLL && !signal.aborted; pages += 1) {
      const startedAt = clock.now();
      const page = await calls.attempt(this.hasPlace ? "read" : "place", () => store.read(this.#position));
      if (page !== undefined) {
        this.#position = page.position;
        hasEntries ||= page.entries.length > 0;
        await turns.runFirst(this.#take(page.entries), signal);
      }
      isEnd = page?.isEnd ?? true;
      if (isEnd) this.readAt = startedAt;
    }
    // it grows faster than it is read: it is read from its end on, and the cells as a whole
    if (!isEnd) this.losePlace();
    return hasEntries;
  }

  #pollAfter(delayMs: number): void {
    const { clock, instance, signal } = this.#deps;
    if (signal.aborted) return;
    this.#timer = clock.setTimer(delayMs, () => {
      const untilClosed = this.#poll().catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      background(untilClosed, instance, "the fleet");
    });
  }

  async #poll(): Promise<void> {
    const { clock } = this.#deps;
    const startedAt = clock.now();
    let hasEntries = false;
    try {
      hasEntries = await this.read();
    } finally {
      const nextAt = startedAt + (hasEntries ? BUSY_POLL_MS : POLL_MS);
      this.#pollAfter(Math.max(MIN_PAUSE_MS, nextAt - clock.now()));
    }
  }

  *#take(entries: readonly LogEntry[]): Steps<void> {
    const { run, mirror, onVotes, onOwn } = this.#deps;
    for (const entry of entries) {
      if (entry.run === run) onOwn(entry.head);
      else yield* onVotes(mirror.apply(entry));
      yield;
    }
  }
}
