/**
 * Changes of the checks that take several turns of the event loop: they run one after the other, and alone.
 *
 *     run(a), run(b):   a .. a .. a | b .. b | idle
 *                       no other change: it would be planned with the checks of before, or change them under a plan
 */
import { HealthError } from "../core/health-error.js";

export class ChangeQueue {
  /** Changes that are not complete. */
  #running = 0;
  #last: Promise<void> = Promise.resolve();

  /** Runs a change after those before it. Rejects as `change` does. */
  run(change: () => Promise<void>): Promise<void> {
    this.#running += 1;
    const complete = this.#last.then(change).finally(() => {
      this.#running -= 1;
    });
    this.#last = complete.catch(() => {}); // the caller gets the error
    return complete;
  }

  /** @throws HealthError CHANGE_RUNNING before all changes are complete */
  requireIdle(): void {
    if (this.#running === 0) return;
    throw new HealthError("CHANGE_RUNNING", "the checks cannot be changed before reconfigure() is complete; await it");
  }
}
