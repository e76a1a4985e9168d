/**
 * Simulates fleets in a process of its own: `node --import tsx test/sim/fleet/live.ts SEED RUNS MEMBERS CHECKS SECONDS [HEARTBEATS]`.
 * Writes each run as a line of JSON, and a summary to stderr. node:test adds a hook to every promise, which makes a run take twice as long.
 */
import type { Totals } from "./facts.js";
import { simulateFleet } from "./simulate.js";
import { textOf, totalsOf } from "./summary.js";

const [seed = 1, runs = 1, members = 5, checks = 50, seconds = 300, heartbeats] = process.argv.slice(2).map(Number);

const results: Totals[] = [];
let red = 0;
for (let run = 0; run < runs; run += 1) {
  const startedAt = performance.now();
  const result = await simulateFleet({ seed: seed + run, members, checks, seconds, heartbeats });
  results.push(result.totals);
  red += Number(result.faults.length > 0);
  process.stdout.write(`${JSON.stringify({ ...result, seconds: (performance.now() - startedAt) / 1_000 })}\n`);
}
if (runs > 1)
  process.stderr.write(`${runs} fleets from seed ${seed}, ${red} with faults; ${textOf(totalsOf(results))}\n`);
process.exit(0); // a member that was killed may have left something
