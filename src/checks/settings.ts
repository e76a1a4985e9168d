/**
 * The settings of a check: their types, their defaults and their meaning, in one table.
 *
 * The table makes the defaults of the library, the JSON Schema and the documentation of the configuration, and the flags
 * of `healthbridge serve`.
 */
import { type DurationLike, durationAsGiven, formatDuration, parseDuration } from "../core/duration.js";
import type { CheckState } from "../registry/ports.js";
import { type Path, throwViolations, type Violation } from "./violation.js";

/** States that a check can have before its first result. */
export const INITIAL_STATES = ["pending", "passing", "failing"] as const satisfies readonly CheckState[];

export type InitialState = (typeof INITIAL_STATES)[number];

/** One row of a table of settings. */
export interface Setting {
  readonly type: "duration" | "count" | "share" | "switch" | "text" | "texts" | "engine" | "initial-state";
  /** Sentences for the documentation, the JSON Schema and the help. */
  readonly meaning: string;
  /** A duration is in milliseconds. */
  readonly default?: number | boolean | string | readonly string[];
  /** The default in words, where it depends on other settings. */
  readonly defaultText?: string;
  /** The flag of `serve`, and what the help calls its value. A share is given in percent there. */
  readonly flag?: { readonly name: string; readonly value: string };
  /** A reload cannot apply a change. */
  readonly restart?: true;
}

/** Settings as a caller gives them. Durations are text with a unit, or numbers of milliseconds. */
export interface CheckSettings {
  /** The time from the start of one probe to the start of the next. Default 10s. */
  readonly interval?: DurationLike | undefined;
  /** One deadline over DNS, connect, TLS and answer; below interval. Default 2s, or half of a shorter interval. */
  readonly timeout?: DurationLike | undefined;
  /** The time before the first probe. Default 0s. */
  readonly initialDelay?: DurationLike | undefined;
  /** How far an interval varies, as a share of it. Default 0.1. */
  readonly jitter?: number | undefined;
  /** Failures in a row that turn passing to failing. Default 3. */
  readonly unhealthyThreshold?: number | undefined;
  /** Passes in a row that turn failing to passing; the very first result decides at once. Default 2. */
  readonly healthyThreshold?: number | undefined;
  /** The interval while a threshold is being counted. Default 2s, or interval where that is shorter. */
  readonly edgeInterval?: DurationLike | undefined;
  /** The interval while failing. Default interval. */
  readonly unhealthyInterval?: DurationLike | undefined;
  /** After this time without a result the check is pending again. Default max(3 x interval + timeout, 30s). */
  readonly staleAfter?: DurationLike | undefined;
  /** Whether a failure makes the services that include the check NOT_SERVING; if not, only degraded. Default true. */
  readonly critical?: boolean | undefined;
  /** Whether the startup view waits for the first result of the check. Default true; false for a heartbeat. */
  readonly startup?: boolean | undefined;
  /** The state before the first result: pending, passing or failing. staleAfter ends it. Default pending. */
  readonly initialState?: InitialState | undefined;
  /** Services that the check counts for, in addition to its own. Default none. */
  readonly services?: readonly string[] | undefined;
  /** A pass that takes longer makes the services of the check degraded. Default no limit. */
  readonly maxLatency?: DurationLike | undefined;
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
  readonly startup: boolean;
  readonly initialState: InitialState;
  readonly staleAfterMs: number;
  readonly maxLatencyMs: number;
  readonly services: readonly string[];
}

const MIN_STALE_AFTER_MS = 30_000;

