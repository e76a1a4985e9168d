/**
 * Simulates one day in a process of its own: `node --import tsx test/sim/live.ts SEED TARGETS HOURS KIND`. Writes its
 * progress to stderr, and the result as JSON to stdout.
 *
 * node:test adds a hook to every promise, which makes a day with millions of them take twice as long.
 */
import { simulate } from "./day.js";

const HOURS_A_LINE = 4;

const [seed = "1", targets = "1000", hours = "24", kind = "usual"] = process.argv.slice(2);

const startedAt = performance.now();

const onHour = (hour: number) => {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  if (hour % HOURS_A_LINE === 0)
    process.stderr.write(`${targets} targets, seed ${seed}: ${hour} of ${hours} simulated hours after ${seconds} s\n`);
};

const day = await simulate({
  seed: Number(seed),
  targets: Number(targets),
  hours: Number(hours),
  kind: kind === "any" ? "any" : "usual",
  onHour,
});
process.stdout.write(JSON.stringify(day));
