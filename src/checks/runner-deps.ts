/** What all runners of an engine share: one timer queue, one concurrency limit, one stall and one staleness rule. */
import { publish } from "../core/channels.js";
import type { Clock, Random } from "../core/clock.js";
import { TimerQueue } from "../core/timer-queue.js";
import { ConcurrencyLimit } from "./concurrency-limit.js";
import { Freshness } from "./freshness.js";
import { Stalls } from "./stalls.js";

export interface RunnerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly instance: string;
  readonly timers: TimerQueue;
  readonly probeLimit: ConcurrencyLimit;
  readonly stalls: Stalls;
  readonly freshness: Freshness;
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
