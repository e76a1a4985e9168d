/**
 * A clock that stands still until a test moves it: a day in microseconds, and the same order at every run.
 *
 * `advance` fires the timers that come due one after the other, each at its own time, and lets promises settle between
 * them, so that code under test that awaits something sees the time at which it happened.
 */
import type { CancelTimer, Clock } from "../../src/core/clock.js";

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** Wall time at the clock's origin. */
const BIRTH = Date.UTC(2026, 0, 1);

export class VirtualClock implements Clock {
  /** How far the wall clock is off. */
  wallOffset = 0;
  #now = 0;
  readonly #timers = new Set<Timer>();

  /** Timers that are still to fire. */
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

  /** Lets `ms` pass. Timers that are set meanwhile fire too, when their time comes. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let timer = this.#earliest(end); timer !== undefined; timer = this.#earliest(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.action();
      await settle();
    }
    this.#now = end;
  }

  /** Lets `ms` pass in which nothing runs: the event loop stands still. What was due meanwhile fires at the next `advance`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** The timer that is due first, by `end` at the latest; of equals the one that was set first. */
  #earliest(end: number): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && timer.at < (earliest?.at ?? Infinity)) earliest = timer;
    return earliest;
  }
}

/** Lets every promise settle that needs no input or timer. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
