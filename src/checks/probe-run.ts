/**
 * The runs of a prober: the context of each probe, and the times that its result is measured by.
 *
 *     running --deadline--> late, its signal is aborted --1 s, or the next due time--> abandoned --ends--> forgotten
 *                             '--ends--> forgotten                                     (one at a time)
 *
 * Probes of one check overlap with an abandoned one only: a function or a client library may never settle, and must not
 * stop the check. At most one is abandoned. While it has not ended, a second probe that does not end keeps its place:
 * every due time counts as one more timeout. So hanging probes do not accumulate.
 */
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { ProbeContext } from "../probers/prober.js";
import type { ProbeTime } from "./stalls.js";

/** The times that a result is measured by. */
export interface ProbeTiming {
  readonly startedAt: number;
  readonly startLagMs: number;
  /** A stall of the event loop after this time makes the result invalid. */
  readonly since: number;
  /** `Stalls.lostMs` at the start of a probe. */
  readonly lostMs?: number;
  /** Of the probe. */
  readonly timeoutMs?: number;
  /** The age of a result that came without a probe. */
  readonly ageMs?: number;
}

/** The time that an aborted probe has to end. A program is killed within half of it. */
const ABORT_GRACE_MS = 1_000;

export interface ProbeRunOptions extends ProbeTime {
  readonly startLagMs: number;
  /** Knows the deadline, which delays move. */
  readonly deadlines: { leftMs(probe: ProbeTime): number };
}

export class ProbeRun implements ProbeTiming, ProbeContext {
  readonly startedAt: number;
  readonly startLagMs: number;
  readonly timeoutMs: number;
  readonly lostMs: number;
  readonly leftMs: () => number;
  deadlineAt: number;
  /** The deadline has passed. */
  late = false;
  /** Its result has counted, or its timeout. */
  isCounted = false;
  /** Monotonic time of the abort: later than the deadline when the event loop was blocked. */
  abortedAt = Number.POSITIVE_INFINITY;
  #ended = false;
  #controller: AbortController | undefined;

  constructor({ startedAt, startLagMs, timeoutMs, lostMs, deadlines }: ProbeRunOptions) {
    this.startedAt = startedAt;
    this.startLagMs = startLagMs;
    this.timeoutMs = timeoutMs;
    this.lostMs = lostMs;
    this.leftMs = () => deadlines.leftMs(this);
    this.deadlineAt = startedAt + timeoutMs;
  }

  get since(): number {
    return this.startedAt;
  }

  /** Created for the probers that use it: it costs more than the rest of a run. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort();
    return this.#controller.signal;
  }

  /** It has not ended at its deadline, or its check ends. */
  abort(now: number): void {
    this.late = true;
    this.abortedAt = now;
    this.end();
  }

  /** Aborts the signal. */
  end(): void {
    this.#ended = true;
    this.#controller?.abort();
  }
}

export interface ProbeRunsOptions {
  readonly instance: string;
  readonly check: string;
  readonly clock: Clock;
}

/** The runs of one check that have not ended: at most the current one and an abandoned one. */
export class ProbeRuns {
  readonly #options: ProbeRunsOptions;
  /** Whether its events are published: not those of a check that has ended. */
  isPublishing = true;
  current: ProbeRun | undefined;
  /** Its result is ignored. */
  #abandoned: ProbeRun | undefined;

  constructor(options: ProbeRunsOptions) {
    this.#options = options;
  }

  /** Whether the current run was aborted, and no other one is abandoned. */
  get mayAbandon(): boolean {
    return this.current?.late === true && this.#abandoned === undefined;
  }

  /** Monotonic time at which the current run must be aborted or abandoned; infinite when neither will happen. */
  get limitAt(): number {
    const { current } = this;
    if (current?.late === false) return current.deadlineAt;
    return current !== undefined && this.mayAbandon ? current.abortedAt + ABORT_GRACE_MS : Number.POSITIVE_INFINITY;
  }

  /** Makes the current run the abandoned one: the check continues without it. */
  abandon(): void {
    const { instance, check } = this.#options;
    const { current } = this;
    this.#abandoned = current;
    this.current = undefined;
    if (current !== undefined) publish("probe-abandoned", { instance, check, timeoutMs: current.timeoutMs });
  }

  /** Forgets a run that has ended. Returns which of the two it was. */
  end(run: ProbeRun): "current" | "abandoned" {
    if (run !== this.#abandoned) {
      this.current = undefined;
      return "current";
    }
    this.#abandoned = undefined;
    const { instance, check, clock } = this.#options;
    if (this.isPublishing) publish("abandoned-ended", { instance, check, lastedMs: clock.now() - run.startedAt });
    return "abandoned";
  }
}
