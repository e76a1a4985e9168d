/**
 * What goes to the store and comes from it.
 *
 *     each beat         own beat out, all beats in            --> who is alive, whose copy is wrong, what the store has lost
 *     each 100 ms       the log after the last position in    --> changed votes
 *     50 ms after       own changes out, one write in flight
 *     when a copy is    all cells of that run in, at most once a beat
 *       wrong
 *
 * A call that fails is made again with the next beat: nothing queues up while the store is away.
 */
import { background } from "../core/background.js";
import type { CancelTimer, Clock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { runInTurns, type Steps } from "../core/turns.js";
import type { FleetCodec } from "./codec.js";
import type { FleetEvent } from "./fleet-deps.js";
import type { Ledger } from "./ledger.js";
import type { HeardBeat } from "./members.js";
import type { Mirror } from "./mirror.js";
import type { ResyncCause } from "./readings.js";
import { type FleetStore, type HeardBeats, type LogEntry, type LogPosition, type Run, StoreError } from "./store.js";

export interface RoundsDeps {
  readonly clock: Clock;
  readonly store: FleetStore;
  readonly run: Run;
  /** Of healthbridge, for faults. */
  readonly instance: string;
  readonly beatMs: number;
  readonly codec: FleetCodec;
  readonly ledger: Ledger;
  readonly mirror: Mirror;
  /** The sealed own beat; `undefined`: this process does not probe now, and is silent. */
  readonly beat: () => string | undefined;
  /** A round has succeeded. */
  readonly onBeats: (beats: readonly HeardBeat[], startedAt: number) => void;
  /** The time of a beat is over, whether it succeeded or not. */
  readonly onTick: (outcome: "done" | "failed" | "silent") => void;
  readonly onVotes: (checks: readonly string[]) => Steps<void>;
  /** Number of members that are alive, with this one. */
  readonly members: () => number;
  /** The store has lost records: what is not written by each change must be written again. */
  readonly onLoss: () => void;
  readonly onEvent: (event: FleetEvent) => void;
}

const POLL_MS = 100;

const GATHER_MS = 50;

/** All members together make at most one write in so much time. */
const GATHER_A_MEMBER_MS = 5;

export class Rounds {
  readonly #deps: RoundsDeps;
  readonly #closed = new AbortController();
  #isStarted = false;
  #beatTimer: CancelTimer | undefined;
  #pollTimer: CancelTimer | undefined;
  #gatherTimer: CancelTimer | undefined;
  #position: LogPosition;
  #writing: Promise<void> | undefined;
  #isReading = false;
  /** Grows with each write: a beat that overlaps one does not tell what the store has lost. */
  #writes = 0;
  /** A write has failed, and the store does not have what it said: the votes there may be wrong. */
  isBehind = false;
  /** The last call of the store has succeeded. */
  isUp = false;
  #hasFailed = false;
  /** Beats that were ignored. */
  refused = 0;
  readonly resyncs: Record<ResyncCause, number> = { "new-run": 0, gap: 0, digest: 0, "log-lost": 0 };
  readonly errors: Record<StoreError["code"], number> = { unreachable: 0, timeout: 0, refused: 0, protocol: 0 };
  /** The last write, until it comes from the log. */
  #sent: { readonly head: string; readonly at: number } | undefined;

  constructor(deps: RoundsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#isStarted = true;
    this.#run(this.#beats());
    this.#pollSoon();
  }

  /** Own votes have changed. */
  changed(): void {
    if (this.#closed.signal.aborted) return;
    const { clock, members } = this.#deps;
    this.#gatherTimer ??= clock.setTimer(Math.max(GATHER_MS, members() * GATHER_A_MEMBER_MS), () => {
      this.#gatherTimer = undefined;
      this.#run(this.flush());
    });
  }

  /** Writes what has changed. One write is in flight at a time. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  /** A beat besides those that are due: what it says is urgent. */
  async beatNow(): Promise<void> {
    if (this.#isStarted) await this.#round();
  }

  stop(): void {
    this.#closed.abort();
    this.#beatTimer?.();
    this.#pollTimer?.();
    this.#gatherTimer?.();
  }

  /** Beats at a fixed rate. The next one is not sent before this one has ended. */
  async #beats(): Promise<void> {
    const { clock, beatMs, onTick } = this.#deps;
    const startedAt = clock.now();
    try {
      const outcome = await this.#round();
      if (!this.#closed.signal.aborted) onTick(outcome);
    } finally {
      const leftMs = Math.max(beatMs / 10, startedAt + beatMs - clock.now());
      if (!this.#closed.signal.aborted) this.#beatTimer = clock.setTimer(leftMs, () => this.#run(this.#beats()));
    }
  }

  async #round(): Promise<"done" | "failed" | "silent"> {
    const { clock, store, run, beat, onBeats, ledger } = this.#deps;
    const own = beat();
    if (own === undefined) return "silent";
    const startedAt = clock.now();
    const writes = this.#writes;
    const heard = await this.#attempt(() => store.beat(run, own));
    if (heard === undefined) return "failed";
    onBeats(this.#opened(heard.beats), startedAt);
    const isOverlapped = this.#writing !== undefined || this.#writes !== writes;
    if (!isOverlapped && ledger.isLost(heard)) await this.#restore();
    else if (ledger.hasChanges) this.changed();
    this.#run(this.#resync());
    return "done";
  }

  #opened(beats: HeardBeats["beats"]): readonly HeardBeat[] {
    const { codec, run: self } = this.#deps;
    const opened: HeardBeat[] = [];
    for (const [run, text] of beats) {
      if (run === self) continue;
      const beat = codec.openBeat(run, text);
      if (beat.kind === "beat") opened.push(beat.beat);
      else if (beat.kind === "other-format") opened.push(beat);
      else this.refused += 1;
    }
    return opened;
  }

  async #write(): Promise<void> {
    const { clock, ledger, store } = this.#deps;
    const entry = ledger.take();
    if (entry === undefined) return;
    this.#writes += 1;
    this.#sent = { head: entry.head, at: clock.now() };
    const written = await this.#attempt(async () => ({ before: await store.write(entry) }));
    this.#writes += 1;
    if (written === undefined) {
      ledger.giveBack(entry);
      this.isBehind = true;
      return;
    }
    ledger.acknowledge(entry, written.before);
    this.isBehind &&= ledger.hasChanges;
    if (ledger.hasChanges) this.changed();
  }

  /** The store has lost own cells: it gets all of them again. */
  async #restore(): Promise<void> {
    await this.#writing;
    const { ledger, store, run, onLoss } = this.#deps;
    this.#writes += 1;
    const all = ledger.all();
    if (all === undefined) return;
    await this.#attempt(() => store.rewrite(run, all.head, all.cells));
    this.#writes += 1;
    onLoss();
  }

  #pollSoon(): void {
    this.#pollTimer = this.#deps.clock.setTimer(POLL_MS, () => {
      const polled = this.#poll().finally(() => {
        if (!this.#closed.signal.aborted) this.#pollSoon();
      });
      this.#run(polled);
    });
  }

  async #poll(): Promise<void> {
    if (!this.isUp) return;
    const { clock, store } = this.#deps;
    for (let isEnd = false; !isEnd && !this.#closed.signal.aborted; ) {
      const page = await this.#attempt(() => store.read(this.#position));
      if (page === undefined) return;
      this.#position = page.position;
      isEnd = page.isEnd;
      await runInTurns(this.#take(page.entries), clock, this.#closed.signal);
    }
  }

  *#take(entries: readonly LogEntry[]): Steps<void> {
    const { clock, run, mirror, onVotes, onEvent } = this.#deps;
    for (const entry of entries) {
      if (entry.run !== run) yield* onVotes(mirror.apply(entry, clock.now()));
      else if (entry.head === this.#sent?.head) onEvent({ kind: "propagation", ms: clock.now() - this.#sent.at });
      yield;
    }
  }

  /** Reads the cells of the runs whose copy is wrong. The place in the log comes first, so that no change is missed. */
  async #resync(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const { clock, store, mirror, onVotes, onEvent } = this.#deps;
    try {
      for (const { run, cause } of mirror.wanted()) {
        this.resyncs[cause] += 1;
        onEvent({ kind: "resync", run, cause });
        if (cause === "log-lost") this.#position = undefined;
        if (this.#position === undefined) await this.#poll();
        const found = await this.#attempt(() => store.cells(run));
        if (this.#closed.signal.aborted) return;
        if (found === undefined) continue;
        const steps = mirror.replace(run, found.head, found.cells, clock.now());
        const changed = await runInTurns(steps, clock, this.#closed.signal);
        await runInTurns(onVotes(changed), clock, this.#closed.signal);
      }
    } finally {
      this.#isReading = false;
    }
  }

  #run(work: Promise<void>): void {
    const { instance } = this.#deps;
    const untilClosed = work.catch((error: unknown) => {
      if (!this.#closed.signal.aborted) throw error;
    });
    background(untilClosed, instance, "the fleet");
  }

  async #attempt<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await call();
      this.isUp = true;
      if (this.#hasFailed) this.#deps.onEvent({ kind: "store-answers" });
      this.#hasFailed = false;
      return result;
    } catch (error) {
      this.isUp = false;
      this.#hasFailed = true;
      const fault =
        error instanceof StoreError ? error : new StoreError("protocol", messageOf(error), { cause: error });
      this.errors[fault.code] += 1;
      this.#deps.onEvent({ kind: "store-failed", error: fault });
      return undefined;
    }
  }
}
