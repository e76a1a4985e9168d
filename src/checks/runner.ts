/**
 * The loop that runs one check.
 *
 *     due --> free slot --> probe, with a deadline --> result --> stall? --> evaluate --> listener --> due again
 *                                  |                        ^          | yes
 *                                  +-- deadline: abort -----+          '--> ignored, probed again
 *                                  |     `timeout`
 *                                  '-- 1 s later, or due again, and still not ended: abandoned, the check goes on
 * A delay of healthbridge itself moves the deadline by as much.
 */
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import { messageOf } from "../core/health-error.js";
import type { Timer } from "../core/timer-queue.js";
import { fail, type ProbeResult, type Prober, ProberError } from "../probers/prober.js";
import type { Assumption } from "./assumption.js";
import { DueTime } from "./due-time.js";
import { nextDelayMs, withLatency } from "./evaluate.js";
import { ProbeRun, ProbeRuns, type ProbeTiming } from "./probe-run.js";
import type { RunnerOptions } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";
import { movedFirstProbe } from "./spread.js";
import { stallLimitMs } from "./stalls.js";
import { Validity } from "./validity.js";
import { Verdict } from "./verdict.js";

export class CheckRunner {
  readonly #options: RunnerOptions;
  #settings: CompleteSettings;
  /** For the due time, the deadline of a probe, or its abandonment. */
  readonly #timer: Timer;
  /** Until when its state counts. */
  readonly validity: Validity;
  readonly verdict: Verdict;
  readonly #due = new DueTime();
  readonly #runs: ProbeRuns;
  #queued = false;
  #stopped = false;
  /** The last result was ignored because of a stall. */
  #lastIgnored = false;
  #proberError: { readonly reason: string; readonly detail: string } | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    const { name: check, deps } = options;
    this.#runs = new ProbeRuns({ check, instance: deps.instance, clock: deps.clock });
    this.verdict = new Verdict(options);
    this.#timer = deps.timers.create(() => this.#onTimer());
    this.validity = new Validity(options, (reason) => this.#onStale(reason));
    options.prober.onChange?.(() => this.probeSoon());
    options.prober.onResult?.((result, ageMs) => this.#take(result, ageMs));
  }

  /** Starts the first probe after `delayMs`. Until then, it can be called again with another delay. */
  start(delayMs: number): void {
    this.#due.at = this.#options.deps.clock.now() + delayMs;
    this.#timer.at(this.#due.at);
  }

  /** What the listener shows until the first result; `undefined` after it, and while pending. */
  get assumption(): Assumption | undefined {
    return this.validity.assumption;
  }

  /** The state that a check with another target takes over; `undefined` while pending. */
  get lastState(): Assumption | undefined {
    return this.validity.lastState(this.verdict.progress.state);
  }

  /** Monotonic time of the start of the last probe; negative infinity before the first one. */
  get lastProbeAt(): number {
    return this.#due.lastAt;
  }

  /** Monotonic time of the next probe; infinite while one runs. */
  get nextProbeAt(): number {
    return this.#due.at;
  }

  /** Changes the schedule and the thresholds. The state stays, as long as `staleAfter` allows. */
  change(settings: CompleteSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    if (this.#stopped) return;
    this.validity.change(settings);
    if (this.#runs.current !== undefined || this.#queued) return;
    const { at, lastAt } = this.#due;
    if (Number.isFinite(lastAt)) this.#scheduleNext(lastAt);
    else if (at !== Number.POSITIVE_INFINITY)
      this.start(movedFirstProbe(at - this.#options.deps.clock.now(), before, settings));
  }

  /** Counts nothing any more: its check is removed. `stop` follows, which takes time. */
  ignoreResults(): void {
    this.#stopped = true;
    this.#runs.isPublishing = false;
    this.#due.end();
    this.#timer.cancel();
  }

  /** Stops for good: aborts a running probe, and ignores its result. The prober can be used again. */
  stop(): void {
    this.ignoreResults();
    this.validity.end();
    if (this.#runs.current !== undefined) this.#abort(this.#runs.current);
    this.#options.prober.close();
  }

  /** Probes as soon as possible, after a running probe: its answer may be older than the reason for the request. */
  probeSoon(): void {
    this.#due.request();
    if (this.#runs.current !== undefined || this.#stopped) return;
    this.#due.hurry(this.#options.deps.clock.now());
    this.#armTimer();
  }

  /** Fails a held check, with the reason of its failures. */
  endHold(): void {
    this.#options.listener.onProgress(this.verdict.endHold(), undefined);
  }

  #onStale(reason: "stale" | "pending"): void {
    const { reason: cause = reason, detail } = this.#proberError ?? {};
    this.#options.listener.onProgress(this.verdict.reset(cause, detail), undefined);
  }

  #onTimer(): void {
    const { prober, deps } = this.#options;
    const now = deps.clock.now();
    const run = this.#runs.current;
    if (run !== undefined && !run.late && now >= run.deadlineAt) this.#onDeadline(run, now);
    else if (this.#runs.mayAbandon && now >= Math.min(this.#runs.limitAt, this.#due.at)) this.#abandon();
    else if (now < this.#due.at) this.#armTimer();
    else if (run !== undefined) this.#countHanging(run);
    else if (!this.#queued) {
      this.#queued = true;
      const start = () => deps.probeLimit.acquire(() => this.#startProbe(), this.validity);
      if (prober.reserve === undefined) start();
      else prober.reserve(start);
    }
  }

  #armTimer(): void {
    if (!this.#stopped) this.#timer.at(Math.min(this.#due.at, this.#runs.limitAt));
  }

  #abandon(): void {
    this.#runs.abandon();
    this.#armTimer();
  }

  #startProbe(): void {
    const { name, prober, deps } = this.#options;
    const { clock, probeLimit, stalls, lateness, instance } = deps;
    this.#queued = false;
    const now = clock.now();
    if (this.#stopped || now < this.#due.at) {
      probeLimit.release(); // a result has come meanwhile
      this.#armTimer();
      return;
    }
    stalls.probeStarted();
    const { timeoutMs } = this.#settings;
    const startLagMs = this.#due.begin(now);
    const run = new ProbeRun({ startedAt: now, startLagMs, timeoutMs, lostMs: stalls.lostMs, deadlines: stalls });
    this.#runs.current = run;
    this.#armTimer();
    lateness.started(startLagMs);
    background(this.#probe(prober, run), instance, `check ${name}`);
  }

  async #probe(prober: Prober, run: ProbeRun): Promise<void> {
    let finish: () => void;
    let isOwnFault = false;
    try {
      const result = await prober.probe(run);
      finish = () => this.#count(run, result);
    } catch (error) {
      finish = () => this.#onProberError(run, error);
      isOwnFault = error instanceof ProberError;
    }
    if (this.#runs.end(run) === "abandoned") return this.#armTimer(); // a second run that hangs may be abandoned now
    try {
      if (this.#stopped) return;
      if (run.late && !isOwnFault) this.#countTimeout(run);
      const isTaken = run.isCounted;
      run.isCounted = true;
      // a result after the deadline is ignored: only the next probe must be scheduled
      return isTaken ? this.#scheduleNext(this.#due.lastAt) : finish();
    } finally {
      if (!run.late) this.#releaseSlot();
    }
  }

  /** Aborts a run, and then frees its slot for another check. */
  #abort(run: ProbeRun): void {
    const hasSlot = !run.late;
    run.abort(this.#options.deps.clock.now());
    this.#options.prober.cancel?.();
    if (hasSlot) this.#releaseSlot();
  }

  #releaseSlot(): void {
    this.#options.deps.stalls.probeEnded();
    this.#options.deps.probeLimit.release();
  }

  /**
   * Where healthbridge itself has used up the time (no name server answers), the aborted probe rejects with a prober error
   * before the next turn of the event loop. Otherwise the target has not answered in time.
   */
  #onDeadline(run: ProbeRun, now: number): void {
    const { clock, stalls } = this.#options.deps;
    run.deadlineAt = stalls.deadlineOf(run);
    if (run.deadlineAt <= now) {
      this.#abort(run);
      clock.setTimer(0, () => this.#countTimeout(run));
    }
    this.#armTimer();
  }

  #countTimeout(run: ProbeRun): void {
    if (this.#stopped || run.isCounted) return;
    run.isCounted = true;
    this.#count(run, fail("timeout", `no answer within ${run.timeoutMs} ms`));
  }

  /** Counts a timeout at a due time, because the last probe was aborted but has not ended. */
  #countHanging({ startedAt }: ProbeRun): void {
    const now = this.#options.deps.clock.now();
    const timing = { startedAt, startLagMs: now - this.#due.at, since: this.#due.lastAt };
    this.#due.lastAt = now;
    this.#count(timing, fail("timeout", "the last probe was aborted but has not ended"));
  }

  /** Counts a result that came without a probe. The time to the next probe starts with it. */
  #take(result: ProbeResult, ageMs: number): void {
    if (this.#stopped) return;
    const now = this.#options.deps.clock.now();
    this.#due.lastAt = now - ageMs;
    this.#count({ startedAt: now, startLagMs: 0, since: now, ageMs }, result);
  }

  #onProberError(run: ProbeRun, error: unknown): void {
    if (this.#isSpoilt(run)) return;
    const { name, deps, listener } = this.#options;
    const reason = error instanceof ProberError ? error.reason : "prober";
    this.#proberError = { reason, detail: messageOf(error) };
    publish("prober-failed", { instance: deps.instance, check: name, reason, error });
    listener.onProberError?.(reason);
    this.#scheduleNext(this.#due.lastAt);
  }

  /** Whether the event loop was blocked during the probe. Then its result is ignored, and it is probed again. */
  #isSpoilt({ since, ageMs, timeoutMs = this.#settings.timeoutMs }: ProbeTiming): boolean {
    const { name, deps } = this.#options;
    // a result that came without a probe was not timed
    const stall = ageMs === undefined ? deps.stalls.since(since, stallLimitMs(timeoutMs)) : undefined;
    this.#lastIgnored = stall !== undefined;
    if (stall === undefined) return false;
    deps.probeLimit.adapt(stall, deps.lateness.isLate);
    publish("result-dropped", { instance: deps.instance, check: name, stallMs: stall.stallMs });
    this.#scheduleNext(deps.clock.now());
    return true;
  }

  #count(timing: ProbeTiming, given: ProbeResult): void {
    if (this.#isSpoilt(timing)) return;
    const { name, deps, listener } = this.#options;
    const { clock, instance, stalls, lateness, probeLimit } = deps;
    const settings = this.#settings;
    const now = clock.now();
    if (timing.ageMs === undefined) probeLimit.adapt(undefined, lateness.isLate);
    const { startLagMs, ageMs = 0, startedAt, lostMs = stalls.lostMs } = timing;
    const latencyMs = now - startedAt;
    const result = withLatency(given, latencyMs - (stalls.lostMs - lostMs), settings);
    const { outcome, reason, detail, certificateEndsAt } = result;
    publish("probe", { instance, check: name, outcome, reason, detail, latencyMs, startLagMs, certificateEndsAt });
    this.#proberError = undefined;
    const { isInherited } = this.validity;
    if (!isInherited) this.validity.count(now - ageMs);
    const progress = this.verdict.count(result, settings, now);
    // a failure that decides nothing does not prolong what others have decided
    if (isInherited && progress.failures === 0) this.validity.count(now - ageMs);
    // an aborted probe needs a moment to end: counted from its start, that moment could cause a second timeout
    this.#scheduleNext(this.#runs.current === undefined ? this.#due.lastAt : now);
    const last = { discovered: result.discovered, at: clock.wallTime() - ageMs, ageMs: timing.ageMs };
    listener.onProgress(progress, { ...last, latencyMs: timing.ageMs === undefined ? latencyMs : undefined });
  }

  #scheduleNext(from: number): void {
    const { random } = this.#options.deps;
    const { edgeIntervalMs } = this.#settings;
    const delayMs = this.#lastIgnored ? edgeIntervalMs : nextDelayMs(this.verdict.progress, this.#settings, random);
    this.#due.next(from, delayMs, this.#runs.current !== undefined);
    this.#armTimer();
  }
}
