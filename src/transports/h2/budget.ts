/**
 * What a client may make us do for nothing: frames that ask nothing, and streams that are thrown away.
 *
 * Honest clients do both. A proxy whose callers have given up cancels thousands of calls at once when we come back from
 * a stall (known fault 0.10); a gRPC client measures the line with PING. So each has a burst and a rate, and who asks
 * something may also say more.
 *
 * A request that is thrown away before it was whole is what an attack looks like (CVE-2023-44487), and so is a stream
 * that we have to reset for a fault of the client's (CVE-2025-8671): those cost five times as much.
 *
 * Time is asked for only when something is used up, so an honest client costs a subtraction.
 */
import type { Clock } from "../../core/clock.js";
import { ConnectionError } from "../../wire/http2/frames.js";

const RESETS = { burst: 5_000, perSecond: 200 };
const IDLE_FRAMES = { burst: 2_000, perSecond: 200 };

const SPOILT_REQUEST = 5;
const FRAMES_FOR_A_REQUEST = 4;

export class Budget {
  readonly #clock: Clock;
  #resets = RESETS.burst;
  #idleFrames = IDLE_FRAMES.burst;
  /** In whole milliseconds. */
  #filledAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledAt = Math.floor(clock.now());
  }

  /** A request has come. */
  earn(): void {
    this.#idleFrames = Math.min(IDLE_FRAMES.burst, this.#idleFrames + FRAMES_FOR_A_REQUEST);
  }

  /** A frame that asks nothing has come. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendFrame(): void {
    if (this.#idleFrames < 1) this.#fill();
    if (this.#idleFrames < 1) throw new ConnectionError("ENHANCE_YOUR_CALM", "too many frames that ask nothing");
    this.#idleFrames -= 1;
  }

  /** A stream is cancelled, or is spoilt by the client. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendReset(kind: "cancelled" | "spoilt"): void {
    const cost = kind === "spoilt" ? SPOILT_REQUEST : 1;
    if (this.#resets < cost) this.#fill();
    if (this.#resets < cost) throw new ConnectionError("ENHANCE_YOUR_CALM", "too many streams thrown away");
    this.#resets -= cost;
  }

  /** Gives what the time since the last filling is worth, and leaves the rest of it for the next. */
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
