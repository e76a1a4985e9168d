/**
 * A state that no result of the current target has decided: pure.
 *
 *     initial   the check's own `initialState`                           until staleAfter
 *     changed   the last state of the check before its target changed    for min(timeout, 5 s), and until staleAfter
 *
 * These are the only exceptions to the rule that a check is pending before its first result. The first result ends an
 * assumption and decides at once. Further changes of the target never prolong one: it keeps its end.
 */
import type { CheckState } from "../registry/ports.js";
import type { CompleteSettings } from "./settings.js";

export interface Assumption {
  readonly state: Exclude<CheckState, "pending">;
  readonly reason: "initial" | "changed";
  /** Monotonic time from which `staleAfter` counts: of the last result, or of the start of the check. */
  readonly since: number;
  /** Monotonic time of the end. `staleAfter` may end it earlier. */
  readonly until: number;
}

/** The maximum time for which a changed check keeps its last state. */
const MAX_CHANGED_MS = 5_000;

/**
 * What a check shows until its first result; `undefined` if it is pending.
 * @param replaced the check with the same name that had another target
 */
export function firstAssumption(
  settings: CompleteSettings,
  now: number,
  replaced: { readonly lastState: Assumption | undefined } | undefined,
): Assumption | undefined {
  if (replaced !== undefined) return changed(replaced.lastState, settings, now);
  const { initialState } = settings;
  if (initialState === "pending") return undefined;
  return { state: initialState, reason: "initial", since: now, until: Number.POSITIVE_INFINITY };
}

function changed(last: Assumption | undefined, settings: CompleteSettings, now: number): Assumption | undefined {
  if (last === undefined) return undefined;
  const until = Math.min(last.until, changedUntil(settings, now));
  const next = last.reason === "initial" ? last : { ...last, until };
  return endOf(next, settings) > now ? next : undefined;
}

/** Monotonic time until which the last state of a check counts, when its target changes now. */
export function changedUntil({ timeoutMs }: CompleteSettings, now: number): number {
  return now + Math.min(timeoutMs, MAX_CHANGED_MS);
}

/** Maximum of milliseconds over which the first probes of many such checks are spread: before their last states end. */
export function maxSpreadMs(assumption: Assumption | undefined, settings: CompleteSettings, now: number): number {
  return assumption?.reason === "changed" ? (endOf(assumption, settings) - now) / 2 : Number.POSITIVE_INFINITY;
}

/** Monotonic time at which an assumption ends. An initial state that the settings no longer have ends at once. */
export function endOf({ state, reason, since, until }: Assumption, settings: CompleteSettings): number {
  if (reason === "initial" && state !== settings.initialState) return since;
  return Math.min(until, since + settings.staleAfterMs);
}
