/**
 * The wall time of the history, which goes on as the monotonic time does.
 *
 *     both clocks agree       [---- credited ----]             the status of this time is known
 *     wall clock jumps ahead  [---- credited ----]...gap...[   a suspended machine, a corrected clock: no data
 *     wall clock jumps back   [credited up to the new time]    what is later than that was never true: dropped
 *
 * Durations are measured by the monotonic clock, and only placed by the wall clock. So a clock that is corrected never
 * makes a service look healthy for hours in which it was not measured.
 */
import type { Clock } from "../../core/clock.js";

/** The clocks may differ by so much in one step: a clock that is slewed, or a step of NTP. */
const TOLERANCE_MS = 2_000;

/** A step of the timeline, in wall time. */
export interface TimeStep {
  /** Statuses were as they were until then. */
  readonly creditedTo: number;
  /** The position now. Above `creditedTo`: a gap. */
  readonly now: number;
  /** Everything from here on must be dropped; `undefined` if nothing must. */
  readonly dropFrom: number | undefined;
}

export class Timeline {
  readonly #clock: Clock;
  #position: number;
  #monotonic: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#position = clock.wallTime();
    this.#monotonic = clock.now();
  }

  get position(): number {
    return this.#position;
  }

  /** Goes to the present. */
  advance(): TimeStep {
    const from = this.#position;
    const [wall, monotonic] = [this.#clock.wallTime(), this.#clock.now()];
    const elapsed = Math.max(0, monotonic - this.#monotonic);
    const drift = wall - (from + elapsed);
    this.#monotonic = monotonic;
    if (Math.abs(drift) <= TOLERANCE_MS) {
      // a clock that is a little slow does not move the timeline back
      this.#position = Math.max(from, wall);
      return { creditedTo: this.#position, now: this.#position, dropFrom: undefined };
    }
    this.#position = wall;
    if (drift > 0) return { creditedTo: from + elapsed, now: wall, dropFrom: undefined };
    return { creditedTo: Math.max(from, wall), now: wall, dropFrom: wall < from ? wall : undefined };
  }
}
