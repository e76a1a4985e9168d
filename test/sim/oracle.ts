/**
 * Checks everything that is reported of one target against the target's true state and the outcomes of its probes. It
 * uses the settings of docs/conformance.md, part E, and the rules of docs/checks.md, and imports no code of the engine.
 *
 *     results   each probe is reported once: with its outcome, at its end or its deadline; or as ignored, if and only if
 *               the event loop was blocked during the probe; or as a prober error
 *     status    is always the one that follows from the counted results (see `verdict`)
 *     schedule  the next probe starts within the jitter of its interval, later only while the event loop is blocked or no
 *               slot is free, and never while another one runs. A probe is aborted at its deadline. Delays of the event
 *               loop since its start move the deadline, by at most two timeouts; a stall, by which the result is ignored
 *               whatever it is, does not. If it then does not end, it is
 *               abandoned after a second or at the next due time. At most one is abandoned: for a second one, each due
 *               time is one more timeout
 *     delay     a failure is published within   interval           + (threshold - 1) x edge interval, + jitter, + timeouts
 *               a recovery is published within  unhealthy interval + (threshold - 1) x edge interval, + jitter, + timeouts
 *
 * The last rule does not use the outcomes of the probes, so it finds mistakes in the other rules. It excludes the time in
 * which the target could not be probed, to the millisecond: from the start of a probe that was not counted to the start
 * of the next one, and every delay by a blocked event loop or by the lack of a slot. A lost probe counts as a failure: the
 * time until a recovery starts again with it.
 */
import type { Contract } from "./contract.js";
import { EventLog } from "./event-log.js";
import type { Observer, Outcome } from "./target.js";
import { type Assumed, type Status, Verdict } from "./verdict.js";

export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** What the oracle knows of the simulation, beside its target. */
export interface World {
  now(): number;
  /** The last times in which the event loop was blocked, the oldest first. */
  readonly stalls: readonly TimeSpan[];
  /** The last time in which all slots were in use; `to` is infinite while they are. */
  readonly saturated: TimeSpan;
  report(fault: string): void;
}

/** What the engine publishes before the first result. */
export interface OracleOptions {
  readonly initial?: Assumed | undefined;
  readonly replaced?: Oracle | undefined;
}

/** What the engine publishes of a probe: a result that counts, an ignored one, or a prober error. */
export type Reported = "pass" | "fail" | "ignored" | "prober-error";

/** The engine measures stalls with ticks: it may measure a stall as shorter by one tick. */
const TICK_MS = 100;

/** A delay that the engine measures as no longer than this is normal, and moves nothing. */
const NORMAL_MS = 20;

/** Delays move a deadline by at most so many timeouts. */
const MAX_MOVED_TIMEOUTS = 2;

/** The longest delay by which a result is not ignored. */
const stallLimitMs = (timeoutMs: number) => Math.min(500, timeoutMs / 2);

/** The tick while no probe runs. An aborted probe does not count as running. */
const IDLE_TICK_MS = 1_000;

/** An aborted probe that has not ended is abandoned after this time. */
const ABANDON_MS = 1_000;

/** Tolerance for sums of floating point numbers. */
const ROUNDING_MS = 0.001;

export class Oracle implements Observer {
  readonly #world: World;
  readonly #contract: Contract;
  readonly #log: EventLog;
  readonly #verdict: Verdict;
  #published: Status = "UNKNOWN";
  #state: "up" | "down" = "up";
  /** Start of the delay rule for the current state, and the time since then in which the target could not be probed. */
  #dueFrom = 0;
  #excusedMs = 0;
  /** Time that flapping added to the recovery at the last result. */
  #flappingMs = 0;

  /** The last probe: its outcome, whether it was reported, and whether it was not counted. */
  #startedAt = Number.NEGATIVE_INFINITY;
  #probe = 0;
  #running = false;
  #aborted = false;
  /** The number of a probe that was abandoned and has not ended. */
  #abandoned: number | undefined;
  #outcome: Outcome = "silence";
  #isReported = true;
  /** When the report of an aborted probe must have come: the moment of the abort. */
  #reportDueAt = Number.POSITIVE_INFINITY;
  #uncounted = false;
  /** The last result was ignored: the target is probed again soon. */
  #ignored = false;
  /** Its start; if it does not end after its deadline, the time of the last timeout. */
  #lastProbeAt = Number.NEGATIVE_INFINITY;
  /** When the next probe is due. */
  #earliest = 0;
  #latest: number;

