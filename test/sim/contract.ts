/** The settings of a check: random ones, or the defaults of docs/conformance.md, part E. No code of the engine is used. */
import type { CheckSettings } from "../../src/checks/settings.js";
import type { SeededRandom } from "../support/seeded-random.js";

/** Times in milliseconds. */
export interface Contract {
  readonly intervalMs: number;
  readonly edgeMs: number;
  readonly unhealthyMs: number;
  readonly timeoutMs: number;
  /** A share: 0.1 is ± 10 %. */
  readonly jitter: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly staleAfterMs: number;
  readonly critical: boolean;
  readonly initialState: "pending" | "passing" | "failing";
}

export const DEFAULTS: Contract = {
  intervalMs: 10_000,
  edgeMs: 2_000,
  unhealthyMs: 10_000,
  timeoutMs: 2_000,
  jitter: 0.1,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  staleAfterMs: 32_000,
  critical: true,
  initialState: "pending",
};

/** Random settings. */
export function drawContract(random: SeededRandom): Contract {
  const intervalMs = random.pick([2_000, 5_000, 10_000, 30_000]);
  // from one second on, the limit of the stall rule is 500 ms; the stalls of a day are longer or shorter than that
  const timeoutMs = Math.max(1_000, Math.round(random.between(0.1, 0.5) * intervalMs));
  const unhealthyMs = intervalMs * random.pick([1, 1, 2]);
  return {
    intervalMs,
    timeoutMs,
    edgeMs: Math.min(intervalMs, 2_000),
    unhealthyMs,
    jitter: random.pick([0, 0.1, 0.3]),
    unhealthyThreshold: random.pick([1, 2, 3, 5]),
    healthyThreshold: random.pick([1, 2, 4]),
    staleAfterMs: Math.max(3 * unhealthyMs + timeoutMs, 30_000),
    critical: random.pick([true, false]),
    initialState: random.pick(["pending", "passing", "failing"]),
  };
}

/** The same settings for the engine. Those with a default that depends on others are left out. */
export function settingsOf(contract: Contract): CheckSettings {
  return {
    interval: contract.intervalMs,
    timeout: contract.timeoutMs,
    unhealthyInterval: contract.unhealthyMs,
    jitter: contract.jitter,
    unhealthyThreshold: contract.unhealthyThreshold,
    healthyThreshold: contract.healthyThreshold,
    critical: contract.critical,
    initialState: contract.initialState,
  };
}
