/** Time in which a thread could have run, and waited for a processor: that is the time of other processes. */
import { readFileSync } from "node:fs";

/** Milliseconds of waiting of the main thread of a process, which is its event loop. Zero when it has ended. */
export function waitedMs(pid: number | "self" = "self"): number {
  try {
    // proc_pid_schedstat(5) has nanoseconds: those on a processor, and those of waiting for one
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
