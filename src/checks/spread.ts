/**
 * When first probes start: those of a few checks at once, those of many spread over their interval.
 *
 * A check that keeps its last state for a while, because its target was changed, is probed within half of that time. So is
 * one that another member has probed, and within its edge interval: its initial delay is over.
 *
 * The checks that are added in one turn of the event loop are counted together. The n-th of many starts at the fractional
 * part of n times the golden ratio of its interval. That is even for any number of checks. Chance is not even: of 1,000
 * checks over 10 s, some tenth of a second would have twice its share.
 */
import type { Clock } from "../core/clock.js";
import type { Timer, TimerQueue } from "../core/timer-queue.js";
import { type Assumption, maxSpreadMs } from "./assumption.js";
import type { CompleteSettings } from "./settings.js";

/** A check that waits for the start of its first probe. Its settings may change until then. */
export interface NewCheck {
  readonly runner: { readonly assumption: Assumption | undefined; start(delayMs: number): void };
  readonly settings: CompleteSettings;
}

/** The maximum number of checks of one turn whose first probes start at once. */
const MAX_AT_ONCE = 20;

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

export class FirstProbes {
  readonly #clock: Clock;
  readonly #endOfTurn: Timer;
  /** With the milliseconds within which each starts; `undefined`: within its interval. */
  readonly #checks = new Map<NewCheck, number | undefined>();

  constructor(clock: Clock, timers: TimerQueue) {
    this.#clock = clock;
    this.#endOfTurn = timers.create(() => this.#startAll());
  }

  /**
   * Starts a check together with the others of this turn.
   * @param withinMs the maximum delay of a check that another member has probed until now
   */
  add(check: NewCheck, withinMs?: number): void {
    if (this.#checks.size === 0) this.#endOfTurn.at(this.#clock.now());
    this.#checks.set(check, withinMs);
  }

  /** The check is removed. */
  delete(check: NewCheck): void {
    this.#checks.delete(check);
    if (this.#checks.size === 0) this.#endOfTurn.cancel();
  }

  /** Starts nothing more. */
  clear(): void {
    this.#checks.clear();
    this.#endOfTurn.cancel();
  }

  #startAll(): void {
    const isSpread = this.#checks.size > MAX_AT_ONCE;
    const now = this.#clock.now();
    let index = 0;
    for (const [{ runner, settings }, withinMs] of this.#checks) {
      const { initialDelayMs, intervalMs } = settings;
      const share = isSpread ? (index * GOLDEN_RATIO) % 1 : 0;
      const longestMs = Math.min(intervalMs, withinMs ?? maxSpreadMs(runner.assumption, settings, now));
      runner.start((withinMs === undefined ? initialDelayMs : 0) + share * longestMs);
      index += 1;
    }
    this.#checks.clear();
  }
}

/**
 * Milliseconds to a first probe that comes in `restMs`, after a change of the settings. Another `initialDelay` counts from
 * the same start. The rest is the place among many first probes, and none waits longer for it than the new interval.
 */
export function movedFirstProbe(
  restMs: number,
  before: CompleteSettings,
  { initialDelayMs, intervalMs }: CompleteSettings,
): number {
  return Math.min(restMs + initialDelayMs - before.initialDelayMs, initialDelayMs + intervalMs);
}
