/**
 * A limit on how often something may happen: a burst at once, and a rate after it.
 *
 *     take --> enough tokens? --yes--> true
 *                | no
 *                '--> filled for the elapsed time, up to the burst --> enough? --> true or false
 *
 * The clock is read only when the tokens are used up: a well-behaved peer costs one subtraction.
 */
import type { Clock } from "./clock.js";

/** A burst, and the tokens that each second adds. */
export interface TokenRate {
  readonly burst: number;
  readonly perSecond: number;
}

export class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: TokenRate;
  /** A whole number, which V8 stores without an object of its own. So is `#filledAt`. */
  #tokens: number;
  /** Monotonic time, in milliseconds. */
  #filledAt: number;

  /** The bucket is full at first: a burst is allowed at once. */
  constructor(clock: Clock, rate: TokenRate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = Math.floor(clock.now());
  }

  /** Takes tokens. False when there are fewer; nothing is taken then. */
  take(tokens = 1): boolean {
    if (this.#tokens < tokens) this.#fill();
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Gives tokens back, up to the burst. */
  add(tokens: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + tokens);
  }

  /** Adds what the elapsed time allows. A rest below one token stays for the next time. */
  #fill(): void {
    const { perSecond } = this.#rate;
    const elapsedMs = Math.floor(this.#clock.now()) - this.#filledAt;
    const tokens = Math.floor((elapsedMs * perSecond) / 1_000);
    this.add(tokens);
    this.#filledAt += Math.floor((tokens * 1_000) / perSecond);
  }
}
