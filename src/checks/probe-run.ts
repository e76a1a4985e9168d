/** A probe on its way, and what its result is measured by. */
import type { ProbeContext } from "../probers/prober.js";

/** What a result is measured by. */
export interface Measure {
  readonly startedAt: number;
  readonly startLagMs: number;
  /** A stall of our own loop since then makes the result void. */
  readonly since: number;
}

/** A probe on its way: what its prober is told, and what its result is measured by. */
export class ProbeRun implements Measure, ProbeContext {
  readonly startedAt: number;
  readonly startLagMs: number;
  readonly timeoutMs: number;
  /** The deadline is over, and has been counted. */
  late = false;
  #over = false;
  #abort: AbortController | undefined;

  constructor(startedAt: number, startLagMs: number, timeoutMs: number) {
    this.startedAt = startedAt;
    this.startLagMs = startLagMs;
    this.timeoutMs = timeoutMs;
  }

  get since(): number {
    return this.startedAt;
  }

  /** Made for probers that ask for it: it costs more than all the rest of a run. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#over) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Tells the prober that its time is over. */
  end(): void {
    this.#over = true;
    this.#abort?.abort();
  }
}
