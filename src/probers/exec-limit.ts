/**
 * How many programs run at once, over all checks of one `Health`: a process costs far more than a socket.
 *
 * A probe that waits until its deadline could not run its program. That is a prober error, and no failure of the check.
 */
import { ProberError } from "./prober.js";

const MAX_CONCURRENT = 8;

export class ExecLimit {
  #running = 0;
  readonly #waiting = new Set<() => void>();

  /**
   * Waits until a program may run. Resolves with a function that must be called when it has ended.
   * Rejects with a ProberError when the signal is aborted before.
   */
  acquire(signal: AbortSignal): Promise<() => void> {
    if (this.#running < MAX_CONCURRENT) return Promise.resolve(this.#take());
    return new Promise((resolve, reject) => {
      const admit = () => {
        this.#waiting.delete(admit);
        signal.removeEventListener("abort", onAbort);
        resolve(this.#take());
      };
      const onAbort = () => {
        this.#waiting.delete(admit);
        reject(
          new ProberError("prober", `${MAX_CONCURRENT} programs are running, and none has ended within the timeout`),
        );
      };
      this.#waiting.add(admit);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #take(): () => void {
    this.#running += 1;
    return () => {
      this.#running -= 1;
      const [next] = this.#waiting;
      next?.();
    };
  }
}
