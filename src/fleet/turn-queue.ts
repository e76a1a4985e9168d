/**
 * Long work of a fleet, one after the other: so it takes one turn of the event loop at a time, however much is to be done.
 *
 *     renewal ### ### ### --> assignment ### ### --> cells that were read ###        while they wait, what is due is served
 *
 * What is decided in one turn is published together, at its end: so the server as a whole has one status for it, not one for
 * each check.
 */
import type { Clock } from "../core/clock.js";
import { runInTurns, type Steps } from "../core/turns.js";

/** Of work that goes before all other. */
const URGENT_TURN_MS = 20;

/** Runs what one turn does, and publishes what follows from it. */
type Publish = <Done>(turn: () => Done) => Done;

export class TurnQueue {
  readonly #clock: Clock;
  readonly #publish: Publish;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, publish: Publish) {
    this.#clock = clock;
    this.#publish = publish;
  }

  /** Runs the steps when all work before has ended. Rejects with the reason of the signal when it is aborted. */
  run<Result>(steps: Steps<Result>, signal: AbortSignal): Promise<Result> {
    const result = this.#last.then(() => {
      signal.throwIfAborted();
      return runInTurns(steps, this.#clock, signal, { within: this.#publish });
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

  /** Runs the steps now, in longer turns than all other work. */
  runFirst<Result>(steps: Steps<Result>, signal: AbortSignal): Promise<Result> {
    return runInTurns(steps, this.#clock, signal, { turnMs: URGENT_TURN_MS, within: this.#publish });
  }
}
