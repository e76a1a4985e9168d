/**
 * The history across kill -9, full disks and flipped bits, and what reading a long one costs.
 *
 *     npm run proof -- history [--seed N] [--json]
 */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { killRounds } from "../history/kill-rounds.js";
import type { LoadFigures } from "../history/load-process.js";
import type { Arguments } from "./arguments.js";

const ROUNDS = 200;
const MAX_LIFE_MS = 3_000;

/** Checks, days, and the bound of the memory in megabytes: the default one, and a large one. */
const LOADS = [
  [1_000, 30, 32],
  [10_000, 30, 320],
] as const;

/** Returns whether nothing was lost that must be kept, nothing was invented, and every start succeeded. */
export async function proveHistory({ seed = Math.floor(Math.random() * 2 ** 31), json }: Arguments): Promise<boolean> {
  const kills = { seed, ...(await killRounds(ROUNDS, seed, MAX_LIFE_MS)) };
  const loads = LOADS.map((load) => ({ checks: load[0], memoryMb: load[2], ...measureLoad(load) }));
  process.stdout.write(`${json ? JSON.stringify({ kills, loads }, null, 2) : textOf(kills, loads)}\n`);
  const isWithin = loads.every(({ usedMb, memoryMb, days }) => usedMb <= memoryMb && days >= 29);
  const damaged = runs("hermetic", "telemetry/history-journal");
  const full = runs("faults", "full-disk");
  return kills.problems.length === 0 && kills.rounds === ROUNDS && isWithin && damaged && full;
}

function textOf(kills: object, loads: readonly object[]): string {
  return [kills, ...loads].map((figures) => JSON.stringify(figures)).join("\n");
}

function measureLoad(load: readonly number[]): LoadFigures {
  const file = fileURLToPath(new URL("../history/load-process.ts", import.meta.url));
  const args = ["--expose-gc", "--import", "tsx", file, ...load.map(String)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}

/** Runs the files of a suite, with more trials than usual. */
function runs(suite: string, word: string): boolean {
  const env = { ...process.env, HISTORY_PROOF: "1" };
  const args = ["--import", "tsx", "test/run.ts", suite, word];
  return spawnSync(process.execPath, args, { stdio: "inherit", env }).status === 0;
}
