/**
 * Fleets against their promises: real processes, stores and network namespaces, or simulated ones under seeded faults.
 *
 *     npm run proof -- fleet                                  the rows with real processes: test/faults/fleet
 *     npm run proof -- fleet crash                            those of one file
 *     npm run proof -- fleet sim [--seed N] [--json]          1,000 fleets of 20 members with 1,000 checks
 *     npm run proof -- fleet sim large [--seed N] [--json]    10 fleets with 100,000 checks
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { type FinishedRun, type RunsOptions, runFleets } from "../sim/fleet/runs.js";
import { textOf, totalsOf } from "../sim/fleet/summary.js";
import type { Arguments } from "./arguments.js";

const USUAL = { runs: 1_000, members: 20, checks: 1_000, seconds: 60 };
const LARGE = { runs: 10, members: 5, checks: 100_000, seconds: 60 };

const ROWS = fileURLToPath(new URL("../faults/fleet/", import.meta.url));

/** Returns whether no promise was broken. */
export async function proveFleet(args: Arguments): Promise<boolean> {
  return args.words.includes("sim") ? simulate(args) : proveRows(args.words);
}

/** Runs the files one after the other. A word is a part of a name of a file. */
function proveRows(words: readonly string[]): boolean {
  const files = readdirSync(ROWS)
    .filter((file) => /\.(test|proof)\.ts$/.test(file))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
  const options = ["--import", "tsx", "--test", "--test-concurrency=1"];
  const run = spawnSync(process.execPath, [...options, ...files.map((file) => `${ROWS}${file}`)], {
    stdio: "inherit",
  });
  return files.length > 0 && run.status === 0;
}

async function simulate({ words, seed = 1, json }: Arguments): Promise<boolean> {
  const isLarge = words.includes("large");
  const processes = isLarge ? 1 : availableParallelism();
  const { runs, ...size } = isLarge ? LARGE : USUAL;
  const finished: FinishedRun[] = [];
  const onRun = (run: FinishedRun) => {
    finished.push(run);
    if (!json && (run.faults.length > 0 || finished.length % 50 === 0 || isLarge)) process.stdout.write(lineOf(run));
  };
  const parts = Array.from({ length: processes }, (_, index): RunsOptions => {
    const from = Math.floor((index * runs) / processes);
    return { ...size, seed: seed + from, runs: Math.floor(((index + 1) * runs) / processes) - from };
  });
  await Promise.all(parts.map((part) => runFleets(part, onRun)));
  const failed = finished.filter(({ faults }) => faults.length > 0);
  const totals = totalsOf(finished.map((run) => run.totals));
  const report = {
    ...{ seed, runs: finished.length, ...size, failed: failed.map((run) => run.seed), totals },
    faults: finished.reduce((sum, { struck }) => sum + Object.values(struck).reduce((one, other) => one + other, 0), 0),
    secondsPerRun: Number((finished.reduce((sum, { seconds }) => sum + seconds, 0) / finished.length).toFixed(2)),
  };
  process.stdout.write(`${JSON.stringify(report, undefined, json ? undefined : 2)}\n`);
  if (!json) process.stdout.write(`${textOf(totals)}\n`);
  return failed.length === 0 && finished.length === runs;
}

function lineOf({ seed, faults, seconds, repeat }: FinishedRun): string {
  if (faults.length === 0) return `seed ${seed}: all promises hold; ${seconds.toFixed(1)} s\n`;
  return `seed ${seed}: ${faults.length} faults; repeat it with: ${repeat}\n${faults.slice(0, 3).join("\n")}\n`;
}
