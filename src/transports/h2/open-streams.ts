/**
 * The open streams of a connection, by identifier.
 *
 * The newest has a place of its own: one that is asked and answered at once never enters the map, and a connection with
 * one Watch needs none.
 */
import type { Stream } from "./stream.js";

export class OpenStreams {
  #newest: Stream | undefined;
  #others: Map<number, Stream> | undefined;

  /** How many there are. */
  get size(): number {
    return (this.#others?.size ?? 0) + (this.#newest === undefined ? 0 : 1);
  }

  /** A stream; `undefined` when it isn't open. */
  get(id: number): Stream | undefined {
    return this.#newest?.id === id ? this.#newest : this.#others?.get(id);
  }

  /** Adds a stream with a higher identifier than all that were added before. */
  add(stream: Stream): void {
    if (this.#newest !== undefined) {
      this.#others ??= new Map();
      this.#others.set(this.#newest.id, this.#newest);
    }
    this.#newest = stream;
  }

  /** Takes a stream out. */
  delete(id: number): void {
    if (this.#newest?.id === id) this.#newest = undefined;
    else this.#others?.delete(id);
  }

  /** All of them as they are now, the oldest first. */
  all(): readonly Stream[] {
    const others = this.#others === undefined ? [] : [...this.#others.values()];
    return this.#newest === undefined ? others : [...others, this.#newest];
  }
}
