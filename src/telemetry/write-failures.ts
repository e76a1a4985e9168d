/**
 * Reports on the channel `journal-failed` that a file cannot be written: the 1st, 2nd, 4th, 8th ... failure in a row, and
 * that it is written again.
 */
import { publish } from "../core/channels.js";

export class WriteFailures {
  readonly #instance: string;
  readonly #file: string;
  #count = 0;

  constructor(instance: string, file: string) {
    this.#instance = instance;
    this.#file = file;
  }

  /** Whether the last write has failed. */
  get isFailing(): boolean {
    return this.#count > 0;
  }

  failed(error: unknown): void {
    this.#count += 1;
    if (isPowerOfTwo(this.#count)) this.#publish(error);
  }

  succeeded(): void {
    if (this.#count > 0) this.#publish(undefined);
    this.#count = 0;
  }

  #publish(error: unknown): void {
    publish("journal-failed", { instance: this.#instance, file: this.#file, failures: this.#count, error });
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}
