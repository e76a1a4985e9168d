/**
 * When the next probe of a check is due.
 *
 *     start --> due --begin--> a probe runs: no due time --next--> due, after the delay that follows from the result
 *                ^                       |
 *                '------ request --------'   a request while a probe runs: soon after its end
 */
import { MIN_GAP_MS } from "./evaluate.js";

export class DueTime {
  /** Monotonic time at which it is due; infinite while a probe runs. */
  at = Number.POSITIVE_INFINITY;
  /** Start of the last probe; while it hangs, the last due time. Negative infinity before the first one. */
  lastAt = Number.NEGATIVE_INFINITY;
  #isRequested = false;

  /** A probe starts. Returns how late it is. */
  begin(now: number): number {
    const lagMs = now - this.at;
    this.at = Number.POSITIVE_INFINITY;
    this.lastAt = now;
    this.#isRequested = false;
    return lagMs;
  }

  /** The next one is to come as soon as possible. */
  request(): void {
    this.#isRequested = true;
  }

  /** Makes it earlier, as far as the smallest gap between two probes allows. */
  hurry(now: number): void {
    this.at = Math.min(this.at, Math.max(now, this.lastAt + MIN_GAP_MS));
  }

  /** @param isRunning a probe still runs: a request waits for its end */
  next(from: number, delayMs: number, isRunning: boolean): void {
    this.at = from + (this.#isRequested && !isRunning ? Math.min(delayMs, MIN_GAP_MS) : delayMs);
  }

  /** None is due any more. */
  end(): void {
    this.at = Number.POSITIVE_INFINITY;
    this.lastAt = Number.NEGATIVE_INFINITY;
  }
}
