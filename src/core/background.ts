/**
 * Promises and the life of the process.
 *
 *     background(work)   no caller awaits it   its failure is published and never ends the process
 *     keepAlive(work)    a caller awaits it    the process stays alive until it settles
 *
 * Node ends a process when only promises and unref'd timers are left, with exit code 13 if a module still awaits one of
 * them. All timers of a `Clock` are unref'd, so a promise that waits for one of them needs `keepAlive`.
 */
import { publish } from "./channels.js";
import { MAX_TIMER_MS } from "./option.js";

/** Publishes the failure of a promise on the `fault` channel. `where` names the work in the message. */
export function background(work: Promise<unknown>, instance: string, where: string): void {
  work.catch((error: unknown) => publish("fault", { instance, where, error }));
}

/** The same promise; the process does not end before it settles. */
export async function keepAlive<Value>(work: Promise<Value>): Promise<Value> {
  const timer = setTimeout(() => {}, MAX_TIMER_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
