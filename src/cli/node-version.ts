/**
 * A warning for a Node that gets no more fixes.
 */
import type { Log } from "../telemetry/log.js";

/** Tells once, at start, where this Node has faults in HTTP/2 that newer ones don't (known fault 0.1). */
export function warnOfOldNode(log: Log, version: string = process.versions.node): void {
  const major = Number(version.split(".")[0]);
  if (major >= 22) return;
  const message = `Node ${version} gets no security fixes any more, some of them in HTTP/2; 22.23 or 24.18 and later are recommended`;
  log.write("warn", "old-node", message, { node: version });
}
