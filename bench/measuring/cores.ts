/**
 * One core for the measured program, another for everything else: on one core, a bench would measure itself.
 */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { Running } from "../../test/interop/peers.js";

/** The core of the measured program. */
const MEASURED = 0;

/** The core of targets, clients and the bench itself. */
const REST = 1;

/** Pins this process to the second core. */
export function pinBench(): void {
  if (availableParallelism() < 2) throw new Error("a bench needs two cores");
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(REST), String(process.pid)]);
}

/** Starts the measured program on its core. */
export function runMeasured(program: string, args: readonly string[]): Running {
  return pinned(MEASURED, program, args);
}

/** Starts another program on the second core. */
export function runBeside(program: string, args: readonly string[]): Running {
  return pinned(REST, program, args);
}

// taskset replaces itself with the program: the process is the one of the program
function pinned(core: number, program: string, args: readonly string[]): Running {
  return new Running("taskset", ["--cpu-list", String(core), program, ...args]);
}
