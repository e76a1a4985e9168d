/**
 * Judges what is published of one target, by what is true of it and what its probes met. It knows the contract
 * (design.md's table of settings, and its rules of truth) and imports nothing of the engine.
 *
 *     status    is at each moment what the results say (see `verdict`). All count but those of probes during which our own
 *               loop stood still for more than 500 ms, and of those that could not look
 *     schedule  the next probe starts within the jitter of its interval; later only while our loop stood still, or while
 *               no place was free; never while another runs. A probe is told to stop at its deadline, and not before
 *     truth     a death is seen within   interval           + (threshold - 1) x edge interval, with jitter, + timeouts
 *               a return is seen within  unhealthy interval + (threshold - 1) x edge interval, with jitter, + timeouts
 *
 * The last doesn't ask what the probes met, so that no mistake in the first two can hide. It leaves out, to the
 * millisecond, the time in which nobody could look: from the start of a probe that was in vain to that of the next, and
 * what our loop or the lack of a place made a probe late. A lost probe is a failed one: the way back begins anew with it.
 */
import type { Contract } from "./contract.js";
import { Story } from "./story.js";
import type { Outcome, Witness } from "./target.js";
import { type Status, Verdict } from "./verdict.js";

/** A stretch of time. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What the oracle sees beside its target. */
export interface World {
  now(): number;
  /** When our own loop stood still lately, the oldest first. */
  readonly stalls: readonly Stretch[];
  /** When, the last time, as many probes were in flight as may be; `to` is infinite while they are. */
  readonly crowd: Stretch;
  blame(fault: string): void;
}

/** What is longer spoils a result. */
const STALL_MS = 500;

/** Sums of floating point numbers are not closer than this. */
const ROUNDING_MS = 0.001;

export class Oracle implements Witness {
  readonly #world: World;
  readonly #contract: Contract;
  readonly #story: Story;
  readonly #verdict: Verdict;
  #published: Status = "UNKNOWN";
  #truth: "well" | "dead" = "well";
  /** Since when the truth is to be seen, and how much of the time since then nobody could look. */
  #dueFrom = 0;
  #excusedMs = 0;
  /** The last probe: `decided` when it is known what it met, `vain` when that doesn't count. */
  #startedAt = Number.NEGATIVE_INFINITY;
  #running = false;
  #told = false;
  #decided = true;
  #vain = false;
  /** What flapping added to the way back when the last result came. */
  #heldMs = 0;
  /** When the next one has to start. */
  #earliest = 0;
  #latest: number;

  constructor(name: string, contract: Contract, world: World) {
    this.#world = world;
    this.#contract = contract;
    this.#story = new Story(name, world);
    this.#verdict = new Verdict(contract);
    this.#latest = contract.intervalMs;
  }

  onTruth(truth: "well" | "dead"): void {
    this.#story.note(truth);
    this.#judgeDelay();
    this.#truth = truth;
    this.#beginAnew(this.#world.now());
  }

