/**
 * Limits useless work: frames that belong to no request, and streams that are cancelled.
 *
 * Well-behaved clients cause both. After a stall of the server, a proxy cancels thousands of calls at once
 * (docs/known-faults.md
 * 0.10); a gRPC client measures the connection with PING. So each kind has a burst and a rate, and each request allows
 * some frames more.
 *
 * Attacks cancel requests before they are complete (CVE-2023-44487), or make the server reset streams (CVE-2025-8671).
 * Both cost five times as much.
 *
 * The clock is read only when a budget is used up: a well-behaved client costs one subtraction.
 */
import type { Clock } from "../../core/clock.js";
import { ConnectionError } from "../../wire/http2/frames.js";

const RESETS: Readonly<Record<"burst" | "perSecond", number>> = { burst: 5_000, perSecond: 200 };
const IDLE_FRAMES: Readonly<Record<"burst" | "perSecond", number>> = { burst: 2_000, perSecond: 200 };

const BROKEN_REQUEST_COST = 5;
const FRAMES_PER_REQUEST = 4;

export class Budget {
  readonly #clock: Clock;
  #resets = RESETS.burst;
  #idleFrames = IDLE_FRAMES.burst;
  /** Monotonic time, in whole milliseconds. */
  #filledAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledAt = Math.floor(clock.now());
  }

  /** A request allows more frames. */
  earn(): void {
    this.#idleFrames = Math.min(IDLE_FRAMES.burst, this.#idleFrames + FRAMES_PER_REQUEST);
  }

  /** Counts a frame that asks nothing. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendFrame(): void {
    if (this.#idleFrames < 1) this.#fill();
    if (this.#idleFrames < 1) throw new ConnectionError("ENHANCE_YOUR_CALM", "too many frames without a request");
    this.#idleFrames -= 1;
  }

  /** Counts a stream that was cancelled, or that the client broke. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendReset(kind: "cancelled" | "broken"): void {
    const cost = kind === "broken" ? BROKEN_REQUEST_COST : 1;
    if (this.#resets < cost) this.#fill();
    if (this.#resets < cost) throw new ConnectionError("ENHANCE_YOUR_CALM", "too many cancelled streams");
    this.#resets -= cost;
  }

  /** Adds what the elapsed time allows. A rest below one unit stays for the next time. */
  #fill(): void {
    const now = Math.floor(this.#clock.now());
    const worth = (rate: { readonly perSecond: number }) =>
      Math.floor(((now - this.#filledAt) * rate.perSecond) / 1_000);
    if (worth(RESETS) === 0) return;
    this.#resets = Math.min(RESETS.burst, this.#resets + worth(RESETS));
    this.#idleFrames = Math.min(IDLE_FRAMES.burst, this.#idleFrames + worth(IDLE_FRAMES));
    this.#filledAt = now;
  }
}
