/**
 * The open streams of a connection, by identifier.
 *
 * The newest stream has a slot of its own. So a request that is answered at once never enters the map, and a connection
 * with one Watch has no map at all.
 */
import type { Stream } from "./stream.js";

export class OpenStreams {
  #newest: Stream | undefined;
  #others: Map<number, Stream> | undefined;

  get size(): number {
    return (this.#others?.size ?? 0) + (this.#newest === undefined ? 0 : 1);
  }

  get(id: number): Stream | undefined {
    return this.#newest?.id === id ? this.#newest : this.#others?.get(id);
  }

  /** Adds a stream. Its identifier must be above all earlier ones. */
  add(stream: Stream): void {
    if (this.#newest !== undefined) {
      this.#others ??= new Map();
      this.#others.set(this.#newest.id, this.#newest);
    }
    this.#newest = stream;
  }

  delete(id: number): void {
    if (this.#newest?.id === id) this.#newest = undefined;
    else this.#others?.delete(id);
  }

  /** A copy of the present list, the oldest first. */
  all(): readonly Stream[] {
    const others = this.#others === undefined ? [] : [...this.#others.values()];
    return this.#newest === undefined ? others : [...others, this.#newest];
  }
}
