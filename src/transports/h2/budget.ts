/**
 * What a client may make us do for nothing: frames that ask nothing, and streams that are thrown away.
 *
 * Honest clients do both. A proxy whose callers have given up cancels thousands of calls at once when we come back from
 * a stall (known fault 0.10); a gRPC client measures the line with PING. So each has a burst and a rate, and who asks
 * something may also say more.
 *
 * A request that is thrown away before it was whole is what an attack looks like (CVE-2023-44487), and so is a stream
 * that we have to reset for a fault of the client's (CVE-2025-8671): those cost five times as much.
 */
import type { Clock } from "../../core/clock.js";
import { ConnectionError } from "./frame.js";
import { TokenBucket } from "./token-bucket.js";

const RESETS = { burst: 5_000, perSecond: 200 };
const IDLE_FRAMES = { burst: 2_000, perSecond: 200 };

const SPOILT_REQUEST = 5;
const FRAMES_FOR_A_REQUEST = 4;

export class Budget {
  readonly #resets: TokenBucket;
  readonly #idleFrames: TokenBucket;

  constructor(clock: Clock) {
    this.#resets = new TokenBucket(clock, RESETS);
    this.#idleFrames = new TokenBucket(clock, IDLE_FRAMES);
  }

  /** A request has come. */
  earn(): void {
    this.#idleFrames.give(FRAMES_FOR_A_REQUEST);
  }

  /** A frame that asks nothing has come. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendFrame(): void {
    if (!this.#idleFrames.take(1)) throw new ConnectionError("ENHANCE_YOUR_CALM", "too many frames that ask nothing");
  }

  /** A stream is cancelled, or is spoilt by the client. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendReset(kind: "cancelled" | "spoilt"): void {
    if (!this.#resets.take(kind === "spoilt" ? SPOILT_REQUEST : 1))
      throw new ConnectionError("ENHANCE_YOUR_CALM", "too many streams thrown away");
  }
}
