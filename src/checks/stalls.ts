/**
 * The stall rule: while our own event loop stood still, nobody was looked at.
 *
 *     beat . . . . beat [ blocked 3 s: an answer comes, a deadline passes ] beat
 *                       '------ results of probes that ran in here are thrown away, and counted ------'
 *
 * A probe that ran while the loop was blocked for more than 500 ms, or for more than half of its own short timeout, has
 * measured us and not its target: neither its timeout nor its latency is true. Its result does not count, whatever it is, and the target is asked again.
 *
 * A beat every 100 ms shows how late the loop is while probes are in run, and one a second else. Results may be read
 * before the late beat runs, so each of them looks as well.
 */

import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Timer, TimerQueue } from "../core/timer-queue.js";

/** A loop that is later than this stood still. */
export const STALL_MS = 500;

const BEAT_MS = 100;

/** A loop that is late by less is as it always is. */
const MIN_LATE_MS = 20;

const MAX_REMEMBERED = 32;

/** While nothing is in run, nothing can be spoilt: a stall is only told of. */
const IDLE_BEAT_MS = 1_000;

export class Stalls {
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #beat: Timer;
  #running = false;
  #openProbes = 0;
  #aliveAt = 0;
  #beatMs = IDLE_BEAT_MS;
  /** The last times that the loop was late, the newest last. */
  readonly #late: { readonly endedAt: number; readonly stallMs: number }[] = [];

  constructor(options: { readonly clock: Clock; readonly timers: TimerQueue; readonly instance: string }) {
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#beat = options.timers.create(() => {
      this.#look();
      this.#beatEvery(this.#beatMs);
    });
  }

  /** Starts to beat, also while nothing is in run. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#aliveAt = this.#clock.now();
    this.#beatEvery(this.#beatMs);
  }

  /** Ends that. */
  stop(): void {
    this.#running = false;
    if (this.#openProbes === 0) this.#beat.cancel();
  }

  /** A probe starts. */
  probeStarted(): void {
    this.#openProbes += 1;
    if (this.#openProbes > 1) return;
    if (this.#running) this.#look();
    this.#aliveAt = this.#clock.now();
    this.#beatEvery(BEAT_MS);
  }

  /** A probe has ended. */
  probeEnded(): void {
    this.#openProbes -= 1;
    if (this.#openProbes > 0) return;
    if (this.#running) this.#beatEvery(IDLE_BEAT_MS);
    else this.#beat.cancel();
  }

  /**
   * For how long the loop stood still at once since `startedAt`, in milliseconds; 0 when that was never more than
   * `limitMs`, which is 500 at most.
   */
  since(startedAt: number, limitMs = STALL_MS): number {
    if (this.#running || this.#openProbes > 0) this.#look();
    return this.#late.findLast(({ endedAt, stallMs }) => endedAt > startedAt && stallMs > limitMs)?.stallMs ?? 0;
  }

  #beatEvery(beatMs: number): void {
    this.#beatMs = beatMs;
    this.#beat.at(this.#aliveAt + beatMs);
  }

  #look(): void {
    const now = this.#clock.now();
    const stallMs = now - this.#aliveAt - this.#beatMs;
    this.#aliveAt = now;
    if (stallMs <= MIN_LATE_MS) return;
    this.#late.push({ endedAt: now, stallMs });
    if (this.#late.length > MAX_REMEMBERED) this.#late.shift();
    if (stallMs > STALL_MS) publish("stall", { instance: this.#instance, stallMs });
  }
}
