/** One run of a prober: the context of the probe, and the times that its result is measured by. */
import type { ProbeContext } from "../probers/prober.js";

/** The times that a result is measured by. */
export interface ProbeTiming {
  readonly startedAt: number;
  readonly startLagMs: number;
  /** A stall of the event loop after this time makes the result invalid. */
  readonly since: number;
}

export class ProbeRun implements ProbeTiming, ProbeContext {
  readonly startedAt: number;
  readonly startLagMs: number;
  readonly timeoutMs: number;
  /** The deadline has passed, and the timeout was counted. */
  late = false;
  #ended = false;
  #abort: AbortController | undefined;

  constructor(startedAt: number, startLagMs: number, timeoutMs: number) {
    this.startedAt = startedAt;
    this.startLagMs = startLagMs;
    this.timeoutMs = timeoutMs;
  }

  get since(): number {
    return this.startedAt;
  }

  /** Created for the probers that use it: it costs more than the rest of a run. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#ended) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Aborts the signal. */
  end(): void {
    this.#ended = true;
    this.#abort?.abort();
  }
}
