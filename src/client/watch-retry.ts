/**
 * When a Watch that has ended is opened again (gRFC A17).
 *
 *     a stream without any message   after 1 s, then 1.6 times more for each such stream, up to 120 s
 *     a stream with a message        at once, and the back-off begins anew
 *
 * A17 has no bound for streams that end after their first message: the client would ask without a pause. Here ten retries
 * at once are allowed, and one more for each second. The others wait as after a stream without any message.
 */
import type { Clock, Random } from "../core/clock.js";
import { TokenBucket, type TokenRate } from "../core/token-bucket.js";
import { retryDelayMs } from "./reused-watch.js";

const AT_ONCE: TokenRate = { burst: 10, perSecond: 1 };

export class WatchRetry {
  readonly #random: Random;
  readonly #atOnce: TokenBucket;
  #failedAttempts = 0;

  constructor(clock: Clock, random: Random) {
    this.#random = random;
    this.#atOnce = new TokenBucket(clock, AT_ONCE);
  }

  /** Milliseconds until the next attempt. `hadMessage` when a status had come on the stream that has ended. */
  delayMs(hadMessage: boolean): number {
    if (hadMessage) {
      this.#failedAttempts = 0;
      if (this.#atOnce.take()) return 0;
    }
    const delayMs = retryDelayMs(this.#failedAttempts, this.#random);
    this.#failedAttempts += 1;
    return delayMs;
  }
}
