/** The processes of this machine. */
import { readdirSync, readFileSync } from "node:fs";

/** Ids of the processes, zombies left out, whose command line has a mark. */
export function findProcesses(mark: string): readonly number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && commandLineOf(pid).includes(mark))
    .map(Number);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has gone meanwhile
  }
}
