/**
 * Shares the turns of the event loop among connections, so that one client cannot make the others wait.
 *
 *     input of a connection --> time left in this turn, no light share waits? --yes--> work now, measured
 *                                 | no
 *                                 +--> light: used little lately -----> [ queue ] --.
 *                                 '--> heavy ------------------------> [ queue ] --+--> next turn: light first,
 *                                                                                       then heavy while time is left
 *
 * Work comes in slices of about a millisecond: its owner stops when `isSliceOver`, and queues the rest. A share
 * becomes light again with time: it may use 10 % of the time without becoming heavy.
 */
import { publish } from "./channels.js";
import type { Clock } from "./clock.js";

/** Work of all shares in one part of a turn (input, then the queue). */
const MAX_TURN_MS = 4;

/** A slice of work of one share. */
const MAX_SLICE_MS = 1;

/** Used time above which a share is heavy, and the part of the elapsed time that is taken off it. */
const MAX_LIGHT_MS = 4;
const LIGHT_RATE = 0.1;

/** Above this, the used time is forgotten at the end of the turn; below, a lightly loaded process needs no timer. */
const MIN_COUNTED_MS = 0.5;

interface Queued {
  readonly share: Share;
  readonly work: () => void;
}

export class FairTurns {
  readonly clock: Clock;
  readonly #instance: string;
  #light: Queued[] = [];
  #heavy: Queued[] = [];
  #usedMs = 0;
  #isScheduled = false;

  /** @param instance the `Health` whose messages are published */
  constructor(clock: Clock, instance: string) {
    this.clock = clock;
    this.#instance = instance;
  }

  /** The share of a new connection, which is light at first. It needs no end: only its queued work refers to it. */
  open(): Share {
    return new Share(this);
  }

  /** Whether a share may work in this part of the turn. */
  hasTime(share: Share): boolean {
    if (this.#usedMs >= MAX_TURN_MS || this.#light.length > 0) return false;
    return this.#heavy.length === 0 || share.isLight;
  }

  /** Counts time that was used. */
  spend(usedMs: number): void {
    this.#usedMs += usedMs;
    if (this.#usedMs > MIN_COUNTED_MS) this.#schedule();
  }

  enqueue(share: Share, work: () => void): void {
    (share.isLight ? this.#light : this.#heavy).push({ share, work });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isScheduled = false;
    this.#usedMs = 0;
    const [light, heavy] = [this.#light, this.#heavy];
    this.#light = [];
    this.#heavy = [];
    const lightLeft = this.#run(light, MAX_TURN_MS);
    const heavyLeft = this.#run(heavy, Math.max(MAX_SLICE_MS, MAX_TURN_MS - this.#usedMs));
    // what waits longer comes first
    this.#light = [...lightLeft, ...this.#light];
    this.#heavy = [...heavyLeft, ...this.#heavy];
    this.#usedMs = 0;
    if (this.#light.length + this.#heavy.length > 0) this.#schedule();
  }

  /** Runs the work of a queue while time is left, at least the first. Returns the rest. */
  #run(queue: readonly Queued[], maxMs: number): readonly Queued[] {
    const endsAt = this.clock.now() + maxMs;
    for (const [index, { share, work }] of queue.entries()) {
      if (index > 0 && this.clock.now() >= endsAt) return queue.slice(index);
      try {
        share.measure(work);
      } catch (error) {
        publish("fault", { instance: this.#instance, where: "the work of a connection", error });
      }
    }
    return [];
  }
}

/** The part of one connection. */
export class Share {
  readonly #turns: FairTurns;
  #usedMs = 0;
  #chargedAt: number;
  #sliceEndsAt = 0;
  #isMeasured = false;

  constructor(turns: FairTurns) {
    this.#turns = turns;
    this.#chargedAt = turns.clock.now();
  }

  /** The connection has used little time lately. */
  get isLight(): boolean {
    return this.#usedMs - (this.#turns.clock.now() - this.#chargedAt) * LIGHT_RATE < MAX_LIGHT_MS;
  }

  /** Whether work may be done at once; otherwise it must be queued. */
  get mayWork(): boolean {
    return this.#turns.hasTime(this);
  }

  /** Whether the work that is measured now must stop and queue the rest. */
  get isSliceOver(): boolean {
    return this.#turns.clock.now() >= this.#sliceEndsAt;
  }

  /** Works at once, and counts the time. Work within measured work is part of it. */
  measure(work: () => void): void {
    if (this.#isMeasured) {
      work();
      return;
    }
    const startedAt = this.#turns.clock.now();
    this.#isMeasured = true;
    this.#sliceEndsAt = startedAt + MAX_SLICE_MS;
    try {
      work();
    } finally {
      this.#isMeasured = false;
      this.#charge(startedAt, this.#turns.clock.now());
    }
  }

  /** Works in a later turn, in fair order. What the work throws is published. */
  queue(work: () => void): void {
    this.#turns.enqueue(this, work);
  }

  /** Works at once if there is time, else in a later turn. */
  run(work: () => void): void {
    if (this.mayWork) this.measure(work);
    else this.queue(work);
  }

  #charge(startedAt: number, now: number): void {
    const used = now - startedAt;
    this.#usedMs = Math.max(0, this.#usedMs - (startedAt - this.#chargedAt) * LIGHT_RATE) + used;
    this.#chargedAt = now;
    this.#turns.spend(used);
  }
}
