/**
 * The one loop that runs a check.
 *
 *     due --> a free place --> probe, with a deadline --> result --> stall? --> evaluate --> tell --> due again
 *                                  |                        ^          | yes
 *                                  +-- deadline: abort -----+          '--> thrown away, asked again
 *                                        `timeout`
 *
 * Two probes of one check never run at once. One that doesn't stop when it is told to keeps its place: until it is
 * gone, every due time counts as another timeout, so that it can neither pile up nor hide that the target is silent.
 *
 * A check has one timer, at its due time or at the deadline of its probe, whichever comes first.
 */

import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import type { Timer } from "../core/timer-queue.js";
import { fail, type ProbeResult, type Prober, ProberError } from "../probers/prober.js";
import { evaluate, nextDelayMs, PENDING, type Progress, withLatency } from "./evaluate.js";
import type { Age } from "./freshness.js";
import type { Judgement } from "./isolation.js";
import { type Measure, ProbeRun } from "./probe-run.js";
import type { RunnerDeps } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";
import { STALL_MS } from "./stalls.js";

/** A result that counted, beside the progress that it made. */
export interface LastProbe {
  readonly discovered: ProbeResult["discovered"];
  readonly latencyMs: number;
  /** Wall time. */
  readonly at: number;
}

/** Who is told what a check has found. */
export interface RunnerListener {
  /** After each result that counts, and without one when the last has become too old. */
  onProgress(progress: Progress, last: LastProbe | undefined): void;
  /** The failures have reached the threshold: may the check fail? */
  judge(): Judgement;
}

/** What a runner needs. */
export interface RunnerOptions {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CompleteSettings;
  readonly deps: RunnerDeps;
  readonly listener: RunnerListener;
}

/** A check is looked at again after this at the earliest, whoever asks for it. */
const MIN_GAP_MS = 250;

