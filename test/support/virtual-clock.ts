/**
 * A clock that moves only when a test advances it: a day takes microseconds, and every run has the same order.
 *
 * `advance` fires the due timers one after the other, each at its own time, and lets promises settle between them. So
 * code that awaits something sees the time at which it happened.
 */
import type { CancelTimer, Clock } from "../../src/core/clock.js";

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** Wall time at the origin of the clock. */
const BIRTH = Date.UTC(2026, 0, 1);

export class VirtualClock implements Clock {
  /** Offset of the wall clock. */
  wallOffset = 0;
  #now = 0;
  readonly #timers = new Set<Timer>();

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return BIRTH + this.#now + this.wallOffset;
  }

  setTimer(delayMs: number, action: () => void): CancelTimer {
    const timer = { at: this.#now + Math.max(0, delayMs), action };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Lets `ms` pass. Timers that are set meanwhile fire too, when they are due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (let timer = this.#earliest(end); timer !== undefined; timer = this.#earliest(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.action();
      await this.settle();
    }
    this.#now = Math.max(this.#now, end); // an action may have blocked the event loop
  }

  /** Blocks the event loop for `ms`. Timers that become due meanwhile fire at the next `advance`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** Waits for what runs without a timer. */
  protected settle(): Promise<void> {
    return settle();
  }

  /** The next timer that is due until `end`; of two with the same time, the one that was set first. */
  #earliest(end: number): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && timer.at < (earliest?.at ?? Infinity)) earliest = timer;
    return earliest;
  }
}

/** Lets all promises settle that need no input and no timer. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