  onStart(): void {
    const now = this.#world.now();
    this.#story.note("a probe starts");
    if (this.#running) this.#blame("two probes of one check run at once");
    this.#compare();
    this.#judgeStart(now);
    this.#excusedMs = this.#excused();
    this.#startedAt = now;
    this.#running = true;
    this.#told = false;
    this.#decided = false;
    this.#vain = false;
  }

  onAbort(): void {
    const now = this.#world.now();
    this.#story.note("it is told to stop");
    const deadline = this.#deadline;
    const latest = this.#awake(deadline);
    if (now < deadline - ROUNDING_MS) this.#blame(`a probe is told to stop ${ms(deadline - now)} before its deadline`);
    if (now > latest + ROUNDING_MS) this.#blame(`a probe is told to stop ${ms(now - latest)} after its deadline`);
    this.#told = true;
    this.#decide("silence");
  }

  onEnd(outcome: Outcome): void {
    this.#story.note(outcome);
    if (this.#told && outcome !== "silence") this.#blame("a probe was told to stop, though its answer was there");
    this.#decide(outcome);
    this.#running = false;
    // it was under way when the truth changed: the next one would have been waited for in any case
    if (this.#vain && this.#startedAt < this.#dueFrom) this.#excusedMs += this.#since(this.#startedAt);
    if (!this.#vain) this.#excusedMs += this.#since(this.#latestStop);
    const now = this.#world.now();
    const { edgeMs, jitter } = this.#contract;
    const { gapMs } = this.#verdict;
    const leastMs = this.#vain ? Math.min(gapMs, edgeMs) : gapMs;
    this.#earliest = Math.max(now, this.#startedAt + leastMs * (1 - jitter));
    // what our loop has spoilt is asked again after the edge interval, counted from when it was thrown away
    const isSpoilt = this.#vain && outcome !== "blind";
    this.#latest = isSpoilt ? now + edgeMs * (1 + jitter) : Math.max(now, this.#startedAt + gapMs * (1 + jitter));
  }

  /** A status is published. */
  onStatus(status: Status): void {
    this.#story.note(status);
    // a timeout is told first, and then the probe is told to stop
    if (status === "NOT_SERVING" && this.#world.now() >= this.#deadline - ROUNDING_MS) this.#decide("silence");
    this.#judgeDelay();
    this.#published = status;
    this.#compare();
  }

  /** Somebody asks, and is told this. */
  onRead(status: Status): void {
    if (status !== this.#published) this.#blame(`${status} is read where ${this.#published} was published`);
    this.#judgeDelay();
    this.#compare();
  }

  get #deadline(): number {
    return this.#startedAt + this.#contract.timeoutMs;
  }

  /** One that was told to stop may take a moment, but not longer than until the next is due: then it is the prober's. */
  get #latestStop(): number {
    return this.#deadline + this.#contract.edgeMs * (1 + this.#contract.jitter);
  }

  /** What the probe has met is known now: at its deadline, or when it ends before. */
  #decide(outcome: Outcome): void {
    if (this.#decided) return;
    const now = this.#world.now();
    this.#decided = true;
    this.#vain = outcome === "blind" || this.#isSpoilt();
    if (this.#vain) return;
    this.#heldMs = this.#verdict.heldMs;
    this.#verdict.count(outcome === "pass", now);
    const isLost = outcome !== "pass" && this.#truth === "well" && this.#dueFrom <= this.#startedAt;
    if (isLost) this.#beginAnew(this.#startedAt);
    this.#excusedMs += this.#since(this.#deadline);
  }

  /** Whether our own loop stood still while the probe ran. */
  #isSpoilt(): boolean {
    const { stalls } = this.#world;
    const isRecent = (stalls.at(-1)?.to ?? 0) > this.#startedAt;
    return isRecent && stalls.some(({ from, to }) => from >= this.#startedAt && to - from > STALL_MS);
  }

  /** The first moment from `at` on in which our loop doesn't stand still. */
  #awake(at: number): number {
    return this.#world.stalls.reduce((until, { from, to }) => (from <= until && until < to ? to : until), at);
  }

  #judgeStart(now: number): void {
    if (now < this.#earliest - ROUNDING_MS) this.#blame(`a probe starts ${ms(this.#earliest - now)} too early`);
    if (now <= this.#latest + ROUNDING_MS) return;
    const latest = this.#latestStart();
    if (now > latest + ROUNDING_MS) this.#blame(`a probe starts ${ms(now - latest)} too late`);
  }

  /** The next probe may start later than it should only while our loop stands still, and while no place is free. */
  #latestStart(): number {
    const awake = this.#awake(this.#latest);
    const { from, to } = this.#world.crowd;
    return from <= awake + ROUNDING_MS ? Math.max(awake, to) : awake;
  }

  /** What is published is what the results say. */
  #compare(): void {
    const implied = this.#verdict.at(this.#world.now());
    if (this.#published === implied) return;
    const error = { SERVING: "a false OK", NOT_SERVING: "a false down", UNKNOWN: "a result is withheld" };
    this.#blame(`${error[this.#published]}: ${this.#published} is published; the results say ${this.#verdict}`);
  }

  /** What is published is what is true, or can't be yet. */
  #judgeDelay(): void {
    if (this.#published !== (this.#truth === "well" ? "NOT_SERVING" : "SERVING")) return;
    const now = this.#world.now();
    const delayMs = now - this.#dueFrom - this.#excused();
    if (delayMs <= this.#boundMs() + ROUNDING_MS) return;
    const error = this.#truth === "well" ? "a false down" : "a false OK";
    this.#blame(`${error}: ${this.#published}, but the target is ${this.#truth}; to be seen for ${ms(delayMs)}`);
    this.#beginAnew(now);
  }

  #boundMs(): number {
    const { intervalMs, edgeMs, unhealthyMs, timeoutMs, jitter, fall, rise } = this.#contract;
    if (this.#truth === "dead") return (intervalMs + (fall - 1) * edgeMs) * (1 + jitter) + fall * timeoutMs;
    const returnMs = (unhealthyMs + (rise - 1) * edgeMs) * (1 + jitter) + rise * timeoutMs;
    return returnMs + (this.#heldMs > 0 ? this.#heldMs + timeoutMs : 0);
  }

  /** How much of the time since the truth was to be seen nobody could look, or in vain. */
  #excused(): number {
    const isVain = this.#decided ? this.#vain && (this.#running || this.#startedAt >= this.#dueFrom) : this.#isSpoilt();
    if (isVain) return this.#excusedMs + this.#since(this.#startedAt);
    if (this.#running) return this.#excusedMs + this.#since(this.#decided ? this.#latestStop : this.#deadline);
    const lateMs = this.#since(this.#latest);
    return lateMs === 0 ? this.#excusedMs : this.#excusedMs + lateMs - this.#since(this.#latestStart());
  }

  #since(at: number): number {
    return Math.max(0, this.#world.now() - Math.max(at, this.#dueFrom));
  }

  #beginAnew(at: number): void {
    this.#dueFrom = at;
    this.#excusedMs = 0;
  }

  #blame(text: string): void {
    this.#world.blame(this.#story.tell(text));
  }
}

function ms(duration: number): string {
  return `${Math.round(duration)} ms`;
}
