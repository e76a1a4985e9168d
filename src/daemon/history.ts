/**
 * The history of a `Health`: what its registry and its probes report.
 *
 *     registry --transition--> TransitionHistory   the last ones, for `/events`
 *              '-------------> ServiceHistory      how long each service had each status, for `/history`
 *     channel `probe` -------> ServiceHistory      latencies
 */
import { subscribe } from "../core/channels.js";
import type { Clock, Random } from "../core/clock.js";
import { type DurationLike, durationAsGiven, parseDuration } from "../core/duration.js";
import { HealthError } from "../core/health-error.js";
import { HISTORY_LIMITS, requireKnownOptions, wholeNumber } from "../core/option.js";
import type { Registry } from "../registry/registry.js";
import { ServiceHistory } from "../telemetry/history/service-history.js";
import { createEpoch, TransitionHistory } from "../telemetry/history/transition-history.js";

/** Options of the history. */
export interface HistoryOptions {
  /** Megabytes that the history of all services may use, from 1 to 4096. The oldest days are dropped first. Default 32. */
  readonly memoryMb?: number | undefined;
  /** How long buckets of an hour are kept, from 1 day to 90 days. Default 30 days. */
  readonly retain?: DurationLike | undefined;
}

export interface History {
  readonly transitions: TransitionHistory;
  readonly services: ServiceHistory;
  close(): void;
}

interface HistorySources {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Starts a history. With `true`, every option has its default.
 * @throws HealthError INVALID_OPTION
 */
export function createHistory(options: true | HistoryOptions, { registry, clock, random }: HistorySources): History {
  const limits = limitsOf(options === true ? {} : options);
  const transitions = new TransitionHistory(createEpoch(clock, random));
  const services = new ServiceHistory({ clock, ...limits });
  for (const [name, { status, reason }] of registry.services()) services.setStatus(name, status, reason);
  const unsubscribes = [
    registry.onTransition((transition) => {
      transitions.add(transition);
      services.add(transition);
    }),
    subscribe("probe", ({ instance, check, outcome, latencyMs }) => {
      // the latency of a failure is that of an error, or the timeout
      if (instance === registry.instance && outcome !== "fail") services.addLatency(check, latencyMs);
    }),
  ];
  const close = () => {
    services.close();
    for (const unsubscribe of unsubscribes) unsubscribe();
  };
  return { transitions, services, close };
}

function limitsOf(options: HistoryOptions): { readonly maxBytes: number; readonly retainMs: number } {
  if (typeof options !== "object" || options === null)
    throw new HealthError("INVALID_OPTION", "history must be true, false or { memoryMb, retain }");
  requireKnownOptions("history", options, ["memoryMb", "retain"]);
  const { defaultMemoryMb, maxMemoryMb, defaultRetainMs, minRetainMs, maxRetainMs } = HISTORY_LIMITS;
  const memoryMb = wholeNumber("history.memoryMb", options.memoryMb, defaultMemoryMb, maxMemoryMb);
  const retainMs = options.retain === undefined ? defaultRetainMs : parseDuration(options.retain);
  if (retainMs === undefined || retainMs < minRetainMs || retainMs > maxRetainMs) {
    const given = durationAsGiven(options.retain);
    throw new HealthError("INVALID_OPTION", `history.retain must be a duration from 1d to 90d; got ${given}`);
  }
  return { maxBytes: memoryMb * 1_048_576, retainMs };
}
