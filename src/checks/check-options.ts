/**
 * The options of a check in the library: its target, its schedule, its rules and its expectation.
 */
import type { DurationLike } from "../core/duration.js";
import type { Path } from "../core/option-error.js";
import type { CheckFunction } from "../probers/function.js";
import { type Expectation, PROBER_OPTIONS, type ProberOptions } from "../probers/options.js";
import type { CheckSettings } from "./settings.js";

/** What is checked: a URL, a function of the application, or a program with its arguments. */
export type CheckTarget = string | CheckFunction | { readonly exec: readonly string[] };

/** Options of a check. */
export interface CheckOptions extends Omit<CheckSettings, "maxLatency">, Omit<ProberOptions, "expect"> {
  /** What the answer must be. `maxLatency` is for every kind of target: a pass that takes longer is degraded. */
  readonly expect?: (Expectation & { readonly maxLatency?: DurationLike | undefined }) | undefined;
}

/** Options of a heartbeat. */
export interface HeartbeatOptions
  extends Pick<
    CheckOptions,
    | "critical"
    | "startup"
    | "initialState"
    | "services"
    | "unhealthyThreshold"
    | "healthyThreshold"
    | "staleAfter"
    | "group"
  > {
  /** The time within which a report must come. */
  readonly ttl: DurationLike;
  /** The token of a report over HTTP. Without one, only this process can report. */
  readonly token?: string | undefined;
}

/** The isolation rule's own check. */
export interface IsolationOptions {
  /** Something that is reachable whenever our own network works. */
  readonly selfCheck: string | CheckFunction;
  /** How long statuses are held at most. Default 60 s. */
  readonly maxHold?: DurationLike | undefined;
}

/** Separates the settings of the check from the options of its prober. */
export function splitOptions(options: CheckOptions): {
  readonly settings: CheckSettings;
  readonly proberOptions: ProberOptions;
} {
  const { expect: { maxLatency, ...expect } = {}, ...others } = options;
  const settings: [string, unknown][] = [];
  const ofProber: [string, unknown][] = [];
  for (const entry of Object.entries(others)) {
    if (!Object.hasOwn(PROBER_OPTIONS, entry[0])) settings.push(entry);
    else if (entry[1] !== undefined) ofProber.push(entry);
  }
  if (Object.values(expect).some((value) => value !== undefined)) ofProber.push(["expect", expect]);
  return { settings: { ...Object.fromEntries(settings), maxLatency }, proberOptions: Object.fromEntries(ofProber) };
}

/** The options without the one at a path; `undefined` when it is not there. Of a list, the whole list is left out. */
export function withoutOption(options: ProberOptions, [key, inner]: Path): ProberOptions | undefined {
  const value: unknown = Object.entries(options).find(([name]) => name === key)?.[1];
  if (value === undefined) return undefined;
  const isInside =
    typeof inner === "string" && typeof value === "object" && value !== null && Object.hasOwn(value, inner);
  return {
    ...omit(options, String(key)),
    ...(isInside ? { [String(key)]: omit(value, inner) } : {}),
  };
}

function omit(table: object, name: string): object {
  return Object.fromEntries(Object.entries(table).filter(([key]) => key !== name));
}
