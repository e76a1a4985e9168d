/** Memory of a process. */
import { readFileSync } from "node:fs";
import type { Running } from "../../test/interop/peers.js";

/** Resident memory now, in MB. */
export function rssMb({ process: { pid } }: Running): number {
  const [, kib] = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB$/m) ?? [];
  return (Number(kib) * 1024) / 1e6;
}
