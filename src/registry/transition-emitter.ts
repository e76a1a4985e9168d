/**
 * Calls the listeners of transitions, one transition after the other.
 *
 * A listener may write to the registry, and so cause a transition while another one is being emitted. The queue gives
 * all listeners the same order: each gets transition 7 after 6. It is empty before the outermost write returns, so it is
 * bounded by what the listeners themselves write.
 */
import { hasSubscribers, publish, type Transition } from "../core/channels.js";

export class TransitionEmitter {
  readonly #instance: string;
  readonly #beforeEmit: () => void;
  readonly #listeners = new Set<(transition: Transition) => void>();
  readonly #queue: Transition[] = [];
  #emitting = false;
  /** Writes that are not complete, each within the one before. */
  #depth = 0;

  /** @param beforeEmit called when a write is complete, before the listeners of its transitions. It must not throw. */
  constructor(instance: string, beforeEmit: () => void = () => {}) {
    this.#instance = instance;
    this.#beforeEmit = beforeEmit;
  }

  /** Adds a listener. Returns an unsubscribe function. */
  add(listener: (transition: Transition) => void): () => void {
    // a new function for each call: a listener that was added twice is also removed one by one
    const entry = (transition: Transition) => listener(transition);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Calls all listeners. Never throws: the error of a listener goes to the `listener-failed` channel. */
  emit(transition: Transition): void {
    this.#queue.push(transition);
    if (this.#depth === 0) this.#complete();
  }

  /** Runs a change of many statuses. The listeners are called after the last, so that none writes in between. */
  batch<Result>(change: () => Result): Result {
    this.#depth += 1;
    try {
      return change();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#complete();
    }
  }

  /** A write of a listener is complete too. Its transitions come after those that are being emitted. */
  #complete(): void {
    this.#beforeEmit();
    if (this.#emitting) return;
    this.#emitting = true;
    this.#emitQueued();
    this.#emitting = false;
  }

  #emitQueued(): void {
    // listeners may add to the queue. `shift` would move all the others each time: 100,000 transitions would take minutes
    for (const next of this.#queue) {
      if (hasSubscribers("transition")) publish("transition", { instance: this.#instance, ...next });
      for (const listener of this.#listeners) this.#call(listener, next);
    }
    this.#queue.length = 0;
  }

  #call(listener: (transition: Transition) => void, transition: Transition): void {
    try {
      listener(transition);
    } catch (error) {
      publish("listener-failed", { instance: this.#instance, error });
    }
  }
}
