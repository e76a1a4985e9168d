/**
 * CPU time of a process, all of its threads: user and system, as the kernel accounts for it.
 *
 * On loopback the kernel's work on a packet is done, and accounted for, where the packet is sent: every prober is
 * charged alike, and no figure is that of a real network.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Running } from "../../test/interop/peers.js";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Milliseconds of CPU since the start of a process. It is accurate to a tick, which is 10 ms as a rule. */
export function cpuMs({ process: { pid }, output }: Running): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (cause) {
    throw new Error(`the process has ended: ${output.slice(-2_000)}`, { cause });
  }
  // the name in parentheses may hold anything; after it, user and system time are the 12th and 13th field
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}
