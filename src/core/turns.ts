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

export interface TurnOptions {
  /** Longer turns are for work that is more urgent than what waits. Default 8. */
  readonly turnMs?: number;
  /** Runs what one turn does. Default: nothing before or after it. */
  readonly within?: <Done>(turn: () => Done) => Done;
}

export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs the steps in turns of the event loop. Rejects with the reason of the signal when it is aborted between two turns;
 * the generator is ended then.
 */
export async function runInTurns<Result>(
  steps: Steps<Result>,
  clock: Clock,
  signal: AbortSignal,
  { turnMs = TURN_MS, within = (turn) => turn() }: TurnOptions = {},
): Promise<Result> {
  const turn = () => {
    const endsAt = clock.now() + turnMs;
    let step = steps.next();
    while (step.done !== true && clock.now() < endsAt) step = steps.next();
    return step;
  };
  for (;;) {
    const step = within(turn);
    if (step.done === true) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) {
      // the result that `return` asks for is not used
      steps.return(undefined as Result);
      throw signal.reason;
    }
  }
}
