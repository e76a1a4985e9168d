/**
 * The limit of what a target may send on an HTTP/2 connection. Floods of PING, SETTINGS, empty DATA and other frames cost
 * the target nothing, but they cost healthbridge CPU time (docs/known-faults.md 3).
 *
 * A well-behaved target sends five frames for each call, and a keepalive PING or a status sometimes. It never reaches the
 * limit, so the clock is read only when the burst is used up.
 */
import type { Clock } from "../core/clock.js";
import { ConnectionError } from "../wire/http2/frames.js";

/** Frames of at most 1 KiB each; a larger one counts for several. */
const BURST = 1_000;
const PER_SECOND = 100;

export class FrameBudget {
  readonly #clock: Clock;
  #left = BURST;
  #filledAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledAt = clock.now();
  }

  /** A frame has come. @throws ConnectionError ENHANCE_YOUR_CALM */
  spend(payloadBytes: number): void {
    const cost = 1 + Math.floor(payloadBytes / 1024);
    if (this.#left < cost) this.#fill();
    this.#left -= cost;
    if (this.#left < 0) throw new ConnectionError("ENHANCE_YOUR_CALM", "more frames than any call needs");
  }

  #fill(): void {
    const now = this.#clock.now();
    this.#left = Math.min(BURST, this.#left + ((now - this.#filledAt) / 1000) * PER_SECOND);
    this.#filledAt = now;
  }
}
