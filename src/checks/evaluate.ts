/**
 * Verdict of one check: a pure state machine.          (f = failures in a row, s = successes in a row)
 *
 *               first pass                            pass, s >= healthyThreshold
 *     pending ------------> passing <----------------------------------------------- failing <---- first fail ---- pending
 *        ^                     |                      fail, f >= unhealthyThreshold     ^
 *        |                     +--------------------------------------------------------+
 *        +---- no result for staleAfter (from either side)
 *
 * A warn counts as a pass, and its state is `warning`. The thresholds apply to every kind of failure (in Envoy, they
 * apply to some kinds only).
 *
 * Flapping: a check that has changed more than four times within a minute stays failing until it has passed without a
 * failure for two intervals, and for at least a minute. Each change moves traffic to other targets, which can then fail
 * as well.
 */
import type { Random } from "../core/clock.js";
import { type ProbeResult, warn } from "../probers/prober.js";
import type { CheckState } from "../registry/ports.js";
import type { CompleteSettings } from "./settings.js";

/** Minimum time between the starts of two probes of a check, also when a probe is requested. */
export const MIN_GAP_MS = 250;

/** The state of a check, with all that the next verdict depends on. */
export interface Progress {
  readonly state: CheckState;
  /** Failures in a row while the state is not failing. From the threshold on, the check is held (see `isolation`). */
  readonly failures: number;
  /** Passes in a row while the state is failing. */
  readonly successes: number;
  readonly reason: string | undefined;
  /** The full text of the result that the reason is of. */
  readonly detail: string | undefined;
  /** Monotonic times at which the state has changed to or from failing, within the last minute. */
  readonly changes: readonly number[];
  /** Set by too many changes, until the check passes again. */
  readonly flapping: boolean;
  /** Monotonic time of the last failure. */
  readonly failedAt: number;
}

/** The progress before the first result. */
export const PENDING: Progress = {
  state: "pending",
  failures: 0,
  successes: 0,
  reason: "pending",
  detail: undefined,
  changes: [],
  flapping: false,
  failedAt: Number.NEGATIVE_INFINITY,
};

/** A check with more changes within `FLAPPING_WINDOW_MS` is flapping. */
const MAX_CHANGES = 4;

const FLAPPING_WINDOW_MS = 60_000;

/** The progress after a result at `nowMs`, in monotonic time. */
export function evaluate(progress: Progress, result: ProbeResult, settings: CompleteSettings, nowMs: number): Progress {
  return result.outcome === "fail"
    ? afterFailure(progress, result, settings, nowMs)
    : afterPass(progress, result, settings, nowMs);
}

/** The result, or a warning instead of a pass that took longer than `maxLatencyMs`. */
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
  // most results change nothing: returning the same object saves an allocation
  if (progress.state === state && progress.failures === 0 && progress.reason === result.reason) return progress;
  const { reason, detail } = result;
  const passing: Progress = { ...progress, state, failures: 0, successes: 0, reason, detail };
  if (progress.state !== "failing") return passing;
  const successes = progress.successes + 1;
  if (successes < settings.healthyThreshold) return { ...progress, successes };
  if (!progress.flapping) return { ...passing, changes: withChange(progress, nowMs) };
  const stableMs = Math.max(2 * settings.intervalMs, FLAPPING_WINDOW_MS);
  if (nowMs - progress.failedAt < stableMs) return { ...progress, successes, reason: "flapping", detail: undefined };
  return { ...passing, changes: [], flapping: false };
}

function afterFailure(progress: Progress, result: ProbeResult, settings: CompleteSettings, nowMs: number): Progress {
  const failed: Progress = { ...progress, successes: 0, failedAt: nowMs };
  const { reason, detail } = result;
  const failing: Progress = { ...failed, state: "failing", failures: 0, reason, detail };
  if (progress.state === "pending" || progress.state === "failing") return failing;
  const failures = progress.failures + 1;
  if (failures < settings.unhealthyThreshold) return { ...failed, failures };
  const changes = withChange(progress, nowMs);
  return { ...failing, changes, flapping: changes.length > MAX_CHANGES };
}

/** The changes of the last minute, and one more at `nowMs`. */
function withChange({ changes }: Progress, nowMs: number): readonly number[] {
  return [...changes.filter((at) => nowMs - at <= FLAPPING_WINDOW_MS), nowMs];
}
