/**
 * Simulates fleets in a process of its own: `node --import tsx test/sim/fleet/live.ts SEED RUNS MEMBERS CHECKS SECONDS`.
 * Writes each run as a line of JSON. node:test adds a hook to every promise, which makes a run take twice as long.
 */
import { simulateFleet } from "./simulate.js";

const [seed = 1, runs = 1, members = 5, checks = 50, seconds = 300] = process.argv.slice(2).map(Number);

for (let run = 0; run < runs; run += 1) {
  const startedAt = performance.now();
  const result = await simulateFleet({ seed: seed + run, members, checks, seconds });
  process.stdout.write(`${JSON.stringify({ ...result, seconds: (performance.now() - startedAt) / 1_000 })}\n`);
}
process.exit(0); // a member that was killed may have left something
