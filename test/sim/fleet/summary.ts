/** What many simulated fleets have in common: sums of their totals, and the longest gaps. */
import type { Totals } from "./facts.js";

/** The sum of each total; of the longest gaps, the longest one. */
export function totalsOf(all: readonly Totals[]): Totals {
  return all.reduce(plus);
}

/** For people: gaps, and probes above `copies`. */
export function textOf(totals: Totals): string {
  const share = (ms: number) => `${((100 * ms) / totals.dueMs).toFixed(3)} %`;
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return [
    `${totals.gaps} gaps, ${share(totals.gapMs)} of what is due, the longest ${seconds(totals.maxGapMs)} (${seconds(totals.maxHealthyGapMs)} with a healthy store)`,
    `probes above copies: ${share(totals.duplicateMs)} (${share(totals.healthyDuplicateMs)} with a healthy store)`,
    `${totals.handOvers} hand-overs, ${seconds(totals.handOverMs)} of double probes`,
  ].join("; ");
}

function plus(one: Totals, other: Totals): Totals {
  const sum = { ...one };
  for (const name of Object.keys(sum) as (keyof Totals)[]) sum[name] = added(name, one[name], other[name]); // it has no others
  return sum;
}

function added(name: keyof Totals, one: number, other: number): number {
  return name === "maxGapMs" || name === "maxHealthyGapMs" ? Math.max(one, other) : one + other;
}
