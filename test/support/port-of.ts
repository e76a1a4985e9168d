/** The port that a server took where 0 was asked for. */
import type { HealthServer } from "../../src/index.js";

export function portOf({ addresses: [first] }: HealthServer): number {
  if (first === undefined || !("port" in first)) throw new Error("the server's first address has no port");
  return first.port;
}
