/**
 * What goes to the store and comes from it.
 *
 *     each beat         own beat out, all beats in            --> who is alive, whose copy is wrong, what the store has lost
 *     soon after        the log after the last position in    --> changed votes (log-reader.ts)
 *     50 ms after       own changes out, one write in flight
 *     when a copy is    all cells of that run in, at most once a beat
 *       wrong
 *
 * A call that fails is made again with the next beat: nothing queues up while the store is away.
 */
import { background } from "../../core/background.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { FleetEvent } from "../fleet-deps.js";
import type { HeardBeat } from "../members/members.js";
import type { ResyncCause } from "../readings.js";
import type { FleetCodec } from "../records/codec.js";
import type { FleetStore, HeardBeats, Run } from "../store/store.js";
import type { TurnQueue } from "../turn-queue.js";
import type { Ledger } from "./ledger.js";
import { LogReader } from "./log-reader.js";
import type { Mirror } from "./mirror.js";
import { RefusedBeats } from "./refused-beats.js";
import { StoreCalls } from "./store-calls.js";

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
  /** What is not as urgent as the log. */
  readonly turns: TurnQueue;
  /** The sealed own beat; `undefined`: this process does not probe now, and is silent. */
  readonly beat: () => string | undefined;
  /** A round has succeeded. @param isLogRead all that was in the log at the round before has been taken */
  readonly onBeats: (beats: readonly HeardBeat[], startedAt: number, isLogRead: boolean) => void;
  /** The time of a beat is over. `waiting`: the store has not answered yet. */
  readonly onTick: (outcome: RoundOutcome | "waiting") => void;
  readonly onVotes: (checks: readonly string[]) => Steps<void>;
  /** A call has succeeded, after a time in which this member has heard nothing. */
  readonly onReturn: (deafMs: number) => void;
  /** Number of members that are alive, with this one. */
  readonly members: () => number;
  /** The store has lost records: what is not written by each change must be written again. */
  readonly onLoss: () => void;
  readonly onEvent: (event: FleetEvent) => void;
}

/** `silent`: no beat was sent, because this process does not probe now. */
export type RoundOutcome = "done" | "failed" | "silent";

const GATHER_MS = 50;

/** All members together make at most one write in so much time. */
const GATHER_A_MEMBER_MS = 5;

export class Rounds {
  readonly #deps: RoundsDeps;
  readonly #closed = new AbortController();
  #isStarted = false;
  #beatTimer: CancelTimer | undefined;
  #waitTimer: CancelTimer | undefined;
  #gatherTimer: CancelTimer | undefined;
  readonly #log: LogReader;
  /** The last round that has succeeded. */
  #roundAt = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> | undefined;
  #isReading = false;
  /** All own cells are being written again. */
  #isRestoring = false;
  /** Grows with each write: a beat that overlaps one does not tell what the store has lost. */
  #writes = 0;
  /** The store has what it did not take with this change; `undefined`: it has all. */
  #behindUntil: number | undefined;
  readonly #refused = new RefusedBeats();
  readonly resyncs: Record<ResyncCause, number> = { "new-run": 0, gap: 0, digest: 0, "log-lost": 0 };
  readonly #calls: StoreCalls;
  /** The last write, until it comes from the log. */
  #sent: { readonly head: string; readonly at: number } | undefined;

  constructor(deps: RoundsDeps) {
    this.#deps = deps;
    this.#calls = new StoreCalls(deps);
    const { signal } = this.#closed;
    this.#log = new LogReader({ ...deps, calls: this.#calls, signal, onOwn: (head) => this.#returned(head) });
  }

  /** Beats that were ignored. */
  get refused(): number {
    return this.#refused.count;
  }

  /** A write has failed, and the store does not have what it said: the votes there may be wrong. */
  get isBehind(): boolean {
    return this.#behindUntil !== undefined;
  }

  get calls(): Pick<StoreCalls, "errors" | "failure" | "isUp"> {
    return this.#calls;
  }

  /** Beats succeed, but the store does not take what this member says, or does not give what the others say. */
  get isCut(): boolean {
    return this.isBehind || this.#calls.isDeaf;
  }

  start(): void {
    this.#isStarted = true;
    this.#run(this.#beats());
    this.#log.start();
  }