  /** @param replaced the oracle of the target that this one replaces: its status is kept for a while */
  constructor(name: string, contract: Contract, world: World, options: OracleOptions = {}) {
    const { initial, replaced } = options;
    const now = world.now();
    this.#world = world;
    this.#contract = contract;
    this.#log = new EventLog(name, world);
    this.#verdict = new Verdict(contract, replaced === undefined ? initial : replaced.#verdict.handOver(now));
    if (replaced !== undefined) this.#published = replaced.#published;
    this.#dueFrom = now;
    this.#earliest = now;
    // a changed target is probed at once
    this.#latest = replaced === undefined ? now + contract.intervalMs : now;
  }

  onState(state: "up" | "down"): void {
    this.#log.add(state);
    this.#checkDelay();
    this.#state = state;
    this.#restartBound(this.#world.now());
    if (!this.#running) this.#uncounted = false; // the wait for the next probe is part of every bound
  }

  onStart(): void {
    const now = this.#world.now();
    this.#log.add("a probe starts");
    if (this.#running) this.#fault("two probes of one check run at once");
    if (!this.#isReported) this.#fault("a probe was not reported");
    this.#checkStart("a probe starts");
    this.#excusedMs = this.#excused();
    this.#probe += 1;
    this.#startedAt = now;
    this.#lastProbeAt = now;
    this.#running = true;
    this.#aborted = false;
    this.#outcome = "silence";
    this.#isReported = false;
    this.#uncounted = false;
  }

  onAbort(): void {
    const now = this.#world.now();
    this.#log.add("the probe is aborted");
    const { earliest, latest } = this.#movedDeadline();
    if (now < earliest - ROUNDING_MS) this.#fault(`a probe is aborted ${ms(earliest - now)} before its deadline`);
    if (now > latest + ROUNDING_MS) this.#fault(`a probe is aborted ${ms(now - latest)} after its deadline`);
    if (!this.#isReported) this.#reportDueAt = now;
    this.#aborted = true;
  }

  #checkDeadline(): void {
    if (this.#world.now() <= this.#reportDueAt + ROUNDING_MS) return;
    this.#fault("a probe is not reported at its deadline");
    this.#reportDueAt = Number.POSITIVE_INFINITY;
  }

  /** The check goes on without a probe that was aborted and does not end. */
  onAbandoned(): void {
    const now = this.#world.now();
    this.#checkDeadline();
    this.#log.add("the probe is abandoned");
    if (!this.#running || !this.#aborted) this.#fault("a probe is abandoned that was not aborted");
    if (this.#abandoned !== undefined) this.#fault("a second probe is abandoned");
    const earliest = Math.min(this.#deadline + ABANDON_MS, this.#earliest);
    if (now < earliest - ROUNDING_MS) this.#fault(`a probe is abandoned ${ms(earliest - now)} too early`);
    // it ran when the state changed, and the time to the next probe counts from its deadline
    if (this.#lastProbeAt < this.#dueFrom) this.#excusedMs += Math.max(0, this.#deadline - this.#dueFrom);
    this.#abandoned = this.#probe;
    this.#running = false;
  }

  onEnd(outcome: Outcome, probe: number): void {
    this.#log.add(outcome);
    if (probe === this.#abandoned) {
      this.#abandoned = undefined;
      return;
    }
    this.#checkDeadline();
    if (this.#aborted && outcome !== "silence") this.#fault("a probe was aborted, though its answer had arrived");
    if (this.#isReported && !this.#uncounted) this.#excuseLateStop();
    this.#running = false;
    this.#outcome = outcome;
    if (this.#isReported) this.#planNext();
  }

  onReported(reported: Reported): void {
    this.#log.add(`reported: ${reported}`);
    this.#checkDeadline();
    this.#reportDueAt = Number.POSITIVE_INFINITY;
    if (this.#isReported && this.#aborted && this.#running) this.#onFurtherTimeout(reported);
    else this.#onResult(reported);
  }

  onStatus(status: Status): void {
    this.#log.add(status);
    this.#checkDelay();
    this.#published = status;
    this.#checkStatus();
  }

  onRead(status: Status): void {
    this.#checkDeadline();
    if (status !== this.#published) this.#fault(`${status} is read, but ${this.#published} was published`);
    this.#checkDelay();
    this.#checkStatus();
    if (this.#isReported && this.#world.now() > this.#latest) this.#checkStart("no probe starts: the next is");
  }

  get #deadline(): number {
    return this.#startedAt + this.#contract.timeoutMs;
  }

  #onResult(reported: Reported): void {
    if (this.#isReported) this.#fault("a result is reported without a probe");
    const outcome = this.#running ? "silence" : this.#outcome;
    this.#checkReported(reported, outcome, TICK_MS);
    this.#isReported = true;
    this.#uncounted = reported === "ignored" || reported === "prober-error";
    if (!this.#uncounted) this.#count(outcome === "pass", this.#startedAt);
    if (!this.#uncounted) this.#excusedMs += this.#since(this.#deadline);
    this.#planNext();
  }

  /** A probe that was aborted has not ended: that is one more timeout. */
  #onFurtherTimeout(reported: Reported): void {
    this.#checkStart("one more timeout is reported");
    if (this.#abandoned === undefined) this.#fault("a probe that does not end is not abandoned");
    this.#checkReported(reported, "silence", IDLE_TICK_MS);
    this.#excusedMs = this.#excused();
    this.#lastProbeAt = this.#world.now();
    this.#uncounted = reported === "ignored";
    if (!this.#uncounted) this.#count(false, this.#lastProbeAt);
    this.#planNext();
  }

  /** A probe has ended after it was aborted. Meanwhile, no other one could start; that it is abandoned in time, the schedule says. */
  #excuseLateStop(): void {
    const due = this.#lastProbeAt + this.#verdict.gapMs * (1 + this.#contract.jitter);
    this.#excusedMs += this.#since(due);
  }

  #checkReported(reported: Reported, outcome: Outcome, tickMs: number): void {
    if (reported !== "prober-error") this.#ignored = reported === "ignored";
    const expected = outcome === "prober-error" ? "prober-error" : outcome === "pass" ? "pass" : "fail";
    const limitMs = stallLimitMs(this.#contract.timeoutMs);
    const stallMs = this.#longestStallMs();
    if (reported !== expected && (reported !== "ignored" || expected === "prober-error"))
      this.#fault(`${reported} is reported for the outcome ${outcome}`);
    if (reported === "ignored" && stallMs <= limitMs)
      this.#fault(`a result is ignored, though the event loop was blocked for ${ms(stallMs)} at most`);
    if (reported !== "ignored" && reported !== "prober-error" && stallMs > limitMs + tickMs)
      this.#fault(`a result counts, though the event loop was blocked for ${ms(stallMs)}`);
  }

  /** Counts a result of a probe that started at `beganAt`. A failure while the target is up restarts the delay rule. */
  #count(passed: boolean, beganAt: number): void {
    this.#flappingMs = this.#verdict.flappingMs;
    this.#verdict.count(passed, this.#world.now());
    if (!passed && this.#state === "up" && this.#dueFrom <= beganAt) this.#restartBound(beganAt);
  }

  /** Computes when the next probe is due; while an aborted probe has not ended, the next timeout. */
  #planNext(): void {
    const now = this.#world.now();
    const { edgeMs, jitter } = this.#contract;
    const { gapMs } = this.#verdict;
    const from = this.#running ? now : this.#lastProbeAt;
    const minMs = this.#ignored ? Math.min(gapMs, edgeMs) : gapMs;
    this.#earliest = Math.max(now, from + minMs * (1 - jitter));
    // after an ignored result, the next probe starts after the edge interval, counted from now
    const isRepeated = this.#ignored && this.#outcome !== "prober-error";
    this.#latest = isRepeated ? now + edgeMs * (1 + jitter) : Math.max(now, from + gapMs * (1 + jitter));
    if (this.#running || !this.#uncounted || this.#lastProbeAt >= this.#dueFrom) return;
    // it ran when the state changed: the bound includes the time until the next probe
    this.#excusedMs += this.#since(this.#lastProbeAt);
    this.#uncounted = false;
  }

  /**
   * Each delay since the start moves it, and the engine may measure each as shorter by one tick. A stall moves nothing; but the
   * delays before it may have moved the deadline into it.
   */
  #movedDeadline(): { readonly earliest: number; readonly latest: number } {
    const stalls = this.#world.stalls.filter(({ to }) => to > this.#startedAt);
    const delays = stalls.map(({ from, to }) => to - Math.max(from, this.#startedAt));
    const earliest = this.#movedBy(delays, TICK_MS, NORMAL_MS);
    const latest = delays.map((_, index) => this.#movedBy(delays.slice(0, index + 1), 0, 0));
    return { earliest, latest: this.#unblockedFrom(Math.max(this.#deadline, ...latest)) };
  }

  /** The deadline after these delays, each of them shorter by a time, and none of them normal. */
  #movedBy(delays: readonly number[], shorterMs: number, normalMs: number): number {
    const { timeoutMs } = this.#contract;
    const toleranceMs = shorterMs === 0 ? TICK_MS : 0;
    if (Math.max(0, ...delays) > stallLimitMs(timeoutMs) + toleranceMs) return this.#deadline;
    const late = delays.map((delayMs) => delayMs - shorterMs).filter((lateMs) => lateMs > normalMs);
    const lateMs = late.reduce((sum, each) => sum + each, 0);
    return this.#deadline + Math.min(lateMs, MAX_MOVED_TIMEOUTS * timeoutMs);
  }

  /** The longest stall since the start of the last probe. */
  #longestStallMs(): number {
    const { stalls } = this.#world;
    if ((stalls.at(-1)?.to ?? 0) <= this.#lastProbeAt) return 0;
    return stalls.reduce(
      (longest, { from, to }) => (from >= this.#lastProbeAt ? Math.max(longest, to - from) : longest),
      0,
    );
  }

  /** The first time from `at` on at which the event loop is not blocked. */
  #unblockedFrom(at: number): number {
    return this.#world.stalls.reduce((until, { from, to }) => (from <= until && until < to ? to : until), at);
  }

  #checkStart(what: string): void {
    const now = this.#world.now();
    if (now < this.#earliest - ROUNDING_MS) this.#fault(`${what} ${ms(this.#earliest - now)} too early`);
    if (now <= this.#latest + ROUNDING_MS) return;
    const latest = this.#latestStart();
    if (now > latest + ROUNDING_MS) this.#fault(`${what} ${ms(now - latest)} too late`);
  }

  /** The next probe may be late only while the event loop is blocked and while no slot is free. */
  #latestStart(): number {
    const awake = this.#unblockedFrom(this.#latest);
    const { from, to } = this.#world.saturated;
    return !this.#running && from <= awake + ROUNDING_MS ? Math.max(awake, to) : awake;
  }

  /** The published status must be the one that follows from the results. */
  #checkStatus(): void {
    const implied = this.#verdict.at(this.#world.now());
    if (this.#published === implied) return;
    const error = { SERVING: "a false OK", NOT_SERVING: "a false down", UNKNOWN: "a result is not published" };
    this.#fault(`${error[this.#published]}: ${this.#published} is published; the results mean ${this.#verdict}`);
  }

  /** The published status must be the true one, or the change must be recent. */
  #checkDelay(): void {
    if (this.#published !== (this.#state === "up" ? "NOT_SERVING" : "SERVING")) return;
    const now = this.#world.now();
    const delayMs = now - this.#dueFrom - this.#excused();
    if (delayMs <= this.#boundMs() + ROUNDING_MS) return;
    const error = this.#state === "up" ? "a false down" : "a false OK";
    this.#fault(`${error}: ${this.#published}, but the target is ${this.#state}; since ${ms(delayMs)}`);
    this.#restartBound(now);
  }

  #boundMs(): number {
    const { intervalMs, edgeMs, unhealthyMs, timeoutMs, jitter, unhealthyThreshold, healthyThreshold } = this.#contract;
    if (this.#state === "down")
      return (intervalMs + (unhealthyThreshold - 1) * edgeMs) * (1 + jitter) + unhealthyThreshold * timeoutMs;
    const recoveryMs = (unhealthyMs + (healthyThreshold - 1) * edgeMs) * (1 + jitter) + healthyThreshold * timeoutMs;
    return recoveryMs + (this.#flappingMs > 0 ? this.#flappingMs + timeoutMs : 0);
  }

  /** The time since the start of the delay rule in which the target could not be probed. */
  #excused(): number {
    const isIgnored = !this.#isReported && this.#longestStallMs() > Math.min(500, this.#contract.timeoutMs / 2);
    if (this.#uncounted || isIgnored) return this.#excusedMs + this.#since(this.#lastProbeAt);
    if (!this.#isReported) return this.#excusedMs + this.#since(this.#deadline);
    const lateMs = this.#since(this.#latest);
    return lateMs === 0 ? this.#excusedMs : this.#excusedMs + lateMs - this.#since(this.#latestStart());
  }

  #since(at: number): number {
    return Math.max(0, this.#world.now() - Math.max(at, this.#dueFrom));
  }

  #restartBound(at: number): void {
    this.#dueFrom = at;
    this.#excusedMs = 0;
  }

  #fault(text: string): void {
    this.#world.report(this.#log.format(text));
  }
}

function ms(duration: number): string {
  return `${Math.round(duration)} ms`;
}
