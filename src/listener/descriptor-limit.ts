/**
 * The default limit on connections: a share of the limit on open files of this process.
 */
import { readFileSync } from "node:fs";

/** More connections than probers and proxies open. */
const MAX_CONNECTIONS = 16_384;

/** The rest is for files, pipes and the sockets of probes. */
const SHARE = 0.8;

/** 16,384, or 80 % of the limit on open files when that is lower. */
export function defaultMaxConnections(limits: string = readLimits()): number {
  const openFiles = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  return Math.min(MAX_CONNECTIONS, Math.floor(openFiles * SHARE));
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return ""; // not Linux: there, Node raises its soft limit to the hard one, which is high
  }
}
