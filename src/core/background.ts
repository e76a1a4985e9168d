/**
 * Work that nobody waits for.
 *
 * A promise that is let go of and rejects would end the process, and a stranger's request must never be able to do that.
 * So it is handed over here, and what it throws is told on the `fault` channel.
 */
import { publish } from "./channels.js";

/** Lets a promise go. `where` names the work, for whoever reads of its failure. */
export function background(work: Promise<unknown>, instance: string, where: string): void {
  work.catch((error: unknown) => publish("fault", { instance, where, error }));
}
