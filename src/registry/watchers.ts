/**
 * The open watches of each name: a map of sets. An empty set is deleted at once.
 *
 * Names come from unauthenticated clients. A server that keeps a set for each name ever asked for can be filled up by any
 * client that can connect (grpc-health-check, Python and grpc-go have all had that leak).
 */
import { publish } from "../core/channels.js";
import type { Latest } from "../core/latest.js";
import type { WatchStatus } from "../core/serving-status.js";

export class Watchers {
  readonly #instance: string;
  readonly #byName = new Map<string, Set<Latest<WatchStatus>>>();
  #count = 0;

  constructor(instance: string) {
    this.#instance = instance;
  }

  /** Open watches of all names. */
  get count(): number {
    return this.#count;
  }

  /** Names with at least one open watch. */
  get nameCount(): number {
    return this.#byName.size;
  }

  /** The names with at least one open watch. */
  names(): Iterable<string> {
    return this.#byName.keys();
  }

  /** Adds a watch of a name. Returns an unsubscribe function, which may be called twice. */
  add(name: string, latest: Latest<WatchStatus>): () => void {
    let watches = this.#byName.get(name);
    if (watches === undefined) {
      watches = new Set();
      this.#byName.set(name, watches);
    }
    watches.add(latest);
    this.#count += 1;
    return () => this.#remove(name, latest);
  }

  /** Puts a status into the slot of every watch of a name. O(watches of the name). */
  notify(name: string, status: WatchStatus): void {
    for (const latest of this.#byName.get(name) ?? []) this.deliver(latest, status);
  }

  /** Puts a status into one slot. A reader that throws is published as a fault. */
  deliver(latest: Latest<WatchStatus>, status: WatchStatus): void {
    try {
      latest.put(status);
    } catch (error) {
      publish("fault", { instance: this.#instance, where: "watcher", error });
    }
  }

  #remove(name: string, latest: Latest<WatchStatus>): void {
    const watches = this.#byName.get(name);
    if (watches?.delete(latest) !== true) return;
    this.#count -= 1;
    if (watches.size === 0) this.#byName.delete(name);
  }
}
