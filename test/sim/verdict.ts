/**
 * The status that follows from the results of a check, by its settings alone.
 *
 *     unhealthyThreshold failures in a row: NOT_SERVING; healthyThreshold passes in a row: SERVING
 *     the first result decides at once; a result older than `staleAfter` is ignored
 *     before the first result: the initial state until `staleAfter`; after a change of the target, the last state for
 *     min(timeout, 5 s), until it is stale, and no longer than one that was kept before
 *     flapping (more than four changes in a minute): SERVING only after two intervals, and a minute, without a failure
 */
import type { Contract } from "./contract.js";

export type Status = "UNKNOWN" | "SERVING" | "NOT_SERVING";

/** A status that no result of the present target has decided. */
export interface Assumed {
  readonly status: Status;
  readonly until: number;
  readonly isInitial: boolean;
}

const MAX_CHANGED_MS = 5_000;
const MAX_CHANGES = 4;
const MINUTE_MS = 60_000;

export class Verdict {
  readonly #contract: Contract;
  #status: Status = "UNKNOWN";
  #assumed: Assumed | undefined;
  #failures = 0;
  #passes = 0;
  #countedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #changes: readonly number[] = [];
  #flapping = false;

  constructor(contract: Contract, assumed?: Assumed) {
    this.#contract = contract;
    this.#assumed = assumed;
    this.#status = assumed?.status ?? "UNKNOWN";
  }

  /** What another target takes over at a time. */
  handOver(now: number): Assumed | undefined {
    if (this.at(now) === "UNKNOWN") return undefined;
    if (this.#assumed?.isInitial === true) return this.#assumed;
    const { timeoutMs, staleAfterMs } = this.#contract;
    const end = this.#assumed?.until ?? this.#countedAt + staleAfterMs;
    const until = Math.min(end, now + Math.min(timeoutMs, MAX_CHANGED_MS));
    return { status: this.#status, until, isInitial: false };
  }

  /** The status at a time. */
  at(now: number): Status {
    const end = this.#assumed?.until ?? this.#countedAt + this.#contract.staleAfterMs;
    const isStale = end <= now;
    if (isStale && this.#status !== "UNKNOWN") this.#expire();
    return this.#status;
  }

  count(passed: boolean, now: number): void {
    const before = this.#assumed === undefined ? this.at(now) : "UNKNOWN";
    this.#assumed = undefined;
    this.#countedAt = now;
    this.#failures = passed ? 0 : this.#failures + 1;
    this.#passes = passed ? this.#passes + 1 : 0;
    if (!passed) this.#failedAt = now;
    if (before === "UNKNOWN") this.#status = passed ? "SERVING" : "NOT_SERVING";
    else if (before === "SERVING" && this.#failures >= this.#contract.unhealthyThreshold) this.#fail(now);
    else if (before === "NOT_SERVING" && this.#passes >= this.#contract.healthyThreshold) this.#recover(now);
  }

  /** From the start of the last probe to the start of the next, without jitter. */
  get gapMs(): number {
    const { intervalMs, edgeMs, unhealthyMs, healthyThreshold } = this.#contract;
    if (this.#status === "UNKNOWN" || this.#assumed !== undefined) return intervalMs;
    if (this.#status === "SERVING") return this.#failures > 0 ? edgeMs : intervalMs;
    return this.#passes > 0 && this.#passes < healthyThreshold ? edgeMs : unhealthyMs;
  }

  /** Minimum time from the last failure to SERVING, because of flapping. */
  get flappingMs(): number {
    return this.#flapping ? Math.max(2 * this.#contract.intervalMs, MINUTE_MS) : 0;
  }

  toString(): string {
    return `${this.#status} after ${this.#failures} failures, ${this.#passes} passes in a row`;
  }

  #fail(now: number): void {
    this.#status = "NOT_SERVING";
    this.#change(now);
    this.#flapping = this.#changes.length > MAX_CHANGES;
  }

  #recover(now: number): void {
    if (now - this.#failedAt < this.flappingMs) return;
    this.#status = "SERVING";
    if (this.#flapping) this.#changes = [];
    else this.#change(now);
    this.#flapping = false;
  }

  #change(now: number): void {
    this.#changes = [...this.#changes.filter((at) => now - at <= MINUTE_MS), now];
  }

  #expire(): void {
    this.#assumed = undefined;
    this.#status = "UNKNOWN";
    this.#failures = 0;
    this.#passes = 0;
    this.#changes = [];
    this.#flapping = false;
  }
}
