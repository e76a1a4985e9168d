/**
 * The isolation rule: when everything falls at once, ask whether it is us.
 *
 *     a check is about to fail --> does the self-check fail too? --no--> it fails
 *                                        | yes
 *                                        v
 *                                  held at its last state --more than half of at least 4 checks are--> isolated
 *                                        |                                                             |
 *                                  one interval over                                        maxHold over (60 s)
 *                                        '--------------------> they fail <-----------------------'
 *
 * In October 2021 Facebook's DNS sites judged themselves unhealthy because their own backbone was gone, and withdrew
 * their routes: six hours. A prober that is cut off sees every target fall; none of them has. So a self-check (a
 * gateway, say: something that is always there when our network is) decides who is believed. It is fail-open for a
 * short time only, flagged (`prober-isolated`), and then fail-closed: a network that is gone for a minute is an outage.
 *
 * A check that is about to fail waits for a word of the self-check that is younger than its first failure: mostly for a
 * few milliseconds. When the self-check passes again, a held check is judged anew: the failures that it counted
 * meanwhile were ours.
 */

import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Timer, TimerQueue } from "../core/timer-queue.js";

/** What becomes of a check whose failures have reached the threshold. */
export type Judgement = "fail" | "hold" | "anew";

/** What the rule needs to know. */
export interface IsolationOptions {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly instance: string;
  /** How many checks there are, the self-check left out. */
  readonly checkCount: () => number;
  /** Called for each check whose hold is over and that was not judged anew: it fails. */
  readonly release: (check: string) => void;
}

/** How long statuses are held at most, if nothing else is configured. */
export const DEFAULT_MAX_HOLD_MS = 60_000;

/** With fewer checks, a common cause can't be told from chance. */
const MIN_CHECKS = 4;

interface Fall {
  readonly at: number;
  readonly intervalMs: number;
  readonly held: boolean;
  /** It waits for the self-check's word. */
  readonly waits: boolean;
}

export class Isolation {
  /** How long statuses are held at most, in milliseconds. */
  maxHoldMs = DEFAULT_MAX_HOLD_MS;
  readonly #options: IsolationOptions;
  readonly #falls = new Map<string, Fall>();
  readonly #end: Timer;
  #selfFailing = false;
  /** When the self-check had its last result; `undefined` where there is no self-check. */
  #selfHeardAt: number | undefined;
  #isolatedSince: number | undefined;
  #heldToldLast = 0;

  constructor(options: IsolationOptions) {
    this.#options = options;
    this.#end = options.timers.create(() => this.#endHolds());
  }

  /** Whether statuses are held because more than half of the checks fell together. */
  get isolated(): boolean {
    return this.#isolatedSince !== undefined;
  }

  /** There is a self-check, from which nothing was heard yet; or there is none. */
  expectSelf(isThere: boolean): void {
    this.#selfFailing = false;
    this.#selfHeardAt = isThere ? Number.NEGATIVE_INFINITY : undefined;
  }

  /** What the self-check has found. Checks that waited for it and have no excuse fail. */
  hearSelf(failing: boolean): void {
    this.#selfFailing = failing;
    this.#selfHeardAt = this.#options.clock.now();
    for (const [check, fall] of [...this.#falls]) {
      if (!fall.waits) continue;
      if (failing) this.#falls.set(check, { ...fall, waits: false });
      else this.#letFail(check, fall);
    }
    if (failing) this.#findIsolation(this.#selfHeardAt);
    this.#schedule();
  }

  /** Whether a check is held at its last state now. */
  isHeld(check: string): boolean {
    return this.#falls.get(check)?.held === true;
  }

  /**
   * A check has `unhealthyThreshold` failures in a row, the first of them at `failingSince`. Asked again after each
   * further failure of one that is held.
   */
  judge(check: string, intervalMs: number, failingSince: number): Judgement {
    const { clock, checkCount } = this.#options;
    const now = clock.now();
    const before = this.#falls.get(check);
    const isHeard = this.#selfHeardAt === undefined || this.#selfHeardAt >= failingSince;
    if (checkCount() < MIN_CHECKS || (isHeard && !this.#selfFailing)) {
      this.forget(check);
      if (before?.held === true) return "anew";
      this.#falls.set(check, { at: now, intervalMs, held: false, waits: false });
      return "fail";
    }
    if (before?.held !== true) this.#falls.set(check, { at: now, intervalMs, held: true, waits: !isHeard });
    if (isHeard) this.#findIsolation(now);
    this.#schedule();
    return "hold";
  }

  /** A check passes, was removed or is judged otherwise: it is not held any more. */
  forget(check: string): void {
    if (!this.#falls.delete(check)) return;
    if (!this.#heldOnes().length) this.#isolatedSince = undefined;
    this.#schedule();
  }

  /** Ends every hold without a word: nobody is probed any more. */
  stop(): void {
    this.#end.cancel();
    this.#falls.clear();
  }

  /** Falls that are older than an interval of their check are not part of a common one; those that are held stay. */
  #findIsolation(now: number): void {
    for (const [check, { at, intervalMs, held }] of this.#falls)
      if (!held && now - at > intervalMs) this.#falls.delete(check);
    if (this.#falls.size * 2 > this.#options.checkCount()) this.#isolatedSince ??= now;
  }

  #heldOnes(): [string, Fall][] {
    return [...this.#falls].filter(([, { held }]) => held);
  }

  #endOf({ at, intervalMs }: Fall): number {
    return this.#isolatedSince === undefined ? at + intervalMs : this.#isolatedSince + this.maxHoldMs;
  }

  #schedule(): void {
    const held = this.#heldOnes();
    const told = this.isolated ? held.length : 0;
    if (told !== this.#heldToldLast) publish("isolation", { instance: this.#options.instance, held: told });
    this.#heldToldLast = told;
    if (held.length === 0) this.#end.cancel();
    else this.#end.at(Math.min(...held.map(([, fall]) => this.#endOf(fall))));
  }

  #endHolds(): void {
    const now = this.#options.clock.now();
    const over = this.#heldOnes().filter(([, fall]) => this.#endOf(fall) <= now);
    for (const [check, fall] of over) this.#letFail(check, fall);
    if (!this.#heldOnes().length) this.#isolatedSince = undefined;
    this.#schedule();
  }

  /** A hold is over: the check fails, and is part of a common fall for as long as any other. */
  #letFail(check: string, fall: Fall): void {
    this.#falls.set(check, { ...fall, held: false, waits: false });
    this.#options.release(check);
  }
}