  /** Own votes have changed. While the store is away, they wait for the next beat that succeeds. */
  changed(): void {
    if (this.#closed.signal.aborted) return;
    const { clock, members, ledger } = this.#deps;
    if (!this.#calls.isAnswering) {
      this.#behindUntil = ledger.dueUntil;
      return;
    }
    this.#gatherTimer ??= clock.setTimer(Math.max(GATHER_MS, members() * GATHER_A_MEMBER_MS), () => {
      this.#gatherTimer = undefined;
      this.#run(this.flush());
    });
  }

  /** Writes what has changed. One write is in flight at a time. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    await this.#writing;
  }

  /** Writes all that has changed until now. Resolves with whether the store has it. */
  async flushAll(): Promise<boolean> {
    const { ledger } = this.#deps;
    const until = ledger.dueUntil;
    do await this.flush();
    while (!ledger.isWritten(until) && !this.isBehind && !this.#closed.signal.aborted);
    return ledger.isWritten(until);
  }

  /** A beat besides those that are due: what it says is urgent. False: the store has not taken it. */
  async beatNow(): Promise<boolean> {
    return this.#isStarted && !this.#closed.signal.aborted && (await this.#round()) === "done";
  }

  stop(): void {
    this.#closed.abort();
    this.#beatTimer?.();
    this.#waitTimer?.();
    this.#log.stop();
    this.#gatherTimer?.();
  }

  /** Beats at a fixed rate. The next one is not sent before this one has ended. */
  async #beats(): Promise<void> {
    const { clock, beatMs, onTick } = this.#deps;
    const startedAt = clock.now();
    this.#tickLater();
    try {
      const outcome = await this.#round();
      if (!this.#closed.signal.aborted) onTick(outcome);
    } finally {
      this.#waitTimer?.();
      const leftMs = Math.max(beatMs / 10, startedAt + beatMs - clock.now());
      if (!this.#closed.signal.aborted) this.#beatTimer = clock.setTimer(leftMs, () => this.#run(this.#beats()));
    }
  }

  /** A store that hangs lets a round last as long as half a lease: what is known runs out meanwhile. */
  #tickLater(): void {
    this.#waitTimer = this.#deps.clock.setTimer(this.#deps.beatMs, () => {
      this.#tickLater();
      this.#deps.onTick("waiting");
    });
  }

  async #round(): Promise<RoundOutcome> {
    const { clock, store, run, beat, onBeats, ledger } = this.#deps;
    const own = beat();
    if (own === undefined) return "silent";
    const startedAt = clock.now();
    const writes = this.#writes;
    const heard = await this.#calls.attempt("beat", () => store.beat(run, own));
    if (heard === undefined) return "failed";
    const isLogRead = this.#log.readAt >= this.#roundAt;
    this.#roundAt = clock.now();
    onBeats(this.#opened(heard.beats), startedAt, isLogRead);
    if (!this.#isRestoring) this.#restoreIfLost(heard, this.#writing !== undefined || this.#writes !== writes);
    if (ledger.hasChanges) this.changed();
    this.#run(this.#resync());
    return this.isCut ? "failed" : "done";
  }

  #opened(beats: HeardBeats["beats"]): readonly HeardBeat[] {
    const { codec, run: self, store } = this.#deps;
    const opened: HeardBeat[] = [];
    const refused = new Map<Run, string>();
    for (const [run, text] of beats) {
      if (run === self) continue;
      const beat = codec.openBeat(run, text);
      if (beat.kind === "beat") opened.push(beat.beat);
      else if (beat.kind === "other-format") opened.push(beat);
      else refused.set(run, text);
    }
    const useless = this.#refused.take(refused);
    this.#run(Promise.all(useless.map((run) => store.forget(run).catch(() => {})))); // or after the next round
    return opened;
  }

  async #write(): Promise<void> {
    const { clock, ledger, store } = this.#deps;
    const entry = ledger.take();
    if (entry === undefined) return;
    this.#writes += 1;
    this.#sent = { head: entry.head, at: clock.now() };
    const written = await this.#calls.attempt("write", async () => ({ before: await store.write(entry) }));
    this.#writes += 1;
    if (written === undefined) {
      ledger.giveBack(entry);
      this.#behindUntil = ledger.dueUntil;
      return;
    }
    ledger.acknowledge(entry, written.before);
    // what comes meanwhile is not waited for
    if (ledger.isWritten(this.#behindUntil ?? 0)) this.#behindUntil = undefined;
    if (ledger.hasChanges) this.changed();
  }

  /** @param isOverlapped a write was under way: not the beat says what is lost, but that write or the next one */
  #restoreIfLost(heard: HeardBeats, isOverlapped: boolean): void {
    const { ledger } = this.#deps;
    // it goes in parts, and may take longer than a lease: beats go on
    if (isOverlapped ? ledger.hasFoundLoss : ledger.isLost(heard)) this.#run(this.#restore());
    else if (!isOverlapped) this.#calls.recovered("rewrite");
  }

  /** The store gets all own cells again. */
  async #restore(): Promise<void> {
    const { ledger, store, run, onLoss } = this.#deps;
    this.#isRestoring = true;
    try {
      // a flush that waits longer may have begun the next write
      while (this.#writing !== undefined) await this.#writing;
      const all = ledger.all();
      const rewritten = this.#calls.attempt("rewrite", () => store.rewrite(run, all.head, all.cells).then(() => true));
      if ((await rewritten) === undefined) ledger.rewriteFailed();
      onLoss();
    } finally {
      this.#isRestoring = false;
      this.#writes += 1;
    }
  }

  /** An own write was read from the log. */
  #returned(head: string): void {
    const { clock, onEvent } = this.#deps;
    if (head === this.#sent?.head) onEvent({ kind: "propagation", ms: clock.now() - this.#sent.at });
  }

  /** Reads the cells of the runs whose copy is wrong. The place in the log comes first, so that no change is missed. */
  async #resync(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const { store, mirror, turns, onVotes, onEvent } = this.#deps;
    const { signal } = this.#closed;
    try {
      const wanted = mirror.wanted();
      if (wanted.length === 0) this.#calls.recovered("cells");
      for (const { run, cause } of wanted) {
        this.resyncs[cause] += 1;
        onEvent({ kind: "resync", run, cause });
        if (cause === "log-lost") this.#log.losePlace();
        if (!this.#log.hasPlace) await this.#log.read();
        const found = await this.#calls.attempt("cells", () => store.cells(run));
        if (signal.aborted) return;
        if (found === undefined) continue;
        const changed = await turns.run(mirror.replace(run, found.head, found.cells), signal);
        await turns.run(onVotes(changed), signal);
      }
    } finally {
      this.#isReading = false;
    }
  }

  #run(work: Promise<unknown>): void {
    const { instance } = this.#deps;
    const untilClosed = work.catch((error: unknown) => {
      if (!this.#closed.signal.aborted) throw error;
    });
    background(untilClosed, instance, "the fleet");
  }
}
