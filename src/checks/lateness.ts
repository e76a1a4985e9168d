/**
 * Whether the probes are late: healthbridge has more checks than it can probe in time.
 *
 *     probes start more than 1 s late . . . . for 10 s --> late, told once . . . . none for 10 s --> in time, told once
 *
 * A delay of a moment is told by `stalls`, and makes probes late only once. Late probes are no failures: the time between two
 * probes of a check gets longer, and results become stale when it is longer than `staleAfter`.
 */
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Timer, TimerQueue } from "../core/timer-queue.js";

/** A probe that starts later than its due time by more is late. */
const LATE_MS = 1_000;

/** For how long probes must be late, or in time. */
const PERIOD_MS = 10_000;

export class Lateness {
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #endTimer: Timer;
  #firstAt = Number.NEGATIVE_INFINITY;
  #lastAt = Number.NEGATIVE_INFINITY;
  #isLate = false;

  constructor(options: { readonly clock: Clock; readonly timers: TimerQueue; readonly instance: string }) {
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#endTimer = options.timers.create(() => this.#onEndTimer());
  }

  get isLate(): boolean {
    return this.#isLate;
  }

  /** A probe starts so many milliseconds after its due time. */
  started(lagMs: number): void {
    if (lagMs <= LATE_MS) return;
    const now = this.#clock.now();
    if (now - this.#lastAt > PERIOD_MS) this.#firstAt = now;
    this.#lastAt = now;
    if (this.#isLate || now - this.#firstAt < PERIOD_MS) return;
    this.#isLate = true;
    this.#endTimer.at(now + PERIOD_MS);
    this.#publish(lagMs);
  }

  /** No check runs any more. */
  stop(): void {
    this.#endTimer.cancel();
    if (this.#isLate) this.#publish(0);
    this.#isLate = false;
  }

  #onEndTimer(): void {
    const endsAt = this.#lastAt + PERIOD_MS;
    if (endsAt > this.#clock.now()) this.#endTimer.at(endsAt);
    else this.stop();
  }

  #publish(lagMs: number): void {
    publish("probes-late", { instance: this.#instance, lagMs });
  }
}
