/**
 * Flushes watchers in slices, so that one transition with ten thousand watchers does not block the event loop.
 *
 *     set(name, S) --> 10,000 x latest.put(S) --> [ queue ] --256 a turn--> stream.flush()
 *
 * A stream is in the queue at most once (it is added when its slot turns full), so the queue is bounded by the number
 * of open watches.
 */
import { publish } from "../../core/channels.js";

/** Streams that are flushed in one turn of the event loop: about 3 ms of writing. */
const SLICE = 256;

/** A stream with a slot to empty. */
export interface Flushable {
  flush(): void;
}

export class FanOut {
  readonly #instance: string;
  readonly #defer: (action: () => void) => void;
  readonly #queue: Flushable[] = [];
  #deferred = false;

  /** @param defer runs an action in a later turn of the event loop */
  constructor(instance: string, defer: (action: () => void) => void = setImmediate) {
    this.#instance = instance;
    this.#defer = defer;
  }

  /** Flushes a stream in one of the next turns. A stream that throws is published as a fault. */
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
    if (this.#queue.length > 0) this.#deferSlice();
    for (const stream of slice) this.#flush(stream);
  }

  #flush(stream: Flushable): void {
    try {
      stream.flush();
    } catch (error) {
      publish("fault", { instance: this.#instance, where: "watch fan-out", error });
    }
  }
}
