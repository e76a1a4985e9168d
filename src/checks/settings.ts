/**
 * How a check is done: the settings, their defaults, and what they may be.
 */
import { type DurationLike, formatDuration, parseDuration } from "../core/duration.js";
import { HealthError } from "../core/health-error.js";

/** Settings as a caller gives them. Durations are text with a unit, or numbers of milliseconds. */
export interface CheckSettings {
  /** From the start of one probe to the start of the next. Default 10 s. */
  readonly interval?: DurationLike | undefined;
  /** One deadline over DNS, connect, TLS and answer; below `interval`. Default 2 s, or half a shorter interval. */
  readonly timeout?: DurationLike | undefined;
  /** Before the first probe. Default 0. */
  readonly initialDelay?: DurationLike | undefined;
  /** How far an interval varies, as a share of it: 0 to 1. Default 0.1. */
  readonly jitter?: number | undefined;
  /** Failures in a row that turn passing to failing. Default 3. */
  readonly unhealthyThreshold?: number | undefined;
  /** Passes in a row that turn failing to passing. Default 2. The very first result decides at once. */
  readonly healthyThreshold?: number | undefined;
  /** The interval while a threshold is being counted. Default 2 s, or `interval` where that is less. */
  readonly edgeInterval?: DurationLike | undefined;
  /** The interval while failing. Default `interval`. */
  readonly unhealthyInterval?: DurationLike | undefined;
  /** Whether its failure makes its services NOT_SERVING, rather than degraded. Default true. */
  readonly critical?: boolean | undefined;
  /**
   * With no result for so long the check is `pending` again. Default max(3 x interval + timeout, 30 s), reckoned from
   * `unhealthyInterval` where that is the longer one.
   */
  readonly staleAfter?: DurationLike | undefined;
  /** A pass that takes longer is a `warn`, so that its services are degraded. Default: none does. */
  readonly maxLatency?: DurationLike | undefined;
  /** Services that the check counts for, beside its own name. Default none. */
  readonly services?: readonly string[] | undefined;
}

/** Settings with nothing left out, in milliseconds. */
export interface CompleteSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly initialDelayMs: number;
  readonly jitter: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly edgeIntervalMs: number;
  readonly unhealthyIntervalMs: number;
  readonly critical: boolean;
  readonly staleAfterMs: number;
  readonly maxLatencyMs: number;
  readonly services: readonly string[];
}

const DEFAULT_INTERVAL_MS = 10_000;
const DEFAULT_TIMEOUT_MS = 2_000;
const DEFAULT_EDGE_INTERVAL_MS = 2_000;
const MIN_STALE_AFTER_MS = 30_000;
const DEFAULT_JITTER = 0.1;
const DEFAULT_UNHEALTHY_THRESHOLD = 3;
const DEFAULT_HEALTHY_THRESHOLD = 2;

/** What is wrong with one setting. */
export interface SettingFault {
  readonly setting: keyof CheckSettings;
  /** Worded to follow the setting's name. */
  readonly text: string;
}

/**
 * Fills the defaults in.
 * @throws HealthError INVALID_OPTION naming the check and the settings
 */
export function completeSettings(check: string, given: CheckSettings): CompleteSettings {
  const { settings, faults } = readSettings(given);
  if (faults.length === 0) return settings;
  const texts = faults.map(({ setting, text }) => `checks.${check}.${setting} ${text}`);
  throw new HealthError("INVALID_OPTION", texts.join("; "));
}

/** Fills the defaults in, and tells everything that is wrong: a setting with a fault has its default then. */
export function readSettings(given: CheckSettings): {
  readonly settings: CompleteSettings;
  readonly faults: readonly SettingFault[];
} {
  const faults: SettingFault[] = [];
  const blame = (setting: keyof CheckSettings, expected: string) =>
    faults.push({ setting, text: `${expected}; got ${JSON.stringify(given[setting])}` });
  const durationOf = (setting: keyof CheckSettings, fallbackMs: number, leastMs = 1): number => {
    const value = given[setting];
    const ms = value === undefined ? fallbackMs : parseDuration(value);
    if (ms !== undefined && ms >= leastMs) return ms;
    blame(setting, `must be a duration${leastMs > 0 ? " above zero" : ""}, such as 5s, 500ms or 1m`);
    return fallbackMs;
  };
  const countOf = (setting: "unhealthyThreshold" | "healthyThreshold", fallback: number): number => {
    const value = given[setting] ?? fallback;
    if (!(Number.isInteger(value) && value >= 1)) blame(setting, "must be a whole number from 1 on");
    return value;
  };
  const intervalMs = durationOf("interval", DEFAULT_INTERVAL_MS);
  const timeoutMs = durationOf("timeout", Math.min(DEFAULT_TIMEOUT_MS, intervalMs / 2));
  if (timeoutMs >= intervalMs) blame("timeout", `must be below the interval of ${formatDuration(intervalMs)}`);
  const unhealthyIntervalMs = durationOf("unhealthyInterval", intervalMs);
  // longer than any gap between two results that is to be expected, or a failing check would be forgotten between them
  const longestMs = 3 * Math.max(intervalMs, unhealthyIntervalMs) + timeoutMs;
  const { jitter = DEFAULT_JITTER, critical = true, services = [] } = given;
  // the types say so already, for callers who have them: "no" is not false, and a string would be taken apart
  if (!(typeof jitter === "number" && jitter >= 0 && jitter <= 1)) blame("jitter", "must be a share from 0 to 1");
  if (typeof critical !== "boolean") blame("critical", "must be true or false");
  if (!Array.isArray(services)) blame("services", "must be a list of names");
  const settings = Object.freeze({
    intervalMs,
    timeoutMs,
    initialDelayMs: durationOf("initialDelay", 0, 0),
    jitter,
    unhealthyThreshold: countOf("unhealthyThreshold", DEFAULT_UNHEALTHY_THRESHOLD),
    healthyThreshold: countOf("healthyThreshold", DEFAULT_HEALTHY_THRESHOLD),
    edgeIntervalMs: durationOf("edgeInterval", Math.min(DEFAULT_EDGE_INTERVAL_MS, intervalMs)),
    unhealthyIntervalMs,
    critical,
    staleAfterMs: durationOf("staleAfter", Math.max(longestMs, MIN_STALE_AFTER_MS)),
    maxLatencyMs: durationOf("maxLatency", Number.POSITIVE_INFINITY),
    services,
  });
  return { settings, faults };
}
