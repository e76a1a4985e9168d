/**
 * Tells the application of transitions, one after the other.
 *
 * A listener may write to the registry, which makes another transition while the first is still being told. Queueing
 * it keeps one order for everybody: each listener hears transition 7 after 6, whoever caused it. The queue empties
 * before the outermost write returns, so it is bounded by what the listeners themselves write.
 */
import { publish, type Transition } from "../core/channels.js";

export class Announcer {
  readonly #instance: string;
  readonly #listeners = new Set<(transition: Transition) => void>();
  readonly #queue: Transition[] = [];
  #announcing = false;

  constructor(instance: string) {
    this.#instance = instance;
  }

  /** Adds a listener; returns the way out. */
  add(listener: (transition: Transition) => void): () => void {
    // a function of our own for each call, so that one listener added twice is also taken away one by one
    const entry = (transition: Transition) => listener(transition);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Tells everybody. Never throws: what a listener throws goes to the `listener-failed` channel. */
  announce(transition: Transition): void {
    this.#queue.push(transition);
    this.inOneStep(() => {});
  }

  /** Runs a change of many statuses; listeners are called after the last, so that none writes into the middle of it. */
  inOneStep(change: () => void): void {
    if (this.#announcing) {
      change();
      return;
    }
    this.#announcing = true;
    try {
      change();
      this.#tellQueued();
    } finally {
      this.#announcing = false;
    }
  }

  #tellQueued(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      publish("transition", { instance: this.#instance, ...next });
      for (const listener of this.#listeners) this.#call(listener, next);
    }
  }

  #call(listener: (transition: Transition) => void, transition: Transition): void {
    try {
      listener(transition);
    } catch (error) {
      publish("listener-failed", { instance: this.#instance, error });
    }
  }
}
