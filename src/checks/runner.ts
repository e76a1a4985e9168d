/**
 * The one loop that runs a check.
 *
 *     due --> probe, with a deadline --> result --> evaluate --> tell --> due again, counted from the start of the probe
 *                 |                        ^
 *                 +-- deadline: abort -----+  `timeout`
 *
 * Two probes of one check never run at once. One that doesn't stop when it is told to keeps its place: until it is
 * gone, every due time counts as another timeout, so that it can neither pile up nor hide that the target is silent.
 */
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import type { CancelTimer, Clock, Random } from "../core/clock.js";
import { fail, type ProbeContext, type ProbeResult, type Prober, ProberError } from "../probers/prober.js";
import { evaluate, nextDelayMs, PENDING, type Progress } from "./evaluate.js";
import type { CompleteSettings } from "./settings.js";

/** What a result is made of, beside the progress. */
export interface LastProbe {
  readonly latencyMs: number;
  /** Wall time. */
  readonly at: number;
}

/** What a runner needs. */
export interface RunnerOptions {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CompleteSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly instance: string;
  /** Called after each result that counts, and with no probe when the last one has become too old. */
  readonly onProgress: (progress: Progress, last: LastProbe | undefined) => void;
}

/** A target that says that it has changed is looked at again after this at the earliest. */
const LEAST_GAP_MS = 250;

export class CheckRunner {
  readonly #options: RunnerOptions;
  #progress: Progress = PENDING;
  /** When the last probe was due; one that hangs makes this later than `#startedAt`. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #startedAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #probing = false;
  /** The target said that it has changed, and nobody has looked since. */
  #changed = false;
  #stopped = false;
  #abort: AbortController | undefined;
  #cancelDue: CancelTimer = () => {};
  #cancelDeadline: CancelTimer = () => {};
  #cancelStale: CancelTimer = () => {};

  constructor(options: RunnerOptions) {
    this.#options = options;
    options.prober.onChange?.(() => this.#wake());
  }

  /** Has the first probe start after `delayMs`. */
  start(delayMs: number): void {
    this.#due(delayMs);
  }

  /** Stops for good: cancels what runs, and drops its result. */
  stop(): void {
    this.#stopped = true;
    this.#cancelDue();
    this.#cancelDeadline();
    this.#cancelStale();
    this.#abort?.abort();
    this.#options.prober.close();
  }

  #due(delayMs: number): void {
    this.#cancelDue();
    if (this.#stopped) return;
    const { clock } = this.#options;
    this.#dueAt = clock.now() + Math.max(0, delayMs);
    this.#cancelDue = clock.setTimer(Math.max(0, delayMs), () => this.#look());
  }

  /** Brings the next look forward. A change during a look waits for its end: the answer may be older than the change. */
  #wake(): void {
    this.#changed = true;
    if (this.#probing) return;
    const { clock } = this.#options;
    const earliest = this.#lookedAt + LEAST_GAP_MS;
    if (earliest < this.#dueAt) this.#due(earliest - clock.now());
  }

  #look(): void {
    const { clock, settings } = this.#options;
    this.#lookedAt = clock.now();
    if (this.#probing) {
      this.#count(fail("timeout", "the probe before has not stopped yet"));
      return;
    }
    this.#startedAt = this.#lookedAt;
    this.#changed = false;
    this.#probing = true;
    const abort = new AbortController();
    this.#abort = abort;
    let late = false;
    this.#cancelDeadline = clock.setTimer(settings.timeoutMs, () => {
      late = true;
      this.#count(fail("timeout", `no answer within ${settings.timeoutMs} ms`));
      abort.abort();
    });
    const work = this.#probe(abort.signal, () => late);
    background(work, this.#options.instance, `check ${this.#options.name}`);
  }

  /** Looks once. What comes after the deadline is dropped: the timeout has been counted. */
  async #probe(signal: AbortSignal, isLate: () => boolean): Promise<void> {
    const { name, instance, prober, settings } = this.#options;
    const found = await lookOnce(prober, { signal, timeoutMs: settings.timeoutMs });
    this.#probing = false;
    if (this.#stopped) return;
    if (isLate()) {
      this.#scheduleNext(); // counted from the deadline so far, because it still ran; from its start again, now it is gone
      return;
    }
    this.#cancelDeadline();
    if ("result" in found) {
      this.#count(found.result);
      return;
    }
    const reason = found.error instanceof ProberError ? found.error.reason : "prober";
    publish("prober-failed", instance, { check: name, reason, error: found.error });
    this.#scheduleNext();
  }

  /** Lets a result count. */
  #count(result: ProbeResult): void {
    const { name, instance, clock, settings, onProgress } = this.#options;
    const latencyMs = clock.now() - this.#startedAt;
    const { outcome, reason, detail } = result;
    publish("probe", instance, {
      check: name,
      outcome,
      reason,
      detail,
      latencyMs,
      startLagMs: 0,
      certificateEndsAt: result.certificateEndsAt,
    });
    this.#progress = evaluate(this.#progress, result, settings);
    this.#cancelStale();
    this.#cancelStale = clock.setTimer(settings.staleAfterMs, () => this.#becomeStale());
    this.#scheduleNext();
    onProgress(this.#progress, { latencyMs, at: clock.wallTime() });
  }

  #scheduleNext(): void {
    const { clock, settings, random } = this.#options;
    const delayMs = nextDelayMs(this.#progress, settings, random);
    const gapMs = this.#changed && !this.#probing ? Math.min(delayMs, LEAST_GAP_MS) : delayMs;
    // one that is cancelled takes a moment to stop: counted from its start, that moment could make a second timeout
    const from = this.#probing ? clock.now() : this.#lookedAt;
    this.#due(from + gapMs - clock.now());
  }

  #becomeStale(): void {
    this.#progress = PENDING;
    this.#options.onProgress(PENDING, undefined);
  }
}

/** What a look came to: a result, or what kept the prober from looking. */
type Found = { readonly result: ProbeResult } | { readonly error: unknown };

async function lookOnce(prober: Prober, context: ProbeContext): Promise<Found> {
  try {
    return { result: await prober.probe(context) };
  } catch (error) {
    return { error };
  }
}
