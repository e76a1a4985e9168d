/**
 * A counter whose first label names an owner, such as a check: its children go when the owner goes.
 *
 * prom-client forgets a child only by the whole set of its labels, and puts them together anew at every increment. Here
 * a child is an object that is added to; prom-client is told the sum when somebody asks.
 */
import type { Counter } from "prom-client";

/** One series. */
interface Child {
  readonly labels: readonly string[];
  readonly series: Counter.Internal;
  /** Increments that prom-client has not been told of. */
  untold: number;
}

export class OwnedCounter {
  readonly #counter: Counter;
  readonly #owners = new Map<string, Map<string, Child>>();

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  /** Adds one to the child with these values of the labels: the owner, and at most two more. */
  increment(owner: string, second?: string, third?: string): void {
    const key = third === undefined ? (second ?? "") : `${second} ${third}`;
    const child = this.#owners.get(owner)?.get(key) ?? this.#createChild(owner, key, [second, third]);
    child.untold += 1;
  }

  /** Tells prom-client what has been added. O(children). */
  flush(): void {
    for (const children of this.#owners.values()) {
      for (const child of children.values()) {
        if (child.untold > 0) child.series.inc(child.untold);
        child.untold = 0;
      }
    }
  }

  /** Takes every child of an owner away. */
  forget(owner: string): void {
    for (const { labels } of this.#owners.get(owner)?.values() ?? []) this.#counter.remove(...labels);
    this.#owners.delete(owner);
  }

  #createChild(owner: string, key: string, rest: readonly (string | undefined)[]): Child {
    const labels = [owner, ...rest.filter((label) => label !== undefined)];
    const child = { labels, series: this.#counter.labels(...labels), untold: 0 };
    const children = this.#owners.get(owner) ?? new Map<string, Child>();
    this.#owners.set(owner, children.set(key, child));
    return child;
  }
}
