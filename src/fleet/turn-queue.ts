/**
 * Long work of a fleet, one after the other: so it takes one turn of the event loop at a time, however much is to be done.
 *
 *     renewal ### ### ### --> assignment ### ### --> cells that were read ###        while they wait, what is due is served
 */
import type { Clock } from "../core/clock.js";
import { runInTurns, type Steps } from "../core/turns.js";

export class TurnQueue {
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the steps when all work before has ended. Rejects with the reason of the signal when it is aborted. */
  run<Result>(steps: Steps<Result>, signal: AbortSignal): Promise<Result> {
    const result = this.#last.then(() => {
      signal.throwIfAborted();
      return runInTurns(steps, this.#clock, signal);
    });
    this.#last = result.catch(() => {});
    return result;
  }

  /** The same for work that may be left undone: it resolves when the signal is aborted. */
  async runUntilAborted(steps: Steps<unknown>, signal: AbortSignal): Promise<void> {
    try {
      await this.run(steps, signal);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
    }
  }
}
