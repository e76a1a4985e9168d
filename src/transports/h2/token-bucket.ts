/**
 * A rate with a burst: so much at once, and so much a second after that.
 *
 * The bucket starts full. Time is asked for only when it seems empty, so an honest peer costs a subtraction.
 */
import type { Clock } from "../../core/clock.js";

export class TokenBucket {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  constructor(clock: Clock, rate: { readonly burst: number; readonly perSecond: number }) {
    this.#clock = clock;
    this.#burst = rate.burst;
    this.#perSecond = rate.perSecond;
    this.#tokens = rate.burst;
    this.#filledAt = clock.now();
  }

  /** Takes tokens; false when there are not so many. */
  take(tokens: number): boolean {
    if (this.#tokens < tokens) this.#fill();
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Gives tokens, up to the burst. */
  give(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }

  #fill(): void {
    const now = this.#clock.now();
    this.give(((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
  }
}
