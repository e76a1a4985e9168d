/**
 * A one-slot mailbox in which the newest value wins: the heart of Watch.
 *
 *     put(A)  put(B)  put(C)            take() -> C
 *        |       |       |                 |
 *        +--> [ slot: A, B, C overwrite ] -+
 *
 * A reader that is slow costs one slot, however much changes meanwhile, and what it reads at last is the present.
 * The reader is called when the slot turns from empty to full, not for each value.
 */
export class Latest<T extends string | number | object> {
  readonly #onFull: () => void;
  #value: T | undefined;

  /** @param onFull called when a value arrives in an empty slot; it may `take` at once or later. Must not throw. */
  constructor(onFull: () => void) {
    this.#onFull = onFull;
  }

  /** Leaves a value, in place of an unread one. O(1). */
  put(value: T): void {
    const wasEmpty = this.#value === undefined;
    this.#value = value;
    if (wasEmpty) this.#onFull();
  }

  /** Takes the newest value out of the slot; `undefined` when nothing has come since the last time. */
  take(): T | undefined {
    const value = this.#value;
    this.#value = undefined;
    return value;
  }
}
