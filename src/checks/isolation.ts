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
import { type Timer, TimerQueue } from "../core/timer-queue.js";

/** What happens to a check whose failures have reached the threshold. */
export type FailureDecision = "fail" | "hold" | "count-anew";

export interface IsolationDeps {
  readonly clock: Clock;
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

/** Holds that end in one turn of the event loop: those of 100,000 checks may end at the same time. */
const MAX_ENDS_A_TURN = 200;

/** A check whose failures have reached the threshold. */
interface FailedCheck {
  readonly name: string;
  readonly at: number;
  readonly intervalMs: number;
  readonly isHeld: boolean;
  /** Monotonic time at which its hold ends. Of one that has failed: at which it is no part of a common failure any more. */
  until: number;
  readonly timer: Timer;
}

export class Isolation {
  readonly #deps: IsolationDeps;
  readonly #holdEnds: TimerQueue;
  /** Of checks that are not held: at that time, their failures are no part of a common one any more. */
  readonly #expiries: TimerQueue;
  readonly #failed = new Map<string, FailedCheck>();
  readonly #held = new Set<FailedCheck>();
  /** Held checks that wait for a result of the self-check. */
  readonly #awaiting = new Set<FailedCheck>();
  #maxHoldMs = DEFAULT_MAX_HOLD_MS;
  #selfCheckFailing = false;
  /** Monotonic time of the last result of the self-check; `undefined` without a self-check. */
  #selfCheckedAt: number | undefined;
  #isolatedSince: number | undefined;
  #publishedHeld = 0;
  readonly #publishTimer: Timer;

  constructor(deps: IsolationDeps) {
    this.#deps = deps;
    this.#publishTimer = new TimerQueue(deps.clock).create(() => this.#publish());
    this.#holdEnds = new TimerQueue(deps.clock, MAX_ENDS_A_TURN);
    this.#expiries = new TimerQueue(deps.clock);
  }

  /** Whether states are held because more than half of the checks failed at the same time. */
  get isolated(): boolean {
    return this.#isolatedSince !== undefined;
  }

  /** Sets how long states are held at most, in milliseconds. */
  set maxHoldMs(maxHoldMs: number) {
    this.#maxHoldMs = maxHoldMs;
    this.#moveEnds();
  }

  /** Sets whether there is a self-check. A new one has no result yet. */
  setSelfCheck(exists: boolean): void {
    this.#selfCheckFailing = false;
    this.#selfCheckedAt = exists ? Number.NEGATIVE_INFINITY : undefined;
  }

  /** Takes a result of the self-check. When it passes, the checks that waited for it fail. */
  onSelfCheckResult(failing: boolean): void {
    const now = this.#deps.clock.now();
    this.#selfCheckFailing = failing;
    this.#selfCheckedAt = now;
    for (const check of this.#awaiting) {
      this.#awaiting.delete(check);
      this.#setUntil(check, failing ? this.#holdEndOf(check) : now);
    }
    if (failing) this.#detectIsolation(now);
    this.#holdEnds.runDue();
    this.#publishHeld();
  }

  /** Whether a check is held at its last state now. */
  isHeld(check: string): boolean {
    return this.#failed.get(check)?.isHeld === true;
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
      const isHeld = before?.isHeld === true && before.until > now;
      this.forget(check);
      if (isHeld) return "count-anew";
      this.#add(check, { at: now, intervalMs, isHeld: false }, now + intervalMs);
      return "fail";
    }
    if (before?.isHeld !== true) this.#hold(check, now, intervalMs, !isSelfCheckNewer);
    if (isSelfCheckNewer) this.#detectIsolation(now);
    this.#publishHeld();
    return "hold";
  }

  /** Ends the hold of a check without a failure: it passes or was removed. */
  forget(check: string): void {
    const failed = this.#failed.get(check);
    if (failed === undefined) return;
    this.#remove(failed);
    this.#publishHeld();
  }

  /** Ends every hold without a failure: no check runs any more. */
  stop(): void {
    for (const check of [...this.#failed.values()]) this.#remove(check);
    this.#publishTimer.cancel();
  }

  #hold(name: string, at: number, intervalMs: number, awaitsSelfCheck: boolean): void {
    const before = this.#failed.get(name);
    if (before !== undefined) this.#remove(before);
    const check = this.#add(name, { at, intervalMs, isHeld: true }, Number.POSITIVE_INFINITY);
    this.#held.add(check);
    if (awaitsSelfCheck) this.#awaiting.add(check);
    this.#setUntil(check, this.#holdEndOf(check));
  }

  #add(name: string, failure: Pick<FailedCheck, "at" | "intervalMs" | "isHeld">, until: number): FailedCheck {
    const timers = failure.isHeld ? this.#holdEnds : this.#expiries;
    const check: FailedCheck = { name, ...failure, until, timer: timers.create(() => this.#end(check)) };
    this.#failed.set(name, check);
    check.timer.at(until);
    return check;
  }

  #remove(check: FailedCheck): void {
    check.timer.cancel();
    this.#failed.delete(check.name);
    this.#awaiting.delete(check);
    if (this.#held.delete(check) && this.#held.size === 0) this.#isolatedSince = undefined;
  }

  #setUntil(check: FailedCheck, until: number): void {
    check.until = until;
    check.timer.at(until);
  }

  #detectIsolation(now: number): void {
    this.#expiries.runDue(); // after a stall, results are read before timers fire
    if (this.isolated || this.#failed.size * 2 <= this.#deps.checkCount()) return;
    this.#isolatedSince = now;
    this.#moveEnds();
  }

  /** They follow from another rule now. */
  #moveEnds(): void {
    for (const check of this.#held) if (!this.#awaiting.has(check)) this.#setUntil(check, this.#holdEndOf(check));
  }

  #holdEndOf(check: FailedCheck): number {
    const { at, intervalMs } = check;
    if (this.#awaiting.has(check)) return at + Math.max(intervalMs, MIN_WAIT_MS);
    return this.#isolatedSince === undefined ? at + intervalMs : this.#isolatedSince + this.#maxHoldMs;
  }

  /** Publishes how many are held: when the isolation begins or ends at once, else once in a turn of the event loop. */
  #publishHeld(): void {
    if (this.isolated !== this.#publishedHeld > 0) this.#publish();
    else if (this.isolated) this.#publishTimer.at(this.#deps.clock.now());
  }

  #publish(): void {
    const held = this.isolated ? this.#held.size : 0;
    if (held !== this.#publishedHeld) publish("isolation", { instance: this.#deps.instance, held });
    this.#publishedHeld = held;
    this.#publishTimer.cancel();
  }

  /** A held check fails, and counts among the simultaneous failures for as long as any other. */
  #end(check: FailedCheck): void {
    this.#remove(check);
    if (!check.isHeld) return;
    const { name, at, intervalMs } = check;
    if (at + intervalMs > this.#deps.clock.now()) this.#add(name, { at, intervalMs, isHeld: false }, at + intervalMs);
    this.#deps.onHoldEnded(name);
    this.#publishHeld();
  }
}
