/**
 * The stall rule: a result that was measured while healthbridge itself was blocked is ignored.
 *
 *     tick . . . . tick [ event loop blocked 3 s: an answer arrives, a deadline passes ] tick
 *                       '------ results of probes that ran in here are ignored, and counted ------'
 *
 * If the event loop was blocked for more than 500 ms, or for more than half of a shorter timeout, then neither a timeout
 * nor a latency says anything about the target. The result is ignored, whatever it is, and the target is probed again.
 *
 * Many shorter delays do the same to a probe that needs several turns of the event loop: with turns of 300 ms, a TLS handshake
 * and a request take longer than a timeout of 1 s, and the target answers in a millisecond. So the sum of all delays, `lostMs`,
 * does not count for a deadline.
 *
 * A timer ticks every 25 ms while probes run, and every second otherwise. A late tick shows how long the event loop was
 * blocked: all of it, but for a tick. Results may be read before the late tick, so each result measures as well.
 */
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Timer, TimerQueue } from "../core/timer-queue.js";

/** An event loop that was blocked for longer has stalled. */
export const STALL_MS = 500;

/** The longest delay that does not make the result of a probe invalid. */
export function stallLimitMs(timeoutMs: number): number {
  return Math.min(STALL_MS, timeoutMs / 2);
}

const TICK_MS = 25;

/** Delays move the deadline of a probe by at most so many timeouts. */
export const MAX_MOVED_TIMEOUTS = 2;

/** A delay below this is normal. */
const MIN_LATE_MS = 20;

/** Delays that are kept: more than there are in the time of one probe, mostly. */
const MAX_DELAYS = 1_024;

/** While no probe runs, a stall affects no result and is only published. */
const IDLE_TICK_MS = 1_000;

/** A delay of the event loop. */
export interface Delay {
  readonly endedAt: number;
  readonly stallMs: number;
}

/** What the deadline of a probe follows from. */
export interface ProbeTime {
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** `Stalls.lostMs` at the start. */
  readonly lostMs: number;
}

export class Stalls {
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #timer: Timer;
  #running = false;
  #openProbes = 0;
  #lastTickAt = 0;
  #tickMs = IDLE_TICK_MS;
  #lostMs = 0;
  /** The last delays of the event loop, the newest last. */
  readonly #delays: Delay[] = [];
  /** Of the present tick: it grows until the tick comes. */
  #delay: { endedAt: number; stallMs: number } | undefined;

  constructor(options: { readonly clock: Clock; readonly timers: TimerQueue; readonly instance: string }) {
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#timer = options.timers.create(() => this.#tick(this.#tickMs));
  }

  /** Starts the timer, also while no probe runs. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    if (this.#openProbes === 0) this.#lastTickAt = this.#clock.now();
    this.#tick(this.#tickMs);
  }

  /** Stops the timer, or lets it run until the last open probe has ended. */
  stop(): void {
    this.#running = false;
    if (this.#openProbes === 0) this.#timer.cancel();
  }

  /** Call it when a probe starts. */
  probeStarted(): void {
    this.#openProbes += 1;
    if (this.#openProbes > 1) return;
    if (!this.#running) this.#lastTickAt = this.#clock.now();
    this.#tick(TICK_MS);
  }

  /** Call it when a probe has ended. */
  probeEnded(): void {
    this.#openProbes -= 1;
    if (this.#openProbes > 0) return;
    this.#tick(IDLE_TICK_MS); // measures first: a longer tick would hide a stall that the end of this probe was waiting for
    if (!this.#running) this.#timer.cancel();
  }

  /** The last stall of which more than `limitMs` (at most 500) was after `startedAt`. */
  since(startedAt: number, limitMs = STALL_MS): Delay | undefined {
    if (this.#running || this.#openProbes > 0) this.#measure();
    for (let index = this.#delays.length - 1; index >= 0; index -= 1) {
      const delay = this.#delays[index];
      if (delay === undefined || delay.endedAt <= startedAt) return undefined;
      if (Math.min(delay.stallMs, delay.endedAt - startedAt) > limitMs) return delay;
    }
    return undefined;
  }

  /** Milliseconds of all delays until now. */
  get lostMs(): number {
    if (this.#running || this.#openProbes > 0) this.#measure();
    return this.#lostMs;
  }

  /**
   * The deadline of a probe, in monotonic time: delays since its start move it, by at most two timeouts. A stall does not,
   * because the result is ignored whatever it is.
   */
  deadlineOf({ startedAt, timeoutMs, lostMs }: ProbeTime): number {
    const isStalled = this.since(startedAt, stallLimitMs(timeoutMs)) !== undefined;
    const movedMs = isStalled ? 0 : Math.min(this.lostMs - lostMs, MAX_MOVED_TIMEOUTS * timeoutMs);
    return startedAt + timeoutMs + movedMs;
  }

  /** Milliseconds from now to the deadline of a probe. */
  leftMs(probe: ProbeTime): number {
    return this.deadlineOf(probe) - this.#clock.now();
  }

  /** @param tickMs until the next one */
  #tick(tickMs: number): void {
    this.#measure();
    if (this.#delay !== undefined && this.#delay.stallMs > STALL_MS)
      publish("stall", { instance: this.#instance, stallMs: this.#delay.stallMs });
    this.#delay = undefined;
    this.#lastTickAt = this.#clock.now();
    this.#tickMs = tickMs;
    this.#timer.at(this.#lastTickAt + tickMs);
  }

  /** Results and starts of a long turn of the event loop measure too. Until the tick comes, all of it is one delay. */
  #measure(): void {
    const endedAt = this.#clock.now();
    const stallMs = endedAt - this.#lastTickAt - this.#tickMs;
    if (stallMs <= MIN_LATE_MS) return;
    this.#lostMs += stallMs - (this.#delay?.stallMs ?? 0);
    if (this.#delay !== undefined) Object.assign(this.#delay, { endedAt, stallMs });
    else {
      this.#delay = { endedAt, stallMs };
      this.#delays.push(this.#delay);
    }
    if (this.#delays.length > MAX_DELAYS) this.#delays.shift();
  }
}
