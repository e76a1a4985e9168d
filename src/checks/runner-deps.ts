/**
 * What all runners of an engine share (one timer queue, one concurrency limit, one stall and one staleness rule), and what
 * each of them reports.
 */
import { publish } from "../core/channels.js";
import type { Clock, Random } from "../core/clock.js";
import { TimerQueue } from "../core/timer-queue.js";
import type { ProbeResult, Prober } from "../probers/prober.js";
import { ConcurrencyLimit } from "./concurrency-limit.js";
import type { Progress } from "./evaluate.js";
import { Freshness } from "./freshness.js";
import type { FailureDecision } from "./isolation.js";
import { Lateness } from "./lateness.js";
import type { CompleteSettings } from "./settings.js";
import { Stalls } from "./stalls.js";

export interface RunnerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly instance: string;
  readonly timers: TimerQueue;
  readonly probeLimit: ConcurrencyLimit;
  readonly stalls: Stalls;
  readonly lateness: Lateness;
  readonly freshness: Freshness;
}

/** The measurements of the last result that counted. */
export interface LastProbe {
  readonly discovered: ProbeResult["discovered"];
  /** `undefined`: a report, which came without a probe. */
  readonly latencyMs: number | undefined;
  /** The age of a report, in milliseconds; `undefined`: it is the result of a probe. */
  readonly ageMs: number | undefined;
  /** Wall time at which the result came, in milliseconds since 1970. */
  readonly at: number;
}

/** Receives the progress of a check. */
export interface RunnerListener {
  /** Called after each result that counts, and without `last` when the last result or an assumption has ended. */
  onProgress(progress: Progress, last: LastProbe | undefined): void;
  /** Called when the failures have reached the threshold: decides whether the check fails. */
  onThreshold(): FailureDecision;
  /** Called when the prober could not probe. The progress stays. */
  onProberError?(reason: string): void;
}

/** One check, with what its runner needs. */
export interface RunnerOptions {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CompleteSettings;
  readonly deps: RunnerDeps;
  readonly listener: RunnerListener;
}

export function createRunnerDeps(clock: Clock, random: Random, instance: string): RunnerDeps {
  const timers = new TimerQueue(clock);
  const stalls = new Stalls({ clock, timers, instance });
  return {
    clock,
    random,
    instance,
    timers,
    probeLimit: new ConcurrencyLimit((action) => void clock.setTimer(0, action)),
    stalls,
    lateness: new Lateness({ clock, timers, instance }),
    freshness: new Freshness(clock),
  };
}

/** Stops a runner for good. What its prober throws is published as a fault: the other runners are stopped as well. */
export function endRunner(runner: { stop(): void }, instance: string): void {
  try {
    runner.stop();
  } catch (error) {
    publish("fault", { instance, where: "the end of a check", error });
  }
}
