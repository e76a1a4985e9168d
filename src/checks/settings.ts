/**
 * The settings of a check: their types, their defaults and their meaning, in one table.
 *
 * The table makes the defaults of the library, the JSON Schema and the documentation of the configuration, and the flags
 * of `healthbridge serve`.
 */
import { type DurationLike, formatDuration } from "../core/duration.js";
import type { CheckState } from "../registry/ports.js";

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
  /** After this time without a result the check is pending again. Default max(3 x interval + timeout, 30s), with unhealthyInterval if that is longer. */
  readonly staleAfter?: DurationLike | undefined;
  /** Whether a failure makes the services that include the check NOT_SERVING; if not, only degraded. Default true. */
  readonly critical?: boolean | undefined;
  /** Whether the startup view waits for the first result of the check. Default true; false for a heartbeat. */
  readonly startup?: boolean | undefined;
  /** The state before the first result: pending, passing or failing. staleAfter ends it. Default pending. */
  readonly initialState?: InitialState | undefined;
  /** Services that the check counts for, in addition to its own. Default none. */
  readonly services?: readonly string[] | undefined;
  /** The heading under which the status page shows the check. Default a prefix of the name that others share. */
  readonly group?: string | undefined;
  /** Only flower+http: after this time, a worker that is offline is forgotten, and its service is cleared. Default 10m. */
  readonly forgetAfter?: DurationLike | undefined;
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
  readonly forgetAfterMs: number;
  readonly services: readonly string[];
  readonly group: string | undefined;
}

export const MIN_STALE_AFTER_MS = 30_000;

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
    defaultText: `max(3 x interval + timeout, ${formatDuration(MIN_STALE_AFTER_MS)}), with unhealthyInterval if that is longer`,
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
  group: {
    type: "text",
    defaultText: "a prefix of the name that others share",
    meaning: "The heading under which the status page shows the check.",
  },
  forgetAfter: {
    type: "duration",
    default: 600_000,
    meaning: "Only flower+http: after this time, a worker that is offline is forgotten, and its service is cleared.",
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
