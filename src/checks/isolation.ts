/**
 * The isolation rule: if most checks fail at the same time, the cause is probably our own network.
 *
 *     a check is about to fail --> does the self-check fail too? --no--> it fails
 *                                        | yes
 *                                        v
 *                                  held at its last state --more than half of at least 4 checks--> isolated
 *                                        |                                                             |
 *                                  one interval over                                        maxHold over (60 s)
 *                                        '--------------------> they fail <-----------------------'
 *
 * In October 2021, Facebook's DNS sites declared themselves unhealthy because their own backbone was down, and withdrew
 * their routes for six hours. For an isolated prober every target fails, though none is down. The self-check probes
 * something that is reachable as long as our own network works, such as a gateway. The rule holds the last states
 * (fail-open) for a short time only, with the reason `prober-isolated`. Then the checks fail (fail-closed): a network
 * that is down for a minute is an outage.
 *
 * A check that is about to fail waits for a result of the self-check that is newer than its first failure: usually a few
 * milliseconds. When the self-check passes again, a held check starts to count again from zero: the network of
 * healthbridge caused its failures.
 */
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Timer, TimerQueue } from "../core/timer-queue.js";

/** What happens to a check whose failures have reached the threshold. */
export type FailureDecision = "fail" | "hold" | "count-anew";

/** What the rule needs. */
export interface IsolationDeps {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly instance: string;
  /** Number of checks, without the self-check. */
  readonly checkCount: () => number;
  /** Called for each held check whose hold has ended: it fails now. */
  readonly onHoldEnded: (check: string) => void;
}

/** Default of the longest hold, in milliseconds. */
export const DEFAULT_MAX_HOLD_MS = 60_000;

/**
 * A check waits for the self-check so long at least: a self-check whose packets vanish takes its timeout of 2 s, and the
 * interval of the check may be shorter.
 */
const MIN_WAIT_MS = 3_000;

/** With fewer checks, a common cause cannot be distinguished from coincidence. */
const MIN_CHECKS = 4;

/** A check whose failures have reached the threshold. */
interface FailedCheck {
  readonly at: number;
  readonly intervalMs: number;
  readonly held: boolean;
  readonly awaitsSelfCheck: boolean;
}

export class Isolation {
  /** How long states are held at most, in milliseconds. */
  maxHoldMs = DEFAULT_MAX_HOLD_MS;
  readonly #deps: IsolationDeps;
  readonly #failed = new Map<string, FailedCheck>();
  readonly #holdTimer: Timer;
  #selfCheckFailing = false;
  /** Monotonic time of the last result of the self-check; `undefined` without a self-check. */
  #selfCheckedAt: number | undefined;
  #isolatedSince: number | undefined;
  #publishedHeld = 0;

  constructor(deps: IsolationDeps) {
    this.#deps = deps;
    this.#holdTimer = deps.timers.create(() => this.#endHolds());
  }

  /** Whether states are held because more than half of the checks failed at the same time. */
  get isolated(): boolean {
    return this.#isolatedSince !== undefined;
  }

  /** Sets whether there is a self-check. A new one has no result yet. */
  setSelfCheck(exists: boolean): void {
    this.#selfCheckFailing = false;
    this.#selfCheckedAt = exists ? Number.NEGATIVE_INFINITY : undefined;
  }

  /** Takes a result of the self-check. When it passes, the checks that waited for it fail. */
  onSelfCheckResult(failing: boolean): void {
    this.#selfCheckFailing = failing;
    this.#selfCheckedAt = this.#deps.clock.now();
    for (const [name, check] of [...this.#failed]) {
      if (!check.awaitsSelfCheck) continue;
      if (failing) this.#failed.set(name, { ...check, awaitsSelfCheck: false });
      else this.#endHold(name, check);
    }
    if (failing) this.#detectIsolation(this.#selfCheckedAt);
    this.#schedule();
  }

  /** Whether a check is held at its last state now. */
  isHeld(check: string): boolean {
    return this.#failed.get(check)?.held === true;
  }

  /**
   * Decides for a check with `unhealthyThreshold` failures in a row, the first of them at `failingSince`. For a held
   * check, it is called again after each further failure.
   */
  onThreshold(check: string, intervalMs: number, failingSince: number): FailureDecision {
    const { clock, checkCount } = this.#deps;
    const now = clock.now();
    const before = this.#failed.get(check);
    const isSelfCheckNewer = this.#selfCheckedAt === undefined || this.#selfCheckedAt >= failingSince;
    if (checkCount() < MIN_CHECKS || (isSelfCheckNewer && !this.#selfCheckFailing)) {
      this.forget(check);
      if (before?.held === true) return "count-anew";
      this.#failed.set(check, { at: now, intervalMs, held: false, awaitsSelfCheck: false });
      return "fail";
    }
    if (before?.held !== true)
      this.#failed.set(check, { at: now, intervalMs, held: true, awaitsSelfCheck: !isSelfCheckNewer });
    if (isSelfCheckNewer) this.#detectIsolation(now);
    this.#schedule();
    return "hold";
  }

  /** Ends the hold of a check without a failure: it passes or was removed. */
  forget(check: string): void {
    if (!this.#failed.delete(check)) return;
    if (!this.#heldChecks().length) this.#isolatedSince = undefined;
    this.#schedule();
  }

  /** Ends every hold without a failure: no check runs any more. */
  stop(): void {
    this.#holdTimer.cancel();
    this.#failed.clear();
  }

  /** A failure that is older than the interval of its check does not count as simultaneous, unless the check is held. */
  #detectIsolation(now: number): void {
    for (const [name, { at, intervalMs, held }] of this.#failed)
      if (!held && now - at > intervalMs) this.#failed.delete(name);
    if (this.#failed.size * 2 > this.#deps.checkCount()) this.#isolatedSince ??= now;
  }

  #heldChecks(): [string, FailedCheck][] {
    return [...this.#failed].filter(([, { held }]) => held);
  }

  #holdEndOf({ at, intervalMs, awaitsSelfCheck }: FailedCheck): number {
    if (awaitsSelfCheck) return at + Math.max(intervalMs, MIN_WAIT_MS);
    return this.#isolatedSince === undefined ? at + intervalMs : this.#isolatedSince + this.maxHoldMs;
  }

  #schedule(): void {
    const checks = this.#heldChecks();
    const held = this.isolated ? checks.length : 0;
    if (held !== this.#publishedHeld) publish("isolation", { instance: this.#deps.instance, held });
    this.#publishedHeld = held;
    if (checks.length === 0) this.#holdTimer.cancel();
    else this.#holdTimer.at(Math.min(...checks.map(([, check]) => this.#holdEndOf(check))));
  }

  #endHolds(): void {
    const now = this.#deps.clock.now();
    const ended = this.#heldChecks().filter(([, check]) => this.#holdEndOf(check) <= now);
    for (const [name, check] of ended) this.#endHold(name, check);
    if (!this.#heldChecks().length) this.#isolatedSince = undefined;
    this.#schedule();
  }

  /** The check fails, and counts among the simultaneous failures for as long as any other. */
  #endHold(name: string, check: FailedCheck): void {
    this.#failed.set(name, { ...check, held: false, awaitsSelfCheck: false });
    this.#deps.onHoldEnded(name);
  }
}
