/**
 * Measures how long the main thread has shown no sign of life.
 *
 *     main thread   beat . beat . beat . [ blocked .................................... ] beat
 *     this thread   tick tick tick tick tick tick tick tick tick tick tick tick tick tick tick
 *                                        '------- silence, the sum of the ticks -------'
 *
 * Only time in which this thread itself ran is counted. When the whole process is suspended (SIGSTOP, a laptop that sleeps,
 * a debugger), or gets no processor, the gap between two ticks says nothing about the main thread.
 */
import type { Clock } from "../../core/clock.js";

/** Milliseconds between two signs of life of the main thread. */
export const BEAT_MS = 200;

/** Milliseconds between two looks at it. */
export const TICK_MS = 50;

/** A longer gap between two ticks counts as this much. */
const MAX_GAP_MS = 250;

export class Silence {
  readonly #clock: Clock;
  readonly #beats: () => number;
  #lastBeats: number;
  #lastTickAt: number;
  #silenceMs = 0;

  /** @param beats the number of signs of life until now */
  constructor(clock: Clock, beats: () => number) {
    this.#clock = clock;
    this.#beats = beats;
    this.#lastBeats = beats();
    this.#lastTickAt = clock.now();
  }

  get ms(): number {
    return this.#silenceMs;
  }

  tick(): void {
    const [beats, now] = [this.#beats(), this.#clock.now()];
    this.#silenceMs = beats === this.#lastBeats ? this.#silenceMs + Math.min(now - this.#lastTickAt, MAX_GAP_MS) : 0;
    this.#lastBeats = beats;
    this.#lastTickAt = now;
  }
}
