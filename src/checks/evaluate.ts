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
 *
 * Flapping: a check that has changed more than four times within a minute comes back only after it has passed without a
 * failure for two intervals, and a minute at least. Each change moves traffic, and moved traffic is what makes the next
 * target fall.
 */
import type { Random } from "../core/clock.js";
import { type ProbeResult, warn } from "../probers/prober.js";
import type { CheckState } from "../registry/ports.js";
import type { CompleteSettings } from "./settings.js";

/** What a check has found so far. */
export interface Progress {
  readonly state: CheckState;
  /** Failures in a row, while the state isn't failing. At the threshold and above, the check is held (see `isolation`). */
  readonly failures: number;
  /** Passes in a row, while the state is failing. */
  readonly successes: number;
  /** Why the state is what it is. */
  readonly reason: string | undefined;
  /** When the state went from good to failing or back, within the last minute: in monotonic time. */
  readonly changes: readonly number[];
  /** Too many changes: stays so until the check has come back. */
  readonly flapping: boolean;
  /** When the last failure came, in monotonic time. */
  readonly failedAt: number;
}

/** Nothing found yet. */
export const PENDING: Progress = {
  state: "pending",
  failures: 0,
  successes: 0,
  reason: "pending",
  changes: [],
  flapping: false,
  failedAt: Number.NEGATIVE_INFINITY,
};

/** More changes than this within `FLAPPING_WINDOW_MS` are flapping. */
const MAX_CHANGES = 4;

const FLAPPING_WINDOW_MS = 60_000;

/** The progress after a result that came at `nowMs`, in monotonic time. */
export function evaluate(progress: Progress, result: ProbeResult, settings: CompleteSettings, nowMs: number): Progress {
  return result.outcome === "fail"
    ? afterFailure(progress, result, settings, nowMs)
    : afterPass(progress, result, settings, nowMs);
}

/** The result, with a flaw where the pass took longer than it should. */
export function withLatency(result: ProbeResult, latencyMs: number, { maxLatencyMs }: CompleteSettings): ProbeResult {
  if (result.outcome !== "pass" || latencyMs <= maxLatencyMs) return result;
  return { ...result, ...warn("slow", `passed after ${Math.round(latencyMs)} ms; expected within ${maxLatencyMs} ms`) };
}

/** Milliseconds from the start of the last probe to the start of the next. */
export function nextDelayMs(progress: Progress, settings: CompleteSettings, random: Random): number {
  const { state, failures, successes } = progress;
  const { intervalMs, edgeIntervalMs, unhealthyIntervalMs, jitter, unhealthyThreshold, healthyThreshold } = settings;
  const counting = (failures > 0 && failures < unhealthyThreshold) || (successes > 0 && successes < healthyThreshold);
  const base = counting ? edgeIntervalMs : state === "failing" ? unhealthyIntervalMs : intervalMs;
  return base * (1 + jitter * (2 * random() - 1));
}

function afterPass(progress: Progress, result: ProbeResult, settings: CompleteSettings, nowMs: number): Progress {
  const state = result.outcome === "warn" ? "warning" : "passing";
  // most results change nothing: what isn't made needn't be cleared away
  if (progress.state === state && progress.failures === 0 && progress.reason === result.reason) return progress;
  const passing: Progress = { ...progress, state, failures: 0, successes: 0, reason: result.reason };
  if (progress.state !== "failing") return passing;
  const successes = progress.successes + 1;
  if (successes < settings.healthyThreshold) return { ...progress, successes };
  if (!progress.flapping) return { ...passing, changes: withChange(progress, nowMs) };
  const steadyMs = Math.max(2 * settings.intervalMs, FLAPPING_WINDOW_MS);
  if (nowMs - progress.failedAt < steadyMs) return { ...progress, successes, reason: "flapping" };
  return { ...passing, changes: [], flapping: false };
}

function afterFailure(progress: Progress, result: ProbeResult, settings: CompleteSettings, nowMs: number): Progress {
  const failed: Progress = { ...progress, successes: 0, failedAt: nowMs };
  const failing: Progress = { ...failed, state: "failing", failures: 0, reason: result.reason };
  if (progress.state === "pending" || progress.state === "failing") return failing;
  const failures = progress.failures + 1;
  if (failures < settings.unhealthyThreshold) return { ...failed, failures };
  const changes = withChange(progress, nowMs);
  return { ...failing, changes, flapping: changes.length > MAX_CHANGES };
}

/** The changes of the last minute, with the one that happens now. */
function withChange({ changes }: Progress, nowMs: number): readonly number[] {
  return [...changes.filter((at) => nowMs - at <= FLAPPING_WINDOW_MS), nowMs];
}
