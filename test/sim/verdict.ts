/**
 * What results say of a target, by the contract alone: what would be published of it if nobody made a mistake.
 *
 *     a threshold of failures in a row is a fall, a threshold of passes a return; the first result decides at once
 *     what is older than `staleAfter` is forgotten
 *     flapping, more than four changes in a minute, returns only after it was well for two intervals, and a minute
 */
import type { Contract } from "./contract.js";

/** What is published of a check. */
export type Status = "UNKNOWN" | "SERVING" | "NOT_SERVING";

const MAX_CHANGES = 4;
const MINUTE_MS = 60_000;

export class Verdict {
  readonly #contract: Contract;
  #status: Status = "UNKNOWN";
  #failures = 0;
  #passes = 0;
  #countedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #changes: readonly number[] = [];
  #flapping = false;

  constructor(contract: Contract) {
    this.#contract = contract;
  }

  /** The status that follows from the results so far. */
  at(now: number): Status {
    const isStale = this.#countedAt + this.#contract.staleAfterMs <= now;
    if (isStale && this.#status !== "UNKNOWN") this.#forget();
    return this.#status;
  }

  /** A result that counts. */
  count(passed: boolean, now: number): void {
    const before = this.at(now);
    this.#countedAt = now;
    this.#failures = passed ? 0 : this.#failures + 1;
    this.#passes = passed ? this.#passes + 1 : 0;
    if (!passed) this.#failedAt = now;
    if (before === "UNKNOWN") this.#status = passed ? "SERVING" : "NOT_SERVING";
    else if (before === "SERVING" && this.#failures >= this.#contract.fall) this.#fall(now);
    else if (before === "NOT_SERVING" && this.#passes >= this.#contract.rise) this.#return(now);
  }

  /** From the start of the last probe to that of the next, jitter apart. */
  get gapMs(): number {
    const { intervalMs, edgeMs, unhealthyMs, rise } = this.#contract;
    if (this.#status === "UNKNOWN") return intervalMs;
    if (this.#status === "SERVING") return this.#failures > 0 ? edgeMs : intervalMs;
    return this.#passes > 0 && this.#passes < rise ? edgeMs : unhealthyMs;
  }

  /** For how long after its last failure a target does not return, since it flaps. */
  get heldMs(): number {
    return this.#flapping ? Math.max(2 * this.#contract.intervalMs, MINUTE_MS) : 0;
  }

  /** The results in a row. */
  toString(): string {
    return `${this.#status} after ${this.#failures} failures, ${this.#passes} passes in a row`;
  }

  #fall(now: number): void {
    this.#status = "NOT_SERVING";
    this.#change(now);
    this.#flapping = this.#changes.length > MAX_CHANGES;
  }

  #return(now: number): void {
    if (now - this.#failedAt < this.heldMs) return;
    this.#status = "SERVING";
    if (this.#flapping) this.#changes = [];
    else this.#change(now);
    this.#flapping = false;
  }

  #change(now: number): void {
    this.#changes = [...this.#changes.filter((at) => now - at <= MINUTE_MS), now];
  }

  #forget(): void {
    this.#status = "UNKNOWN";
    this.#failures = 0;
    this.#passes = 0;
    this.#changes = [];
    this.#flapping = false;
  }
}
