/**
 * One core for what is measured, another for all the rest: a bench on one core would measure itself.
 */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { Running } from "../../test/interop/peers.js";

/** The core of what is measured. */
const MEASURED = 0;

/** The core of targets, drivers and the bench itself. */
const REST = 1;

/** Pins this process to the core of the rest. */
export function pinBench(): void {
  if (availableParallelism() < 2) throw new Error("a bench needs two cores");
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(REST), String(process.pid)]);
}

/** Starts what is measured, on a core of its own. */
export function runMeasured(program: string, args: readonly string[]): Running {
  return pinned(MEASURED, program, args);
}

/** Starts a target. */
export function runBeside(program: string, args: readonly string[]): Running {
  return pinned(REST, program, args);
}

// taskset becomes the program, so that the process is the program's own
function pinned(core: number, program: string, args: readonly string[]): Running {
  return new Running("taskset", ["--cpu-list", String(core), program, ...args]);
}
