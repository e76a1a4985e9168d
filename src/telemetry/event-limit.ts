/**
 * Limits the log lines of one kind of event to 10 a second, so that a client or a target cannot fill the log.
 *
 *     1 .. 10 --> logged      11 .. N --> counted --> at the end of the second, one line with their number
 */
import type { CancelTimer, Clock } from "../core/clock.js";

const MAX_LINES = 10;
const WINDOW_MS = 1_000;

export class EventLimit {
  readonly #clock: Clock;
  readonly #onSuppressed: (lines: number) => void;
  #lines = 0;
  #cancelWindow: CancelTimer | undefined;

  /** @param onSuppressed called at the end of a second in which lines were left out */
  constructor(clock: Clock, onSuppressed: (lines: number) => void) {
    this.#clock = clock;
    this.#onSuppressed = onSuppressed;
  }

  /** Counts an event; false when its line must be left out. */
  admit(): boolean {
    this.#cancelWindow ??= this.#clock.setTimer(WINDOW_MS, () => this.end());
    this.#lines += 1;
    return this.#lines <= MAX_LINES;
  }

  /** Ends the current second. */
  end(): void {
    const suppressed = this.#lines - MAX_LINES;
    this.#cancelWindow?.();
    this.#cancelWindow = undefined;
    this.#lines = 0;
    if (suppressed > 0) this.#onSuppressed(suppressed);
  }
}
