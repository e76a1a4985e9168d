/**
 * How much memory V8 takes for what was made just now.
 *
 * It grows that space, up to 48 MB, whenever much of it survives, as when thousands of watchers connect, and keeps it.
 * A sidecar has more use for the memory: at 4,000 watchers on as many connections it is 6 KB less for each. Whoever probes
 * much has more use for the time: with a small space, 8,000 probes a second cost 6 % more of it.
 */
import { setFlagsFromString } from "node:v8";

/** With so many checks at most, probing is not what the process does. */
const FEW_CHECKS = 100;

/** Sets it for a process with so many checks; at the start, before there is much to keep. */
export function fitYoungGeneration(checks: number): void {
  if (checks <= FEW_CHECKS) setFlagsFromString("--semi-space-growth-factor=1");
}
