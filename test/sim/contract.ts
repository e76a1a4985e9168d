/** What a check promises: random settings, or the defaults of docs/conformance.md, part E. The engine's own code is not used. */
import type { CheckSettings } from "../../src/checks/settings.js";
import type { SeededRandom } from "../support/seeded-random.js";

/** The settings of a check that decide when its target is looked at, and what follows. Times in milliseconds. */
export interface Contract {
  readonly intervalMs: number;
  readonly edgeMs: number;
  readonly unhealthyMs: number;
  readonly timeoutMs: number;
  /** A share: 0.1 is ± 10 %. */
  readonly jitter: number;
  /** So many failures in a row are a fall. */
  readonly fall: number;
  /** So many passes in a row are a return. */
  readonly rise: number;
  readonly staleAfterMs: number;
}

/** The usual settings. */
export const USUAL: Contract = {
  intervalMs: 10_000,
  edgeMs: 2_000,
  unhealthyMs: 10_000,
  timeoutMs: 2_000,
  jitter: 0.1,
  fall: 3,
  rise: 2,
  staleAfterMs: 32_000,
};

/** Settings that somebody might choose. */
export function drawContract(random: SeededRandom): Contract {
  const intervalMs = random.pick([2_000, 5_000, 10_000, 30_000]);
  // from a second on, a probe is spoilt by a stall of 500 ms, which the stalls of a day are longer or shorter than
  const timeoutMs = Math.max(1_000, Math.round(random.between(0.1, 0.5) * intervalMs));
  const unhealthyMs = intervalMs * random.pick([1, 1, 2]);
  return {
    intervalMs,
    timeoutMs,
    edgeMs: Math.min(intervalMs, 2_000),
    unhealthyMs,
    jitter: random.pick([0, 0.1, 0.3]),
    fall: random.pick([1, 2, 3, 5]),
    rise: random.pick([1, 2, 4]),
    staleAfterMs: Math.max(3 * unhealthyMs + timeoutMs, 30_000),
  };
}

/** The same in the words of the configuration. What follows from other settings by default is left to the engine. */
export function settingsOf(contract: Contract): CheckSettings {
  return {
    interval: contract.intervalMs,
    timeout: contract.timeoutMs,
    unhealthyInterval: contract.unhealthyMs,
    jitter: contract.jitter,
    unhealthyThreshold: contract.fall,
    healthyThreshold: contract.rise,
  };
}
