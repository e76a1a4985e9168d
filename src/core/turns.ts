/**
 * Long work in parts: a generator yields wherever the work can be interrupted.
 *
 *     runAtOnce   ########################   one turn of the event loop: for a library call, which must be done when it returns
 *     runInTurns  ### . ### . ### . ### .    at most TURN_MS, then what waits is served (.), and so on: for a reload
 */
import type { Clock } from "./clock.js";

/** Yields between two steps, and returns the result. It is ended by `return()` when it is not continued. */
export type Steps<Result> = Generator<void, Result>;

/** Long enough to make the cost of a turn small, short enough that no client notices. */
const TURN_MS = 8;

export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs the steps in turns of the event loop. Rejects with the reason of the signal when it is aborted between two turns;
 * the generator is ended then.
 * @param turnMs longer turns are for work that is more urgent than what waits
 */
export async function runInTurns<Result>(
  steps: Steps<Result>,
  clock: Clock,
  signal: AbortSignal,
  turnMs = TURN_MS,
): Promise<Result> {
  for (;;) {
    const endsAt = clock.now() + turnMs;
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (clock.now() < endsAt);
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) {
      // the result that `return` asks for is not used
      steps.return(undefined as Result);
      throw signal.reason;
    }
  }
}
