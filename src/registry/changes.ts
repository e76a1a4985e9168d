/**
 * Counts the changes that readers can see, and names them to observers.
 *
 *     write --> add(change) --> versions: a reader that keeps an answer compares them
 *                          '--> observers: a mirror in another thread copies what has changed
 *     outermost write is complete, and it has changed a status --> announce()
 *
 * An observer is called in the middle of a write: it only notes the change. It reads the new values after `onWritten`, or
 * in a later turn of the event loop.
 */

/** What has changed. `isMeasurement`: only the latency and the times of a check have. */
export type StatusChange =
  | { readonly subject: "service"; readonly name: string }
  | { readonly subject: "check"; readonly name: string; readonly isMeasurement?: boolean }
  | { readonly subject: "drain" | "fleet" };

/** Follows the changes of a registry. */
export interface ChangeObserver {
  onChange(change: StatusChange): void;
  /** The outermost write is complete. Called before the listeners of its transitions. */
  onWritten(): void;
}

export class Changes {
  #version = 0;
  #statusVersion = 0;
  readonly #observers = new Set<ChangeObserver>();

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Grows with every change but a measurement. */
  get statusVersion(): number {
    return this.#statusVersion;
  }

  add(change: StatusChange): void {
    this.#version += 1;
    if (change.subject !== "check" || change.isMeasurement !== true) this.#statusVersion += 1;
    for (const observer of this.#observers) observer.onChange(change);
  }

  announce(): void {
    for (const observer of this.#observers) observer.onWritten();
  }

  /** Returns an unsubscribe function. */
  observe(observer: ChangeObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }
}
