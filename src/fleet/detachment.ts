/**
 * Whether the store is gone, and what this member does then.
 *
 *     attached ---- no success for a lease ----> detached ---- a success ----> attached, frozen for a lease
 *
 * A store that was gone comes back to members which all have silent peers. So for one lease nothing is taken over or given up.
 */
export interface DetachmentOptions {
  readonly leaseMs: number;
  readonly beatMs: number;
  readonly whenStoreIsGone: "auto" | "all" | "share";
  /** Probes a second. */
  readonly capacity: number;
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

  constructor(options: DetachmentOptions, startedAt: number) {
    this.#options = options;
    this.#tickedAt = startedAt;
  }

  get isDetached(): boolean {
    return this.#isDetached;
  }

  /** Monotonic time at which it began last: minus infinity when it never did. */
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
    this.#frozenUntil = now + this.#options.leaseMs;
    return true;
  }

  /** A beat has failed. True: the store is gone from now on. */
  failed(now: number): boolean {
    const { leaseMs, beatMs } = this.#options;
    // a call fails within half a lease: more time than that was this process standing still
    this.#awayMs += Math.min(now - this.#tickedAt, leaseMs / 2 + beatMs);
    this.#tickedAt = now;
    if (this.#isDetached || this.#awayMs < leaseMs) return false;
    this.#isDetached = true;
    this.#detachedAt = now;
    return true;
  }

  /** No beat was sent, because this process does not probe now: that says nothing of the store. */
  silent(now: number): void {
    this.#tickedAt = now;
  }

  /** @param rate probes a second of all checks that are shared */
  probesAll(rate: number): boolean {
    return this.#isDetached && this.mayProbeAll(rate);
  }

  /** Whether this member could probe every check. */
  mayProbeAll(rate: number): boolean {
    const { whenStoreIsGone, capacity } = this.#options;
    return whenStoreIsGone === "all" || (whenStoreIsGone === "auto" && rate <= capacity + ROUNDING);
  }
}
