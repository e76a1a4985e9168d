/**
 * The options of a check in the library: its target, its schedule, its rules and its expectation.
 */
import type { DurationLike } from "../core/duration.js";
import type { CheckFunction } from "../probers/function.js";
import type { Expectation, ProberOptions } from "../probers/options.js";
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
    "critical" | "startup" | "initialState" | "services" | "unhealthyThreshold" | "healthyThreshold" | "staleAfter"
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
  const {
    expect: { maxLatency, ...expect } = {},
    reuse,
    maxConnectionAge,
    user,
    password,
    headers,
    tls,
    authority,
    metadata,
    minWorkers,
    dialogue,
    method,
    body,
    http2,
    followRedirects,
    auth,
    ...settings
  } = options;
  const isExpecting = Object.values(expect).some((value) => value !== undefined);
  return {
    settings: { ...settings, maxLatency },
    proberOptions: {
      expect: isExpecting ? expect : undefined,
      reuse,
      maxConnectionAge,
      user,
      password,
      headers,
      tls,
      authority,
      metadata,
      minWorkers,
      dialogue,
      method,
      body,
      http2,
      followRedirects,
      auth,
    },
  };
}
