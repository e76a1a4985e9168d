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

/**
 * Whether probes start when they are due, at the monotonic time `now`. Without checks it is true. Of many checks, one of the
 * first has mostly started lately: it looks at all of them only when probes are rare, or do not start.
 */
export function isScheduling(checks: Iterable<ScheduledCheck>, now: number): boolean {
  let limitMs = 0;
  let dueAt = Number.POSITIVE_INFINITY;
  let startedAt = Number.NEGATIVE_INFINITY;
  for (const check of checks) {
    const { runner, settings } = check;
    if (isResting(runner)) continue;
    if (hasStartedLately(check, now)) return true;
    limitMs = Math.max(limitMs, maxOverdueMs(settings));
    dueAt = Math.min(dueAt, runner.nextProbeAt);
    startedAt = Math.max(startedAt, runner.lastProbeAt);
  }
  return now - dueAt <= limitMs || now - startedAt <= limitMs;
}
