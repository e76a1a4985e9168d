/**
 * Whether the scheduler of the checks is alive, for a watchdog outside of this process.
 *
 *     due . . . . . . . . . . . . . . . . now
 *      '--- longer than the limit ---------'     and no probe of any check has started in the same time: not alive
 *
 * A check may start late because all slots are in use. But a running probe ends at its deadline, so a slot gets free within
 * the longest timeout, and what delays of this process add to it. A scheduler that starts probes is alive, however late they are: a restart would not make it faster.
 */
import type { CheckRunner } from "./runner.js";
import type { CompleteSettings } from "./settings.js";
import { MAX_MOVED_TIMEOUTS } from "./stalls.js";

/** The times of one check. */
export interface ScheduledCheck {
  readonly runner: Pick<CheckRunner, "nextProbeAt" | "lastProbeAt">;
  readonly settings: Pick<CompleteSettings, "timeoutMs">;
}

/** How long a probe may be due without any start, beside the longest time that a probe may take. */
const MAX_OVERDUE_MS = 10_000;

function maxOverdueMs({ timeoutMs }: ScheduledCheck["settings"]): number {
  return (1 + MAX_MOVED_TIMEOUTS) * timeoutMs + MAX_OVERDUE_MS;
}

/** Whether a check is not probed here: it is neither due, nor has a probe started. */
function isResting({ nextProbeAt, lastProbeAt }: ScheduledCheck["runner"]): boolean {
  return nextProbeAt === Number.POSITIVE_INFINITY && lastProbeAt === Number.NEGATIVE_INFINITY;
}

/** Whether a probe of this check has started lately: then probes start, whatever the other checks are. */
export function hasStartedLately({ runner, settings }: ScheduledCheck, now: number): boolean {
  return now - runner.lastProbeAt <= maxOverdueMs(settings);
}

/** Whether probes start when they are due, at the monotonic time `now`. Without checks it is true. */
export function isScheduling(checks: Iterable<ScheduledCheck>, now: number): boolean {
  return new SchedulingWatch(Number.POSITIVE_INFINITY).look(checks, now);
}

/** A look at 100,000 checks takes 100 ms. */
const CHECKS_A_LOOK = 5_000;

/**
 * Looks whether probes start when they are due: at some of the checks each time, and at the next ones the next time. Of many
 * checks, one of the first has mostly started lately. So it comes to the last one only when probes are rare, or do not start.
 */
export class SchedulingWatch<Check extends ScheduledCheck> {
  readonly #checksALook: number;
  #rest: Iterator<Check> | undefined;
  /** Of the checks that were looked at since all of them were. */
  #limitMs = 0;
  #earliest: Check | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #isAlive = true;

  constructor(checksALook = CHECKS_A_LOOK) {
    this.#checksALook = checksALook;
  }

  /** Whether probes start, at the monotonic time `now`, or when all checks were looked at last. Without checks it is true. */
  look(checks: Iterable<Check>, now: number): boolean {
    this.#rest ??= checks[Symbol.iterator]();
    for (let left = this.#checksALook; left > 0; left -= 1) {
      const { value: check, done } = this.#rest.next();
      if (done === true) return this.#begin(this.#startInTime(now));
      const { runner, settings } = check;
      if (isResting(runner)) continue;
      if (hasStartedLately(check, now)) return this.#begin(true);
      this.#limitMs = Math.max(this.#limitMs, maxOverdueMs(settings));
      this.#startedAt = Math.max(this.#startedAt, runner.lastProbeAt);
      if (runner.nextProbeAt < dueAtOf(this.#earliest)) this.#earliest = check;
    }
    return this.#isAlive;
  }

  /** The earliest one may have started since it was looked at. */
  #startInTime(now: number): boolean {
    if (this.#earliest !== undefined && hasStartedLately(this.#earliest, now)) return true;
    return now - dueAtOf(this.#earliest) <= this.#limitMs || now - this.#startedAt <= this.#limitMs;
  }

  #begin(isAlive: boolean): boolean {
    this.#rest = undefined;
    this.#limitMs = 0;
    this.#earliest = undefined;
    this.#startedAt = Number.NEGATIVE_INFINITY;
    this.#isAlive = isAlive;
    return isAlive;
  }
}

function dueAtOf(check: ScheduledCheck | undefined): number {
  return check?.runner.nextProbeAt ?? Number.POSITIVE_INFINITY;
}
