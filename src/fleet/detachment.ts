/**
 * Whether the store is gone, and what this member does then.
 *
 *     attached ---- no success for a lease ----> detached ---- a success ----> attached, frozen for a lease
 *                                                  |    ^
 *                                                  '----' beats come, but votes do not, and then no beats either: gone anew
 *
 * A store that was gone comes back to members which all have silent peers. So for one lease nothing is taken over or given up.
 *
 * With `auto`, a member probes all checks if that is within its capacity: the rate of all is at most `capacity`. One whose
 * probes are late keeps its share until they are in time: more checks would make them later.
 */
export interface DetachmentOptions {
  readonly leaseMs: number;
  readonly beatMs: number;
  readonly whenStoreIsGone: "auto" | "all" | "share";
  /** Probes a second. */
  readonly capacity: number;
  /** Probes a second of all checks that are shared. */
  readonly rate: () => number;
  /** Whether the probes of this member start late. */
  readonly isLate: () => boolean;
}

/** Rates are sums of fractions. */
const ROUNDING = 1e-6;

export class Detachment {
  readonly #options: DetachmentOptions;
  #tickedAt: number;
  /** Milliseconds for which the store has not answered. */
  #awayMs = 0;
  #isDetached = false;
  #detachedAt = Number.NEGATIVE_INFINITY;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  #probesAll = false;

  constructor(options: DetachmentOptions, startedAt: number) {
    this.#options = options;
    this.#tickedAt = startedAt;
  }

  get isDetached(): boolean {
    return this.#isDetached;
  }

  /** Whether this member probes every check. */
  get probesAll(): boolean {
    return this.#probesAll;
  }

  /** Monotonic time since when the store is, or was, gone: minus infinity when it never was. */
  get detachedAt(): number {
    return this.#detachedAt;
  }

  /** Monotonic time until which nothing is taken over or given up. */
  get frozenUntil(): number {
    return this.#frozenUntil;
  }

  /** A beat has succeeded. True: the store is back. */
  succeeded(now: number): boolean {
    this.#tickedAt = now;
    this.#awayMs = 0;
    if (!this.#isDetached) return false;
    this.#isDetached = false;
    this.#probesAll = false;
    this.#frozenUntil = now + this.#options.leaseMs;
    return true;
  }

  /**
   * The time of a beat is over. True: the store is gone from now on, or what is probed without it has changed.
   * @param outcome `silent`: no beat was sent, because this process does not probe now. That says nothing of the store, nor does
   *   `waiting`
   */
  tick(outcome: "done" | "failed" | "silent" | "waiting", now: number): boolean {
    const isGone = outcome === "failed" && this.#failed(now);
    if (outcome === "silent") this.#tickedAt = now;
    const before = this.#probesAll;
    if (this.#isDetached) this.#probesAll = this.canProbeAll;
    return isGone || this.#probesAll !== before;
  }

  /** This member hears no beat, since a time. True: it has heard some while it was detached, and the store is gone anew. */
  deaf(since: number): boolean {
    if (!this.#isDetached || since <= this.#detachedAt) return false;
    this.#detachedAt = since;
    return true;
  }

  #failed(now: number): boolean {
    const { leaseMs, beatMs } = this.#options;
    // a call fails within half a lease: more time than that was this process standing still
    this.#awayMs += Math.min(now - this.#tickedAt, leaseMs / 2 + beatMs);
    this.#tickedAt = now;
    if (this.#isDetached || this.#awayMs < leaseMs) return false;
    this.#isDetached = true;
    this.#detachedAt = now;
    return true;
  }

  /** Whether this member could probe every check. */
  get canProbeAll(): boolean {
    const { whenStoreIsGone, capacity, rate, isLate } = this.#options;
    if (whenStoreIsGone !== "auto") return whenStoreIsGone === "all";
    return (this.#probesAll || !isLate()) && rate() <= capacity + ROUNDING;
  }
}
