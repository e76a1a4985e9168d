/**
 * Simulates fleets in a process of its own: `node --import tsx test/sim/fleet/live.ts SEED RUNS MEMBERS CHECKS SECONDS`.
 * Writes each run as a line of JSON, and a summary to stderr. node:test adds a hook to every promise, which makes a run take twice as long.
 */
import type { Totals } from "./facts.js";
import { simulateFleet } from "./simulate.js";

const [seed = 1, runs = 1, members = 5, checks = 50, seconds = 300] = process.argv.slice(2).map(Number);

const results: Totals[] = [];
let red = 0;
for (let run = 0; run < runs; run += 1) {
  const startedAt = performance.now();
  const result = await simulateFleet({ seed: seed + run, members, checks, seconds });
  results.push(result.totals);
  red += Number(result.faults.length > 0);
  process.stdout.write(`${JSON.stringify({ ...result, seconds: (performance.now() - startedAt) / 1_000 })}\n`);
}
if (runs > 1) process.stderr.write(`${summaryOf(results)}\n`);
process.exit(0); // a member that was killed may have left something

/** Gaps and duplicates: of them, those that no fault of the store explains. */
function summaryOf(totals: readonly Totals[]): string {
  const sum = (name: keyof Totals) => totals.reduce((total, each) => total + each[name], 0);
  const max = (name: keyof Totals) => secondsOf(Math.max(...totals.map((each) => each[name])));
  const share = (name: keyof Totals) => `${((100 * sum(name)) / sum("dueMs")).toFixed(3)} %`;
  return [
    `${totals.length} fleets from seed ${seed}, ${red} with faults`,
    `${sum("gaps")} gaps, ${share("gapMs")} of what is due, the longest ${max("maxGapMs")} (${max("maxHealthyGapMs")} with a healthy store)`,
    `probes above copies: ${share("duplicateMs")} (${share("healthyDuplicateMs")} with a healthy store)`,
  ].join("; ");
}

function secondsOf(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
