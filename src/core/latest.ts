/**
 * A slot for one value, in which the newest value wins. Each Watch stream has one.
 *
 *     put(A)  put(B)  put(C)            take() -> C
 *        |       |       |                 |
 *        +--> [ slot: A, B, C overwrite ] -+
 *
 * A slow reader costs one slot, however many changes it misses, and the value that it takes is the current one. The
 * reader is called when the slot turns from empty to full, not for each value.
 */
export class Latest<T extends string | number | object> {
  readonly #onFull: () => void;
  #value: T | undefined;

  /** @param onFull called when a value arrives in an empty slot; it may `take` the value at once or later */
  constructor(onFull: () => void) {
    this.#onFull = onFull;
  }

  /** Stores a value, in place of an unread one. O(1). Throws what `onFull` throws. */
  put(value: T): void {
    const wasEmpty = this.#value === undefined;
    this.#value = value;
    if (!wasEmpty) return;
    try {
      this.#onFull();
    } catch (error) {
      this.#value = undefined; // else the slot would stay full, and the reader would not be called for the next value
      throw error;
    }
  }

  /** Takes the newest value out of the slot; `undefined` when there is none since the last call. */
  take(): T | undefined {
    const value = this.#value;
    this.#value = undefined;
    return value;
  }
}
