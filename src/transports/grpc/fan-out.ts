/**
 * Wakes watchers in slices, so that one transition with ten thousand watchers never holds up the event loop.
 *
 *     set(name, S) --> 10,000 x latest.put(S) --> [ queue ] --256 a turn--> stream.flush()
 *
 * A stream stands in the queue at most once (it is woken when its mailbox turns full), so the queue is bounded by the
 * number of open watches.
 */

/** Streams that are written to before the event loop gets its turn: some 3 ms of writing. */
const SLICE = 256;

/** Something with a mailbox to empty. */
export interface Flushable {
  flush(): void;
}

export class FanOut {
  readonly #defer: (action: () => void) => void;
  readonly #queue: Flushable[] = [];
  #deferred = false;

  /** @param defer runs an action in a later turn of the event loop. */
  constructor(defer: (action: () => void) => void = setImmediate) {
    this.#defer = defer;
  }

  /** Has a stream flushed in one of the next turns. */
  add(stream: Flushable): void {
    this.#queue.push(stream);
    this.#deferSlice();
  }

  #deferSlice(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#defer(() => this.#flushSlice());
  }

  #flushSlice(): void {
    const slice = this.#queue.splice(0, SLICE);
    this.#deferred = false;
    // before anything is flushed: should a stream throw, the others are still woken
    if (this.#queue.length > 0) this.#deferSlice();
    for (const stream of slice) stream.flush();
  }
}