/** When a check is probed, and how its results are counted. The configuration has `defaults` for them. */
export const SCHEDULE_SETTINGS = {
  interval: {
    type: "duration",
    default: 10_000,
    meaning: "The time from the start of one probe to the start of the next.",
    flag: { name: "interval", value: "TIME" },
  },
  timeout: {
    type: "duration",
    default: 2_000,
    defaultText: "2s, or half of a shorter interval",
    meaning: "One deadline over DNS, connect, TLS and answer; below interval.",
    flag: { name: "timeout", value: "TIME" },
  },
  initialDelay: { type: "duration", default: 0, meaning: "The time before the first probe." },
  jitter: {
    type: "share",
    default: 0.1,
    meaning: "How far an interval varies, as a share of it.",
    flag: { name: "jitter", value: "PERCENT" },
  },
  unhealthyThreshold: {
    type: "count",
    default: 3,
    meaning: "Failures in a row that turn passing to failing.",
    flag: { name: "unhealthy-threshold", value: "N" },
  },
  healthyThreshold: {
    type: "count",
    default: 2,
    meaning: "Passes in a row that turn failing to passing; the very first result decides at once.",
    flag: { name: "healthy-threshold", value: "N" },
  },
  edgeInterval: {
    type: "duration",
    default: 2_000,
    defaultText: "2s, or interval where that is shorter",
    meaning: "The interval while a threshold is being counted.",
  },
  unhealthyInterval: { type: "duration", defaultText: "interval", meaning: "The interval while failing." },
  staleAfter: {
    type: "duration",
    defaultText: `max(3 x interval + timeout, ${formatDuration(MIN_STALE_AFTER_MS)})`,
    meaning: "After this time without a result the check is pending again.",
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** All settings of a check. */
export const CHECK_SETTINGS = {
  ...SCHEDULE_SETTINGS,
  critical: {
    type: "switch",
    default: true,
    meaning: "Whether a failure makes the services that include the check NOT_SERVING; if not, only degraded.",
  },
  startup: {
    type: "switch",
    default: true,
    defaultText: "true; false for a heartbeat",
    meaning: "Whether the startup view waits for the first result of the check.",
  },
  initialState: {
    type: "initial-state",
    default: "pending",
    meaning: "The state before the first result: pending, passing or failing. staleAfter ends it.",
  },
  services: {
    type: "texts",
    default: [],
    meaning: "Services that the check counts for, in addition to its own.",
  },
  maxLatency: {
    type: "duration",
    defaultText: "no limit",
    meaning: "A pass that takes longer makes the services of the check degraded.",
  },
} as const satisfies Readonly<Record<keyof CheckSettings, Setting>>;

/** The default of a setting as people read it; `undefined` where there is none. */
export function formatDefault({ type, default: value, defaultText }: Setting): string | undefined {
  if (defaultText !== undefined || value === undefined) return defaultText;
  if (type === "duration") return value === 0 ? "0s" : formatDuration(Number(value));
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(" and ");
  return String(value);
}

/** What is wrong with one setting. */
export interface SettingFault {
  readonly setting: keyof CheckSettings;
  /** Follows the name of the setting and a colon. */
  readonly text: string;
  /** The setting that `text` ends with, and its value in words. */
  readonly limit?: { readonly setting: keyof CheckSettings; readonly value: string };
}

/** The violation of a fault. `path` leads to the settings. */
export function violationOf({ setting, text, limit }: SettingFault, path: Path): Violation {
  const bound = limit && { path: [...path, limit.setting], value: limit.value };
  return { code: "INVALID_OPTION", path: [...path, setting], text, limit: bound };
}

/**
 * Fills in the defaults.
 * @throws HealthError INVALID_OPTION with the check, and every setting that is wrong
 */
export function completeSettings(check: string, given: CheckSettings): CompleteSettings {
  const { settings, faults } = readSettings(given);
  throwViolations(faults.map((fault) => violationOf(fault, ["checks", check])));
  return settings;
}

/** Fills in the defaults, also in place of settings that are wrong; `faults` has each of those. */
export function readSettings(given: CheckSettings): {
  readonly settings: CompleteSettings;
  readonly faults: readonly SettingFault[];
} {
  const reader = new SettingsReader(given);
  const intervalMs = reader.duration("interval", SCHEDULE_SETTINGS.interval.default);
  const timeoutMs = reader.duration("timeout", Math.min(SCHEDULE_SETTINGS.timeout.default, intervalMs / 2));
  if (timeoutMs >= intervalMs) reader.refuseNotBelow("timeout", "interval");
  const unhealthyIntervalMs = reader.duration("unhealthyInterval", intervalMs);
  // longer than the longest gap between two results: a failing check must not become pending between them
  const longestMs = 3 * Math.max(intervalMs, unhealthyIntervalMs) + timeoutMs;
  const settings = Object.freeze({
    intervalMs,
    timeoutMs,
    initialDelayMs: reader.duration("initialDelay", SCHEDULE_SETTINGS.initialDelay.default, 0),
    jitter: reader.share("jitter"),
    unhealthyThreshold: reader.count("unhealthyThreshold"),
    healthyThreshold: reader.count("healthyThreshold"),
    edgeIntervalMs: reader.duration("edgeInterval", Math.min(SCHEDULE_SETTINGS.edgeInterval.default, intervalMs)),
    unhealthyIntervalMs,
    critical: reader.switchValue("critical"),
    startup: reader.switchValue("startup"),
    initialState: reader.initialState(),
    staleAfterMs: reader.duration("staleAfter", Math.max(longestMs, MIN_STALE_AFTER_MS)),
    maxLatencyMs: reader.duration("maxLatency", Number.POSITIVE_INFINITY),
    services: reader.services(),
  });
  return { settings, faults: reader.faults };
}

/** Reads one setting after the other. The types are checked too: callers may have none. */
class SettingsReader {
  readonly faults: SettingFault[] = [];
  readonly #given: CheckSettings;

  constructor(given: CheckSettings) {
    this.#given = given;
  }

  refuse(setting: keyof CheckSettings, expected: string): void {
    this.faults.push({ setting, text: `${expected}; got ${shownValue(setting, this.#given[setting])}` });
  }

  /** Refuses a duration that is not below another one. */
  refuseNotBelow(setting: "timeout", limit: "interval"): void {
    const value = this.#given[limit];
    const shown = value === undefined ? `default ${formatDefault(CHECK_SETTINGS[limit])}` : durationAsGiven(value);
    this.faults.push({
      setting,
      text: `${durationAsGiven(this.#given[setting])} must be below`,
      limit: { setting: limit, value: shown },
    });
  }

  duration(setting: keyof CheckSettings, defaultMs: number, minMs = 1): number {
    const value = this.#given[setting];
    if (value === undefined) return defaultMs;
    const ms = parseDuration(value);
    if (ms !== undefined && ms >= minMs) return ms;
    this.refuse(setting, `must be a duration${minMs > 0 ? " above zero" : ""}, such as 5s, 500ms or 1m`);
    return defaultMs;
  }

  count(setting: "unhealthyThreshold" | "healthyThreshold"): number {
    const value = this.#given[setting] ?? SCHEDULE_SETTINGS[setting].default;
    if (Number.isInteger(value) && value >= 1) return value;
    this.refuse(setting, "must be a whole number from 1 on");
    return SCHEDULE_SETTINGS[setting].default;
  }

  share(setting: "jitter"): number {
    const value = this.#given[setting] ?? SCHEDULE_SETTINGS[setting].default;
    if (typeof value === "number" && value >= 0 && value <= 1) return value;
    this.refuse(setting, "must be a share from 0 to 1");
    return SCHEDULE_SETTINGS[setting].default;
  }

  switchValue(setting: "critical" | "startup"): boolean {
    const value = this.#given[setting] ?? CHECK_SETTINGS[setting].default;
    if (typeof value === "boolean") return value;
    this.refuse(setting, "must be true or false");
    return CHECK_SETTINGS[setting].default;
  }

  initialState(): InitialState {
    const value = this.#given.initialState ?? CHECK_SETTINGS.initialState.default;
    if (INITIAL_STATES.includes(value)) return value;
    this.refuse("initialState", `must be ${INITIAL_STATES.join(", ").replace(/, (\w+)$/, " or $1")}`);
    return CHECK_SETTINGS.initialState.default;
  }

  services(): readonly string[] {
    const value = this.#given.services ?? CHECK_SETTINGS.services.default;
    if (Array.isArray(value)) return value;
    this.refuse("services", "must be a list of names");
    return CHECK_SETTINGS.services.default;
  }
}

/** A value as an error shows it. A number of a duration is in milliseconds. */
function shownValue(setting: keyof CheckSettings, value: unknown): string {
  if (typeof value === "number" && CHECK_SETTINGS[setting].type === "duration") return durationAsGiven(value);
  return typeof value === "bigint" || typeof value === "number" ? String(value) : JSON.stringify(value);
}
