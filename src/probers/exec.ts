/** TEMPORARY */
import type { Prober } from "./prober.js";
export function openExec(_command: readonly string[]): Prober {
  throw new Error("not yet");
}
