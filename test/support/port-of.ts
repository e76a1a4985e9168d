/** The port that the system chose for port 0. */
import type { HealthServer } from "../../src/index.js";

export function portOf({ addresses: [first] }: HealthServer): number {
  if (first === undefined || !("port" in first)) throw new Error("the server's first address has no port");
  return first.port;
}
