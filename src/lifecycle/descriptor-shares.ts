/**
 * The shares of the file descriptors of this process: how many each part may use.
 *
 *     limit on open files = this process: Node, files, the log | clients | probes: connections, programs | name lookups,
 *                                                                                                       further attempts
 *
 * The shares are disjoint, so probes never take the descriptors with which clients are answered, and clients never those
 * with which targets are checked.
 *
 * They are the shares of a process with one `Health` and one listener, as `serve` is. An application with several sets
 * `maxConnections` of each listener.
 */
import { readFileSync } from "node:fs";

/** Maximum numbers of what needs descriptors. */
export interface DescriptorShares {
  /** For connections of clients, over all addresses of a listener. */
  readonly connections: number;
  /** Connections to targets, and pipes to programs. */
  readonly probes: number;
  /** Name lookups that run at the same time. */
  readonly lookups: number;
  /** Attempts to connect to further addresses of targets, beside the one of the probe. */
  readonly attempts: number;
}

/** Node has 20 of them open, and the listeners, the watched files and the log a few more. */
const OWN_DESCRIPTORS = 32;

/** More than proxies and monitoring open. */
const MAX_CONNECTIONS = 16_384;

/** As many lookups as probes run at the same time. */
const MAX_LOOKUPS = 256;

/** Connection attempts to targets with several addresses, beside the first one of each probe. */
const MAX_ATTEMPTS = 256;

/** A lookup needs a socket for each family of addresses. */
const DESCRIPTORS_PER_LOOKUP = 2;

/** A lower limit is taken as this one: with less, nothing would work. */
const MIN_SHARED = 12;

/** The shares by the limit on open files: two thirds for clients, up to 16,384, and the rest for probes. */
export function descriptorShares(limits: string = readLimits()): DescriptorShares {
  const openFiles = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.MAX_SAFE_INTEGER);
  const shared = Math.max(MIN_SHARED, openFiles - OWN_DESCRIPTORS);
  const connections = Math.min(MAX_CONNECTIONS, Math.floor((shared * 2) / 3));
  const others = shared - connections;
  const lookups = Math.min(MAX_LOOKUPS, Math.max(1, Math.floor(others / 8)));
  // with none, an attempt ends for the next one: with few descriptors, places of probes are worth more
  const attempts = Math.min(MAX_ATTEMPTS, Math.floor(others / 16));
  return { connections, probes: others - lookups * DESCRIPTORS_PER_LOOKUP - attempts, lookups, attempts };
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return ""; // not Linux: there, Node raises its soft limit to the hard one, which is high
  }
}
