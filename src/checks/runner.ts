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
 * A check has one appointment, at its due time or at the deadline of its probe, whichever comes first.
 */
import type { Appointment } from "../core/agenda.js";
import { background } from "../core/background.js";
import { publish } from "../core/channels.js";
import { fail, type ProbeResult, type Prober, ProberError } from "../probers/prober.js";
import { evaluate, nextDelayMs, PENDING, type Progress, withLatency } from "./evaluate.js";
import { Flight, type Measure } from "./flight.js";
import type { Age } from "./freshness.js";
import type { Judgement } from "./isolation.js";
import type { RunnerMeans } from "./runner-means.js";
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
  readonly means: RunnerMeans;
  readonly listener: RunnerListener;
}

/** A check is looked at again after this at the earliest, whoever asks for it. */
const LEAST_GAP_MS = 250;

export class CheckRunner {
  readonly #options: RunnerOptions;
  #settings: CompleteSettings;
  readonly #appointment: Appointment;
  readonly #age: Age;
  #progress: Progress = PENDING;
  /** When the last probe was due; one that hangs makes this later than the start of its flight. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #flight: Flight | undefined;
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
    this.#appointment = options.means.agenda.appointment(() => this.#onTime());
    this.#age = options.means.freshness.follow(() => this.#becomeStale());
    options.prober.onChange?.(() => this.lookSoon());
  }

  /** Has the first probe start after `delayMs`; before that, the delay can be changed. */
  start(delayMs: number): void {
    this.#dueAt = this.#options.means.clock.now() + delayMs;
    this.#appointment.at(this.#dueAt);
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
    if (this.started && this.#flight === undefined && !this.#waiting) this.#scheduleNext(this.#lookedAt);
  }

  /** Stops for good: cancels what runs, and drops its result. */
  stop(): void {
    this.#stopped = true;
    this.#appointment.cancel();
    this.#age.end();
    if (this.#flight !== undefined) this.#giveUp(this.#flight);
    this.#options.prober.close();
  }

  /** Brings the next look forward. During a look it waits for its end: the answer may be older than the reason to ask. */
  lookSoon(): void {
    this.#wanted = true;
    if (this.#flight !== undefined || this.#stopped) return;
    const earliest = Math.max(this.#options.means.clock.now(), this.#lookedAt + LEAST_GAP_MS);
    this.#dueAt = Math.min(this.#dueAt, earliest);
    this.#book();
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
    const { clock, flights } = this.#options.means;
    const now = clock.now();
    const flight = this.#flight;
    if (flight !== undefined && !flight.late && now >= this.#deadlineOf(flight)) this.#timeUp(flight);
    else if (now < this.#dueAt) this.#book();
    else if (flight !== undefined) this.#countHanging(flight);
    else if (!this.#waiting) {
      this.#waiting = true;
      flights.request(() => this.#depart());
    }
  }

  #deadlineOf({ startedAt }: Flight): number {
    return startedAt + this.#settings.timeoutMs;
  }

  #book(): void {
    if (this.#stopped) return;
    const flight = this.#flight;
    const deadlineAt = flight === undefined || flight.late ? Number.POSITIVE_INFINITY : this.#deadlineOf(flight);
    this.#appointment.at(Math.min(this.#dueAt, deadlineAt));
  }

  #depart(): void {
    const { name, prober, means } = this.#options;
    const { clock, flights, stalls, instance } = means;
    this.#waiting = false;
    if (this.#stopped) {
      flights.land();
      return;
    }
    const now = clock.now();
    const flight = new Flight(now, now - this.#dueAt, this.#settings.timeoutMs);
    stalls.depart();
    this.#lookedAt = now;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#wanted = false;
    this.#flight = flight;
    this.#book();
    background(this.#look(prober, flight), instance, `check ${name}`);
  }

  async #look(prober: Prober, flight: Flight): Promise<void> {
    let tell: () => void;
    try {
      const result = await prober.probe(flight);
      tell = () => this.#count(flight, result);
    } catch (error) {
      tell = () => this.#failToLook(error);
    }
    this.#flight = undefined;
    try {
      if (this.#stopped) return;
      // what comes after the deadline is dropped: the timeout has been counted, and only the next look has to be booked
      if (flight.late) this.#scheduleNext(this.#lookedAt);
      else tell();
    } finally {
      if (!flight.late) this.#giveBack();
    }
  }

  /** Waits for a flight no longer: its work is told to end, and then its place is free for another check. */
  #giveUp(flight: Flight): void {
    const isHeld = !flight.late;
    flight.late = true;
    flight.end();
    this.#options.prober.cancel?.();
    if (isHeld) this.#giveBack();
  }

  #giveBack(): void {
    const { flights, stalls } = this.#options.means;
    stalls.land();
    flights.land();
  }

  #timeUp(flight: Flight): void {
    this.#count(flight, fail("timeout", `no answer within ${this.#settings.timeoutMs} ms`));
    this.#giveUp(flight);
    this.#book();
  }

  /** The probe before has not stopped yet, though it was told to. */
  #countHanging({ startedAt }: Flight): void {
    const now = this.#options.means.clock.now();
    const measure = { startedAt, startLagMs: now - this.#dueAt, since: this.#lookedAt };
    this.#lookedAt = now;
    this.#count(measure, fail("timeout", "the probe before has not stopped yet"));
  }

  #failToLook(error: unknown): void {
    const { name, means } = this.#options;
    this.#blind = error instanceof ProberError ? error.reason : "prober";
    publish("prober-failed", { instance: means.instance, check: name, reason: this.#blind, error });
    this.#scheduleNext(this.#lookedAt);
  }

  /** Lets a result count, unless our own loop stood still meanwhile. */
  #count(measure: Measure, found: ProbeResult): void {
    const { name, means, listener } = this.#options;
    const settings = this.#settings;
    const { clock, instance, stalls } = means;
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
    this.#scheduleNext(this.#flight === undefined ? this.#lookedAt : now);
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
    const { means } = this.#options;
    const settings = this.#settings;
    const delayMs = this.#void ? settings.edgeIntervalMs : nextDelayMs(this.#progress, settings, means.random);
    this.#dueAt = from + (this.#wanted && this.#flight === undefined ? Math.min(delayMs, LEAST_GAP_MS) : delayMs);
    this.#book();
  }
}
