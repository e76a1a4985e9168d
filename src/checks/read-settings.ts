/**
 * Reads the settings of a check: fills in the defaults of the table in `settings`, and collects the faults.
 */
import { durationAsGiven, parseDuration } from "../core/duration.js";
import type { Path } from "../core/option-error.js";
import {
  CHECK_SETTINGS,
  type CheckSettings,
  type CompleteSettings,
  formatDefault,
  INITIAL_STATES,
  type InitialState,
  MIN_STALE_AFTER_MS,
  SCHEDULE_SETTINGS,
} from "./settings.js";
import type { Violation } from "./violation.js";

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
    forgetAfterMs: reader.duration("forgetAfter", CHECK_SETTINGS.forgetAfter.default),
    maxLatencyMs: reader.duration("maxLatency", Number.POSITIVE_INFINITY),
    services: reader.services(),
    group: reader.group(),
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

  group(): string | undefined {
    const value = this.#given.group;
    if (value === undefined || (typeof value === "string" && GROUP_NAME.test(value))) return value;
    this.refuse("group", "must be a text of 1 to 100 characters on one line");
    return undefined;
  }
}

/** The maximum length of a group's name, and what it must not contain. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
const GROUP_NAME = /^[^\u0000-\u001f\u007f-\u009f]{1,100}$/;

/** A value as an error shows it. A number of a duration is in milliseconds. */
function shownValue(setting: keyof CheckSettings, value: unknown): string {
  if (typeof value === "number" && CHECK_SETTINGS[setting].type === "duration") return durationAsGiven(value);
  return typeof value === "bigint" || typeof value === "number" ? String(value) : JSON.stringify(value);
}
