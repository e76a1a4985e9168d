/**
 * Requests that have begun and are not whole: each has so long to arrive.
 *
 * Most are whole when the read that began them is over, and cost nothing here. Time is counted from the end of that read.
 */
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { StreamTable } from "./stream-table.js";

export class Arrivals {
  readonly #streams: StreamTable;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #cancel: CancelTimer | undefined;

  constructor(streams: StreamTable, clock: Clock, timeoutMs: number) {
    this.#streams = streams;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** A read is over. */
  look(): void {
    if (this.#cancel === undefined && this.#streams.hasArriving) this.#judge();
  }

  /** Waits for nobody any more. */
  end(): void {
    this.#cancel?.();
  }

  #judge(): void {
    const now = this.#clock.now();
    const nextAt = this.#streams.giveUpLate(now, this.#timeoutMs);
    this.#cancel = nextAt === undefined ? undefined : this.#clock.setTimer(nextAt - now, () => this.#judge());
  }
}
