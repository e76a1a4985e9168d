/**
 * Statuses and times in words, as people read them: on badges and on the status page, by the server and by the browser.
 */
import { reasonWords } from "./reasons.js";

const WORDS: Readonly<Record<string, string>> = {
  SERVING: "serving",
  NOT_SERVING: "not serving",
  UNKNOWN: "unknown",
  SERVICE_UNKNOWN: "removed",
};

/** The kinds of a status that people tell apart, the worst first. */
export const SEVERITIES = ["NOT_SERVING", "UNKNOWN", "degraded", "SERVING"] as const;

export type Severity = (typeof SEVERITIES)[number];

/** The words for the status of a service. */
export function statusWords(status: string, isDegraded: boolean): string {
  return status === "SERVING" && isDegraded ? "degraded" : (WORDS[status] ?? status);
}

/** The kind of a status. */
export function severityOf(status: string, isDegraded: boolean): Severity {
  if (status === "SERVING") return isDegraded ? "degraded" : "SERVING";
  return status === "NOT_SERVING" ? "NOT_SERVING" : "UNKNOWN";
}

/** The words for a reason; for one of the application, its code. */
export function reasonText(code: string | undefined): string {
  return code === undefined ? "" : (reasonWords(code) ?? code);
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A time span in at most two units, rounded down: `45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export function spanText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.floor(ms / 1_000))} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < DAY_MS) return twoUnits(ms, { unitMs: HOUR_MS, unit: "h", restMs: MINUTE_MS, rest: "min" });
  return twoUnits(ms, { unitMs: DAY_MS, unit: "d", restMs: HOUR_MS, rest: "h" });
}

interface Units {
  readonly unitMs: number;
  readonly unit: string;
  readonly restMs: number;
  readonly rest: string;
}

function twoUnits(ms: number, { unitMs, unit, restMs, rest }: Units): string {
  const left = Math.floor((ms % unitMs) / restMs);
  return `${Math.floor(ms / unitMs)} ${unit}${left === 0 ? "" : ` ${left} ${rest}`}`;
}

/** A latency: `0.8 ms`, `12 ms`, `1.3 s`. */
export function latencyText(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** A share as a percentage, rounded down: only a service without any outage has 100 %. */
export function percentText(share: number): string {
  return `${Math.floor(share * 10_000) / 100} %`;
}
