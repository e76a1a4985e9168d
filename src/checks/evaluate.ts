/**
 * The verdict of one check: a pure state machine.
 *
 *               first pass                            pass, s >= healthyThreshold
 *     pending ------------> passing <----------------------------------------------- failing <---- first fail ---- pending
 *        ^                     |                      fail, f >= unhealthyThreshold     ^
 *        |                     +--------------------------------------------------------+
 *        +---- no result for staleAfter (from either side)
 *
 *     f = failures in a row, s = successes in a row; a warn counts as a pass, and its state is `warning`
 *
 * Thresholds hold for every kind of failure: Envoy's hold for some only, and its users suffer from it.
 */
import type { Random } from "../core/clock.js";
import type { ProbeResult } from "../probers/prober.js";
import type { CheckState } from "../registry/ports.js";
import type { CompleteSettings } from "./settings.js";

/** What a check has found so far. */
export interface Progress {
  readonly state: CheckState;
  /** Failures in a row, while the state isn't failing. */
  readonly failures: number;
  /** Passes in a row, while the state is failing. */
  readonly successes: number;
  /** Why the state is what it is. */
  readonly reason: string | undefined;
}

/** Nothing found yet, or nothing that still counts. */
export const PENDING: Progress = { state: "pending", failures: 0, successes: 0, reason: "pending" };

/** The progress after a result. */
export function evaluate(progress: Progress, result: ProbeResult, settings: CompleteSettings): Progress {
  return result.outcome === "fail" ? afterFailure(progress, result, settings) : afterPass(progress, result, settings);
}

/** Milliseconds from the start of the last probe to the start of the next. */
export function nextDelayMs(progress: Progress, settings: CompleteSettings, random: Random): number {
  const counting = progress.failures > 0 || progress.successes > 0;
  const { intervalMs, edgeIntervalMs, unhealthyIntervalMs, jitter } = settings;
  const base = counting ? edgeIntervalMs : progress.state === "failing" ? unhealthyIntervalMs : intervalMs;
  return base * (1 + jitter * (2 * random() - 1));
}

function afterPass(progress: Progress, result: ProbeResult, settings: CompleteSettings): Progress {
  const successes = progress.successes + 1;
  if (progress.state === "failing" && successes < settings.healthyThreshold) return { ...progress, successes };
  const state = result.outcome === "warn" ? "warning" : "passing";
  return { state, failures: 0, successes: 0, reason: result.reason };
}

function afterFailure(progress: Progress, result: ProbeResult, settings: CompleteSettings): Progress {
  const failing: Progress = { state: "failing", failures: 0, successes: 0, reason: result.reason };
  if (progress.state === "pending" || progress.state === "failing") return failing;
  const failures = progress.failures + 1;
  return failures < settings.unhealthyThreshold ? { ...progress, failures } : failing;
}
