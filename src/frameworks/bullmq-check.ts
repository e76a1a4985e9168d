/**
 * What the check of a worker of BullMQ reports. BullMQ is not imported.
 *
 * A worker can be connected and running, and do nothing: its loop is stuck, or a job never ends. So the check counts the jobs
 * that wait, and listens to what the worker does:
 *
 *     closed, paused, not running                                       fails
 *     Redis is not connected, or does not answer                        fails
 *     no job waits, or the queue is paused, limited or full             passes
 *     jobs wait, the worker has a free place and takes none for 1 min   fails
 *     jobs wait, all places are taken and no job ends                   fails after `stalledAfter`, if that is set
 */
import type { EventEmitter } from "node:events";
import { type Clock, systemClock } from "../core/clock.js";
import { type DurationLike, durationAsGiven, formatDuration, parseDuration } from "../core/duration.js";
import { HealthError } from "../core/health-error.js";
import { requireKnownOptions } from "../core/option.js";
import type { CheckFunction } from "../probers/function.js";
import { type BullmqQueue, bullmqQueueOf } from "./bullmq-queue.js";

/** The part of a worker of BullMQ that is used. */
export interface BullmqWorker extends EventEmitter {
  readonly concurrency: number;
  /** Set when `close` was called. */
  readonly closing?: Promise<void> | undefined;
  readonly opts: object & { readonly limiter?: { readonly max: number } | undefined };
  isRunning(): boolean;
  isPaused(): boolean;
}

/** When a busy worker counts as stuck. */
export interface BullmqWorkerOptions {
  /**
   * Jobs wait, all places of the worker are taken, and no job has ended or reported progress for this long: the check
   * fails. It must be longer than the longest job. Default: never.
   */
  readonly stalledAfter?: DurationLike | undefined;
}

/** A worker with a free place takes a job at once. */
const FREE_PLACE_STALL_MS = 60_000;

/** What a worker emits when it has taken, worked on or ended a job. */
const ACTIVITIES = ["active", "progress", "completed", "failed", "resumed"] as const;

/** States of jobs that a worker should take. */
const WAITING = ["wait", "prioritized"] as const;

/** A check function for a worker. @throws HealthError INVALID_OPTION */
export function createWorkerCheck(worker: BullmqWorker, options: BullmqWorkerOptions): CheckFunction {
  requireKnownOptions("bullmqWorker", options, ["stalledAfter"]);
  const queue = bullmqQueueOf(worker);
  if (queue === undefined)
    throw new HealthError("INVALID_OPTION", "bullmqWorker: expected a Worker of BullMQ, version 5 or later");
  const { stalledAfter = Number.POSITIVE_INFINITY } = options;
  const stalledAfterMs = stalledAfter === Number.POSITIVE_INFINITY ? stalledAfter : parseDuration(stalledAfter);
  if (stalledAfterMs === undefined || stalledAfterMs === 0)
    throw new HealthError(
      "INVALID_OPTION",
      `stalledAfter must be a duration such as "10m", got ${durationAsGiven(stalledAfter)}`,
    );
  const check = new WorkerCheck({ worker, queue, stalledAfterMs, clock: systemClock });
  return ({ signal }) => check.run(signal);
}

interface WorkerCheckDeps {
  readonly worker: BullmqWorker;
  readonly queue: BullmqQueue;
  readonly stalledAfterMs: number;
  readonly clock: Clock;
}

class WorkerCheck {
  readonly #worker: BullmqWorker;
  readonly #queue: BullmqQueue;
  readonly #stalledAfterMs: number;
  readonly #clock: Clock;
  /** Jobs that the worker has taken, the oldest first. */
  readonly #jobs = new Set<string>();
  #activeAt: number;
  /** Since when jobs wait without a reason. */
  #waitingSince: number | undefined;
  /** One at a time: without Redis, the client keeps every command in memory. */
  #running: Promise<void> | undefined;

  constructor({ worker, queue, stalledAfterMs, clock }: WorkerCheckDeps) {
    this.#worker = worker;
    this.#queue = queue;
    this.#stalledAfterMs = stalledAfterMs;
    this.#clock = clock;
    this.#activeAt = clock.now();
    for (const event of ACTIVITIES)
      worker.on(event, () => {
        this.#activeAt = clock.now();
      });
    worker.on("active", ({ id }: { readonly id: string }) => this.#addJob(id));
    // BullMQ has no job for "failed" when it was removed
    for (const event of ["completed", "failed"])
      worker.on(event, (job: { readonly id: string } | undefined) => job && this.#jobs.delete(job.id));
  }

  /** Rejects with what is wrong. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#worker.closing !== undefined) throw new Error("the worker is closed");
    if (this.#worker.isPaused()) throw new Error("the worker is paused");
    if (!this.#worker.isRunning()) throw new Error("the worker does not run");
    if (this.#running === undefined) {
      this.#running = this.#inspect().finally(() => {
        this.#running = undefined;
      });
      this.#running.catch(() => {}); // it may fail when the check is over
    }
    await Promise.race([this.#running, rejectionOf(signal)]);
  }

  async #inspect(): Promise<void> {
    const status = await this.#queue.connectionStatus();
    if (status !== undefined && !["ready", "connect"].includes(status))
      throw new Error(`the worker is not connected to Redis: ${status}`);
    const counts = await this.#queue.getCounts(WAITING);
    const waiting = counts.reduce((sum, count) => sum + count, 0);
    if (waiting === 0 || (await this.#isHeldBack())) {
      this.#waitingSince = undefined;
      return;
    }
    const now = this.#clock.now();
    this.#waitingSince ??= now;
    const idleMs = now - Math.max(this.#waitingSince, this.#activeAt);
    const isFree = this.#jobs.size < this.#worker.concurrency && !(await this.#queue.isMaxed());
    const limitMs = isFree ? Math.min(FREE_PLACE_STALL_MS, this.#stalledAfterMs) : this.#stalledAfterMs;
    if (idleMs < limitMs) return;
    const text = `jobs wait (${waiting}), and the worker has ${isFree ? "taken" : "ended"} none`;
    throw new Error(`${text} for ${formatDuration(Math.floor(idleMs / 1_000) * 1_000)}`);
  }

  /** Whether a worker may leave jobs that wait: the queue is paused, limited, or other workers have all that it may run. */
  async #isHeldBack(): Promise<boolean> {
    if (await this.#queue.isPaused()) return true;
    if ((await this.#queue.getRateLimitTtl(this.#worker.opts.limiter?.max)) > 0) return true;
    return this.#jobs.size === 0 && (await this.#queue.isMaxed());
  }

  /** There is no event for a job that delays itself. So more jobs than the worker has places mean that the oldest has ended. */
  #addJob(id: string): void {
    this.#jobs.delete(id);
    this.#jobs.add(id);
    for (const oldest of this.#jobs) if (this.#jobs.size > this.#worker.concurrency) this.#jobs.delete(oldest);
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(new Error("Redis does not answer"));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
