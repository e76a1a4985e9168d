/** The end of a probe by a signal: it happens once, and ends each wait. */

export class Cancellation {
  readonly #listeners = new Set<() => void>();
  #isCancelled = false;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  cancel(): void {
    this.#isCancelled = true;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` at the end. Returns an unsubscribe function. */
  onCancel(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves after a time, or at the end. It keeps the process alive. */
  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const onEnd = () => {
        clearTimeout(timer);
        this.#listeners.delete(onEnd);
        resolve();
      };
      const timer = setTimeout(onEnd, milliseconds);
      if (this.#isCancelled) onEnd();
      else this.#listeners.add(onEnd);
    });
  }
}
