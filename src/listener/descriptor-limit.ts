/**
 * How many connections this process can hold: a share of the file descriptors that the system grants it.
 */
import { readFileSync } from "node:fs";

/** More than any honest crowd of probers. */
const MAX_CONNECTIONS = 16_384;

/** What is left to files, pipes and the probes' own sockets. */
const SHARE = 0.8;

/** 16,384, or 80 % of the limit on open files where that is known and lower. */
export function defaultMaxConnections(limits: string = readLimits()): number {
  const openFiles = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  return Math.min(MAX_CONNECTIONS, Math.floor(openFiles * SHARE));
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return ""; // not Linux: Node raises its soft limit to the hard one, which is high there
  }
}
