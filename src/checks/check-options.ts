/**
 * What a check may be told, in one object: its schedule and rules, and what it asks of its prober.
 */
import type { DurationLike } from "../core/duration.js";
import type { Expectation, ProberOptions } from "../probers/options.js";
import type { CheckSettings } from "./settings.js";

/** Options of a check. */
export interface CheckOptions extends Omit<CheckSettings, "maxLatency">, Omit<ProberOptions, "expect"> {
  /** What the answer must be. `maxLatency` is for every scheme: a pass that takes longer is degraded. */
  readonly expect?: (Expectation & { readonly maxLatency?: DurationLike | undefined }) | undefined;
}

/** The options, parted by who obeys them. */
export function partOptions(options: CheckOptions): {
  readonly settings: CheckSettings;
  readonly proberOptions: ProberOptions;
} {
  const { expect: { maxLatency, ...expect } = {}, reuse, maxConnectionAge, headers, tls, ...schedule } = options;
  const isExpecting = Object.values(expect).some((value) => value !== undefined);
  return {
    settings: { ...schedule, maxLatency },
    proberOptions: { expect: isExpecting ? expect : undefined, reuse, maxConnectionAge, headers, tls },
  };
}
