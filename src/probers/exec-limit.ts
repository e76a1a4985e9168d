/**
 * How many programs run at once, over all checks of one health: a process costs far more than a socket.
 *
 * Who waits in vain until its deadline could not look, which is our fault and not the target's.
 */
import { ProberError } from "./prober.js";

const MAX_CONCURRENT = 8;

export class ExecLimit {
  #running = 0;
  readonly #waiting = new Set<() => void>();

  /** Waits for a place. What it gives leaves it again, and has to be called once. Rejects with a ProberError. */
  enter(signal: AbortSignal): Promise<() => void> {
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
          new ProberError("prober", `${MAX_CONCURRENT} programs run already, and none has ended within the timeout`),
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