export class CheckRunner {
  readonly #options: RunnerOptions;
  #settings: CompleteSettings;
  readonly #timer: Timer;
  readonly #age: Age;
  #progress: Progress = PENDING;
  /** When the last probe was due; one that hangs makes this later than the start of its run. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #run: ProbeRun | undefined;
  #waiting = false;
  /** Somebody wants to know soon, and nobody has looked since. */
  #wanted = false;
  #stopped = false;
  /** The last look doesn't count: our own loop stood still. */
  #void = false;
  /** Why we could not look, since the last result. */
  #blind: string | undefined;
  #failingSince = 0;
  /** Why the check would have failed, were it not held. */
  #heldReason: string | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#timer = options.deps.timers.create(() => this.#onTime());
    this.#age = options.deps.freshness.follow(() => this.#becomeStale());
    options.prober.onChange?.(() => this.lookSoon());
  }

  /** Has the first probe start after `delayMs`; before that, the delay can be changed. */
  start(delayMs: number): void {
    this.#dueAt = this.#options.deps.clock.now() + delayMs;
    this.#timer.at(this.#dueAt);
  }

  /** When the first of the present failures in a row came, in monotonic time. */
  get failingSince(): number {
    return this.#failingSince;
  }

  /** Whether the first probe has started. */
  get started(): boolean {
    return this.#lookedAt !== Number.NEGATIVE_INFINITY;
  }

  /** Gives the check another schedule and other thresholds. What it has found stays. */
  change(settings: CompleteSettings): void {
    this.#settings = settings;
    if (this.started && this.#run === undefined && !this.#waiting) this.#scheduleNext(this.#lookedAt);
  }

  /** Stops for good: cancels what runs, and drops its result. */
  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
    this.#age.end();
    if (this.#run !== undefined) this.#giveUp(this.#run);
    this.#options.prober.close();
  }

  /** Brings the next look forward. During a look it waits for its end: the answer may be older than the reason to ask. */
  lookSoon(): void {
    this.#wanted = true;
    if (this.#run !== undefined || this.#stopped) return;
    const earliest = Math.max(this.#options.deps.clock.now(), this.#lookedAt + MIN_GAP_MS);
    this.#dueAt = Math.min(this.#dueAt, earliest);
    this.#armTimer();
  }

  /** The check may be held no longer: it fails, for the reason of its failures. */
  letFail(): void {
    this.#progress = { ...this.#progress, state: "failing", failures: 0, successes: 0, reason: this.#heldReason };
    this.#options.listener.onProgress(this.#progress, undefined);
  }

  /** Forgets a result that is too old to count. */
  #becomeStale(): void {
    this.#progress = { ...PENDING, reason: this.#blind ?? "stale" };
    this.#options.listener.onProgress(this.#progress, undefined);
  }

  #onTime(): void {
    const { clock, probeLimit } = this.#options.deps;
    const now = clock.now();
    const run = this.#run;
    if (run !== undefined && !run.late && now >= this.#deadlineOf(run)) this.#timeUp(run);
    else if (now < this.#dueAt) this.#armTimer();
    else if (run !== undefined) this.#countHanging(run);
    else if (!this.#waiting) {
      this.#waiting = true;
      probeLimit.acquire(() => this.#startProbe());
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
    this.#waiting = false;
    if (this.#stopped) {
      probeLimit.release();
      return;
    }
    const now = clock.now();
    const run = new ProbeRun(now, now - this.#dueAt, this.#settings.timeoutMs);
    stalls.probeStarted();
    this.#lookedAt = now;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#wanted = false;
    this.#run = run;
    this.#armTimer();
    background(this.#look(prober, run), instance, `check ${name}`);
  }

  async #look(prober: Prober, run: ProbeRun): Promise<void> {
    let tell: () => void;
    try {
      const result = await prober.probe(run);
      tell = () => this.#count(run, result);
    } catch (error) {
      tell = () => this.#failToLook(error);
    }
    this.#run = undefined;
    try {
      if (this.#stopped) return;
      // what comes after the deadline is dropped: the timeout has been counted, and only the next look has to be booked
      if (run.late) this.#scheduleNext(this.#lookedAt);
      else tell();
    } finally {
      if (!run.late) this.#giveBack();
    }
  }

  /** Waits for a run no longer: its work is told to end, and then its place is free for another check. */
  #giveUp(run: ProbeRun): void {
    const isHeld = !run.late;
    run.late = true;
    run.end();
    this.#options.prober.cancel?.();
    if (isHeld) this.#giveBack();
  }

  #giveBack(): void {
    const { probeLimit, stalls } = this.#options.deps;
    stalls.probeEnded();
    probeLimit.release();
  }

  #timeUp(run: ProbeRun): void {
    this.#count(run, fail("timeout", `no answer within ${this.#settings.timeoutMs} ms`));
    this.#giveUp(run);
    this.#armTimer();
  }

  /** The probe before has not stopped yet, though it was told to. */
  #countHanging({ startedAt }: ProbeRun): void {
    const now = this.#options.deps.clock.now();
    const measure = { startedAt, startLagMs: now - this.#dueAt, since: this.#lookedAt };
    this.#lookedAt = now;
    this.#count(measure, fail("timeout", "the probe before has not stopped yet"));
  }

  #failToLook(error: unknown): void {
    const { name, deps } = this.#options;
    this.#blind = error instanceof ProberError ? error.reason : "prober";
    publish("prober-failed", { instance: deps.instance, check: name, reason: this.#blind, error });
    this.#scheduleNext(this.#lookedAt);
  }

  /** Lets a result count, unless our own loop stood still meanwhile. */
  #count(measure: Measure, found: ProbeResult): void {
    const { name, deps, listener } = this.#options;
    const settings = this.#settings;
    const { clock, instance, stalls } = deps;
    const now = clock.now();
    const stallMs = stalls.since(measure.since, Math.min(STALL_MS, settings.timeoutMs / 2));
    if (stallMs > 0) {
      publish("result-dropped", { instance, check: name, stallMs });
      this.#void = true;
      this.#scheduleNext(now);
      return;
    }
    const latencyMs = now - measure.startedAt;
    const result = withLatency(found, latencyMs, settings);
    const { outcome, reason, detail, certificateEndsAt } = result;
    const { startLagMs } = measure;
    publish("probe", { instance, check: name, outcome, reason, detail, latencyMs, startLagMs, certificateEndsAt });
    this.#blind = undefined;
    this.#void = false;
    this.#age.renew(now + settings.staleAfterMs);
    this.#progress = this.#judge(evaluate(this.#progress, result, settings, now), now);
    // one that is cancelled takes a moment to stop: counted from its start, that moment could make a second timeout
    this.#scheduleNext(this.#run === undefined ? this.#lookedAt : now);
    listener.onProgress(this.#progress, { discovered: result.discovered, latencyMs, at: clock.wallTime() });
  }

  /** Asks whether a check that is about to fail may. */
  #judge(after: Progress, now: number): Progress {
    const before = this.#progress;
    if (after.failures === 1) this.#failingSince = now;
    const falls = after.state === "failing" && (before.state === "passing" || before.state === "warning");
    if (!falls) return after;
    if (before.failures === 0) this.#failingSince = now;
    const judgement = this.#options.listener.judge();
    switch (judgement) {
      case "fail":
        return after;
      case "hold":
        this.#heldReason = after.reason;
        return { ...before, failures: this.#settings.unhealthyThreshold, failedAt: now };
      case "anew":
        return { ...before, failures: 1, failedAt: now };
      default:
        return judgement satisfies never;
    }
  }

  #scheduleNext(from: number): void {
    const { deps } = this.#options;
    const settings = this.#settings;
    const delayMs = this.#void ? settings.edgeIntervalMs : nextDelayMs(this.#progress, settings, deps.random);
    this.#dueAt = from + (this.#wanted && this.#run === undefined ? Math.min(delayMs, MIN_GAP_MS) : delayMs);
    this.#armTimer();
  }
}
