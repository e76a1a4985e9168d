/** Runs of simulated fleets in a process of its own, one after the other. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { execPath } from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { notOutlive } from "../../support/not-outlive.js";
import type { FleetRun, RunOptions } from "./simulate.js";

const LIVE = fileURLToPath(new URL("./live.ts", import.meta.url));

/** Megabytes: of 100,000 checks, each member has a copy of each vote. */
const HEAP_MB = 12_000;

/** Megabytes: most of what a run allocates is soon garbage. */
const YOUNG_MB = 64;

export interface FinishedRun extends FleetRun {
  /** The time that it took. */
  readonly seconds: number;
  /** The command that repeats it. */
  readonly repeat: string;
}

export interface RunsOptions extends RunOptions {
  /** With `seed` and the seeds after it. */
  readonly runs: number;
}

/** Rejects when a run could not be finished. */
export async function runFleets(options: RunsOptions, onRun: (run: FinishedRun) => void): Promise<void> {
  const { seed, runs, members, checks, seconds, heartbeats = 0 } = options;
  const args = [`--max-old-space-size=${HEAP_MB}`, `--max-semi-space-size=${YOUNG_MB}`, "--import", "tsx", LIVE];
  const child = spawn(execPath, [...args, ...[seed, runs, members, checks, seconds, heartbeats].map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  notOutlive(child, () => child.kill("SIGKILL"));
  const closed = once(child, "close");
  for await (const line of createInterface({ input: child.stdout })) {
    const run: FleetRun & { readonly seconds: number } = JSON.parse(line); // written by live.ts
    const repeat = `SIM_SEED=${run.seed} SIM_MEMBERS=${members} SIM_CHECKS=${checks} SIM_SECONDS=${seconds} SIM_HEARTBEATS=${heartbeats} npm run test:sim -- fleet`;
    onRun({ ...run, repeat });
  }
  const [code] = await closed;
  if (code !== 0) throw new Error(`the simulation of seeds ${seed} to ${seed + runs - 1} ended with ${code}`);
}
