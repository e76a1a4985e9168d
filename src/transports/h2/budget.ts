/**
 * Limits useless work: frames that belong to no request, and streams that are cancelled.
 *
 * Well-behaved clients cause both. After a stall of the server, a proxy cancels thousands of calls at once
 * (docs/known-faults.md 0.10);
 * a gRPC client measures the connection with PING. So each kind has a burst and a rate, and each request allows
 * some frames more.
 *
 * Attacks cancel requests before they are complete (CVE-2023-44487), or make the server reset streams (CVE-2025-8671).
 * Both cost five times as much.
 */
import type { Clock } from "../../core/clock.js";
import { TokenBucket, type TokenRate } from "../../core/token-bucket.js";
import { ConnectionError } from "../../wire/http2/frames.js";

const RESETS: TokenRate = { burst: 5_000, perSecond: 200 };
const IDLE_FRAMES: TokenRate = { burst: 2_000, perSecond: 200 };

const BROKEN_REQUEST_COST = 5;
const FRAMES_PER_REQUEST = 4;

export class Budget {
  readonly #resets: TokenBucket;
  readonly #idleFrames: TokenBucket;

  constructor(clock: Clock) {
    this.#resets = new TokenBucket(clock, RESETS);
    this.#idleFrames = new TokenBucket(clock, IDLE_FRAMES);
  }

  /** A request allows more frames. */
  earn(): void {
    this.#idleFrames.add(FRAMES_PER_REQUEST);
  }

  /** Counts a frame that asks nothing. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendFrame(): void {
    if (!this.#idleFrames.take()) throw new ConnectionError("ENHANCE_YOUR_CALM", "too many frames without a request");
  }

  /** Counts a stream that was cancelled, or that the client broke. @throws ConnectionError ENHANCE_YOUR_CALM */
  spendReset(kind: "cancelled" | "broken"): void {
    if (!this.#resets.take(kind === "broken" ? BROKEN_REQUEST_COST : 1))
      throw new ConnectionError("ENHANCE_YOUR_CALM", "too many cancelled streams");
  }
}
