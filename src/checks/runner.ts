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
import { publish } from "../core/channels.js";
import type { CancelTimer, Clock, Random } from "../core/clock.js";
import { fail, type ProbeResult, type Prober } from "../probers/prober.js";
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
  #startedAt = Number.NEGATIVE_INFINITY;
  #probing = false;
  #stopped = false;
  #abort: AbortController | undefined;
  #cancelDue: CancelTimer = () => {};
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
    this.#cancelStale();
    this.#abort?.abort();
    this.#options.prober.close();
  }

  #due(delayMs: number): void {
    this.#cancelDue();
    if (!this.#stopped) this.#cancelDue = this.#options.clock.setTimer(Math.max(0, delayMs), () => this.#look());
  }

  #wake(): void {
    if (!this.#probing) this.#due(this.#startedAt + LEAST_GAP_MS - this.#options.clock.now());
  }

  #look(): void {
    const { clock, settings } = this.#options;
    this.#startedAt = clock.now();
    if (this.#probing) {
      this.#count(fail("timeout", "the probe before has not stopped yet"));
      return;
    }
    const abort = new AbortController();
    let decided = false;
    const decide = (action: () => void) => {
      if (decided || this.#stopped) return;
      decided = true;
      cancelDeadline();
      action();
    };
    const cancelDeadline = clock.setTimer(settings.timeoutMs, () => {
      decide(() => this.#count(fail("timeout", `no answer within ${settings.timeoutMs} ms`)));
      abort.abort();
    });
    this.#abort = abort;
    this.#probing = true;
    void this.#probe(abort.signal, decide);
  }

  async #probe(signal: AbortSignal, decide: (action: () => void) => void): Promise<void> {
    const { name, instance, prober, settings } = this.#options;
    try {
      const result = await prober.probe({ signal, timeoutMs: settings.timeoutMs });
      this.#probing = false;
      decide(() => this.#count(result));
    } catch (error) {
      this.#probing = false;
      decide(() => {
        publish("prober-failed", instance, { check: name, error });
        this.#scheduleNext();
      });
    }
  }

  /** Lets a result count. */
  #count(result: ProbeResult): void {
    const { name, instance, clock, settings, onProgress } = this.#options;
    const latencyMs = clock.now() - this.#startedAt;
    const { outcome, reason, detail } = result;
    publish("probe", instance, { check: name, outcome, reason, detail, latencyMs });
    this.#progress = evaluate(this.#progress, result, settings);
    this.#cancelStale();
    this.#cancelStale = clock.setTimer(settings.staleAfterMs, () => this.#becomeStale());
    this.#scheduleNext();
    onProgress(this.#progress, { latencyMs, at: clock.wallTime() });
  }

  #scheduleNext(): void {
    const { clock, settings, random } = this.#options;
    const elapsedMs = clock.now() - this.#startedAt;
    this.#due(nextDelayMs(this.#progress, settings, random) - elapsedMs);
  }

  #becomeStale(): void {
    this.#progress = PENDING;
    this.#options.onProgress(PENDING, undefined);
  }
}
