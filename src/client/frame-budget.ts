/**
 * How much a target may send on an HTTP/2 connection, whatever it is: frames without a use cost work here and nothing
 * there (floods of PING, SETTINGS, empty DATA and their like; known-faults 3).
 *
 * An honest target sends five frames for each call, a keepalive PING and a status now and then. It never comes near the
 * limit, so time is asked for only when the burst is used up.
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
