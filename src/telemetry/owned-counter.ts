/**
 * A counter whose first label names an owner, such as a check: its children go when the owner goes.
 *
 * prom-client forgets a child only by the whole set of its labels, and finds it by them at every increment. Here each
 * child is looked up once, and the owner knows all of its own.
 */
import type { Counter } from "prom-client";

/** One series. */
interface Child {
  readonly labels: readonly string[];
  readonly series: Counter.Internal;
}

export class OwnedCounter {
  readonly #counter: Counter;
  readonly #owners = new Map<string, Map<string, Child>>();

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  /** Adds one to the child with these values of the labels. */
  increment(owner: string, ...rest: readonly string[]): void {
    const children = this.#owners.get(owner) ?? new Map<string, Child>();
    const key = rest.join(" ");
    const child = children.get(key) ?? this.#createChild([owner, ...rest]);
    if (children.size === 0) this.#owners.set(owner, children);
    children.set(key, child);
    child.series.inc();
  }

  /** Takes every child of an owner away. */
  forget(owner: string): void {
    for (const { labels } of this.#owners.get(owner)?.values() ?? []) this.#counter.remove(...labels);
    this.#owners.delete(owner);
  }

  #createChild(labels: readonly string[]): Child {
    return { labels, series: this.#counter.labels(...labels) };
  }
}
