/**
 * The loop that runs one check.
 *
 *     due --> free slot --> probe, with a deadline --> result --> stall? --> evaluate --> listener --> due again
 *                                  |                        ^          | yes
 *                                  +-- deadline: abort -----+          '--> ignored, probed again
 *                                        `timeout`
 *
 * Probes of one check never overlap. A probe that does not stop when it is aborted keeps its place: until it has ended,
 * every due time counts as one more timeout. So hanging probes neither accumulate nor hide that the target is silent.
 *
 * A check has one timer: at its due time or at the deadline of its probe, whichever comes first.
 */
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import type { Timer } from "../core/timer-queue.js";
import { fail, type ProbeResult, type Prober, ProberError } from "../probers/prober.js";
import { evaluate, nextDelayMs, PENDING, type Progress, withLatency } from "./evaluate.js";
import type { Age } from "./freshness.js";
import type { FailureDecision } from "./isolation.js";
import { ProbeRun, type ProbeTiming } from "./probe-run.js";
import type { RunnerDeps } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";
import { movedFirstProbe } from "./spread.js";
import { STALL_MS } from "./stalls.js";

/** The measurements of the last result that counted. */
export interface LastProbe {
  readonly discovered: ProbeResult["discovered"];
  readonly latencyMs: number;
  /** Wall time. */
  readonly at: number;
}

/** Receives the progress of a check. */
export interface RunnerListener {
  /** Called after each result that counts, and without `last` when the last result has become stale. */
  onProgress(progress: Progress, last: LastProbe | undefined): void;
  /** Called when the failures have reached the threshold: decides whether the check fails. */
  onThreshold(): FailureDecision;
}

export interface RunnerOptions {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CompleteSettings;
  readonly deps: RunnerDeps;
  readonly listener: RunnerListener;
}

/** Minimum time between the starts of two probes of a check, also when a probe is requested. */
const MIN_GAP_MS = 250;

