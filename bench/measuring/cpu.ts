/**
 * CPU time of a process with all of its threads, user and system, from the kernel.
 *
 * On loopback, the kernel charges its work on a packet to the sender. This is the same for all contenders, but differs
 * from a real network.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Running } from "../../test/interop/peers.js";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Milliseconds of CPU since the start of a process, accurate to a tick of usually 10 ms. */
export function cpuMs({ process: { pid }, output }: Running): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (cause) {
    throw new Error(`the process has ended: ${output.slice(-2_000)}`, { cause });
  }
  // the name in parentheses may hold any character; after it, user and system time are the 12th and 13th field
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}