export class CheckRunner {
  readonly #options: RunnerOptions;
  #settings: CompleteSettings;
  readonly #timer: Timer;
  readonly #age: Age;
  #progress: Progress = PENDING;
  /** Start of the last probe; while it hangs, the last due time. */
  #lastProbeAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #run: ProbeRun | undefined;
  /** The check is in the queue for a slot. */
  #queued = false;
  /** `probeSoon` was called, and no probe has started since. */
  #probeRequested = false;
  #stopped = false;
  /** Monotonic time of the last result that counted; `undefined` while there is none that counts. */
  #countedAt: number | undefined;
  /** The last result was ignored because of a stall. */
  #lastIgnored = false;
  /** The reason of the last prober error since the last result. */
  #proberError: string | undefined;
  #failingSince = 0;
  /** The reason of the failures while the check is held. */
  #heldReason: string | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#timer = options.deps.timers.create(() => this.#onTimer());
    this.#age = options.deps.freshness.track(() => this.#onStale());
    options.prober.onChange?.(() => this.probeSoon());
  }

  /** Starts the first probe after `delayMs`. Until then, it can be called again with another delay. */
  start(delayMs: number): void {
    this.#dueAt = this.#options.deps.clock.now() + delayMs;
    this.#timer.at(this.#dueAt);
  }

  /** Monotonic time of the first of the current failures in a row. */
  get failingSince(): number {
    return this.#failingSince;
  }

  /** Whether the first probe has started. */
  get started(): boolean {
    return this.#lastProbeAt !== Number.NEGATIVE_INFINITY;
  }

  /** Changes the schedule and the thresholds. The state stays, as long as `staleAfter` allows. */
  change(settings: CompleteSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    if (this.#countedAt !== undefined) this.#age.renew(this.#countedAt + settings.staleAfterMs);
    if (this.#run !== undefined || this.#queued) return;
    if (this.started) this.#scheduleNext(this.#lastProbeAt);
    else if (this.#dueAt !== Number.POSITIVE_INFINITY)
      this.start(movedFirstProbe(this.#dueAt - this.#options.deps.clock.now(), before, settings));
  }

  /** Stops for good: aborts a running probe, and ignores its result. */
  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
    this.#age.end();
    if (this.#run !== undefined) this.#abandon(this.#run);
    this.#options.prober.close();
  }

  /** Probes as soon as possible, after a running probe: its answer may be older than the reason for the request. */
  probeSoon(): void {
    this.#probeRequested = true;
    if (this.#run !== undefined || this.#stopped) return;
    const earliest = Math.max(this.#options.deps.clock.now(), this.#lastProbeAt + MIN_GAP_MS);
    this.#dueAt = Math.min(this.#dueAt, earliest);
    this.#armTimer();
  }

  /** Fails a held check, with the reason of its failures. */
  endHold(): void {
    this.#progress = { ...this.#progress, state: "failing", failures: 0, successes: 0, reason: this.#heldReason };
    this.#options.listener.onProgress(this.#progress, undefined);
  }

  #onStale(): void {
    this.#countedAt = undefined;
    this.#progress = { ...PENDING, reason: this.#proberError ?? "stale" };
    this.#options.listener.onProgress(this.#progress, undefined);
  }

  #onTimer(): void {
    const { prober, deps } = this.#options;
    const now = deps.clock.now();
    const run = this.#run;
    if (run !== undefined && !run.late && now >= this.#deadlineOf(run)) this.#onDeadline(run);
    else if (now < this.#dueAt) this.#armTimer();
    else if (run !== undefined) this.#countHanging(run);
    else if (!this.#queued) {
      this.#queued = true;
      const start = () => deps.probeLimit.acquire(() => this.#startProbe());
      if (prober.reserve === undefined) start();
      else prober.reserve(start);
    }
  }

  #deadlineOf({ startedAt }: ProbeRun): number {
    return startedAt + this.#settings.timeoutMs;
  }

  #armTimer(): void {
    if (this.#stopped) return;
    const run = this.#run;
    const deadlineAt = run === undefined || run.late ? Number.POSITIVE_INFINITY : this.#deadlineOf(run);
    this.#timer.at(Math.min(this.#dueAt, deadlineAt));
  }

  #startProbe(): void {
    const { name, prober, deps } = this.#options;
    const { clock, probeLimit, stalls, instance } = deps;
    this.#queued = false;
    if (this.#stopped) {
      probeLimit.release();
      return;
    }
    const now = clock.now();
    const run = new ProbeRun(now, now - this.#dueAt, this.#settings.timeoutMs);
    stalls.probeStarted();
    this.#lastProbeAt = now;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#probeRequested = false;
    this.#run = run;
    this.#armTimer();
    background(this.#probe(prober, run), instance, `check ${name}`);
  }

  async #probe(prober: Prober, run: ProbeRun): Promise<void> {
    let finish: () => void;
    try {
      const result = await prober.probe(run);
      finish = () => this.#count(run, result);
    } catch (error) {
      finish = () => this.#onProberError(error);
    }
    this.#run = undefined;
    try {
      if (this.#stopped) return;
      // a result after the deadline is ignored: the timeout was counted, and only the next probe must be scheduled
      if (run.late) this.#scheduleNext(this.#lastProbeAt);
      else finish();
    } finally {
      if (!run.late) this.#releaseSlot();
    }
  }

  /** Aborts a run, and then frees its slot for another check. */
  #abandon(run: ProbeRun): void {
    const hasSlot = !run.late;
    run.late = true;
    run.end();
    this.#options.prober.cancel?.();
    if (hasSlot) this.#releaseSlot();
  }

  #releaseSlot(): void {
    const { probeLimit, stalls } = this.#options.deps;
    stalls.probeEnded();
    probeLimit.release();
  }

  #onDeadline(run: ProbeRun): void {
    this.#count(run, fail("timeout", `no answer within ${this.#settings.timeoutMs} ms`));
    this.#abandon(run);
    this.#armTimer();
  }

  /** Counts a timeout at a due time, because the last probe was aborted but has not ended. */
  #countHanging({ startedAt }: ProbeRun): void {
    const now = this.#options.deps.clock.now();
    const timing = { startedAt, startLagMs: now - this.#dueAt, since: this.#lastProbeAt };
    this.#lastProbeAt = now;
    this.#count(timing, fail("timeout", "the last probe was aborted but has not ended"));
  }

  #onProberError(error: unknown): void {
    const { name, deps } = this.#options;
    this.#proberError = error instanceof ProberError ? error.reason : "prober";
    publish("prober-failed", { instance: deps.instance, check: name, reason: this.#proberError, error });
    this.#scheduleNext(this.#lastProbeAt);
  }

  /** Counts a result, unless the event loop was blocked during the probe. */
  #count(timing: ProbeTiming, given: ProbeResult): void {
    const { name, deps, listener } = this.#options;
    const settings = this.#settings;
    const { clock, instance, stalls } = deps;
    const now = clock.now();
    const stallMs = stalls.since(timing.since, Math.min(STALL_MS, settings.timeoutMs / 2));
    if (stallMs > 0) {
      publish("result-dropped", { instance, check: name, stallMs });
      this.#lastIgnored = true;
      this.#scheduleNext(now);
      return;
    }
    const latencyMs = now - timing.startedAt;
    const result = withLatency(given, latencyMs, settings);
    const { outcome, reason, detail, certificateEndsAt } = result;
    const { startLagMs } = timing;
    publish("probe", { instance, check: name, outcome, reason, detail, latencyMs, startLagMs, certificateEndsAt });
    this.#proberError = undefined;
    this.#lastIgnored = false;
    this.#countedAt = now;
    this.#age.renew(now + settings.staleAfterMs);
    this.#progress = this.#afterIsolation(evaluate(this.#progress, result, settings, now), now);
    // an aborted probe needs a moment to end: counted from its start, that moment could cause a second timeout
    this.#scheduleNext(this.#run === undefined ? this.#lastProbeAt : now);
    listener.onProgress(this.#progress, { discovered: result.discovered, latencyMs, at: clock.wallTime() });
  }

  /** Applies the isolation rule to a check that is about to fail. */
  #afterIsolation(after: Progress, now: number): Progress {
    const before = this.#progress;
    if (after.failures === 1) this.#failingSince = now;
    const isFailing = after.state === "failing" && (before.state === "passing" || before.state === "warning");
    if (!isFailing) return after;
    if (before.failures === 0) this.#failingSince = now;
    const decision = this.#options.listener.onThreshold();
    switch (decision) {
      case "fail":
        return after;
      case "hold":
        this.#heldReason = after.reason;
        return { ...before, failures: this.#settings.unhealthyThreshold, failedAt: now };
      case "count-anew":
        return { ...before, failures: 1, failedAt: now };
      default:
        return decision satisfies never;
    }
  }

  #scheduleNext(from: number): void {
    const { deps } = this.#options;
    const settings = this.#settings;
    const delayMs = this.#lastIgnored ? settings.edgeIntervalMs : nextDelayMs(this.#progress, settings, deps.random);
    this.#dueAt = from + (this.#probeRequested && this.#run === undefined ? Math.min(delayMs, MIN_GAP_MS) : delayMs);
    this.#armTimer();
  }
}
