/**
 * Judges what is told of one target, by what is true of it and what its probes met. It knows the settings of
 * docs/conformance.md, part E, and the rules of docs/checks.md, and imports nothing of the engine.
 *
 *     results   each probe is told of once: as what it met, at its end or its deadline; or as thrown away, only when our
 *               own loop stood still meanwhile, and always then; or as one that could not look
 *     status    is at each moment what the results say that count (see `verdict`)
 *     schedule  the next probe starts within the jitter of its interval; later only while our loop stands still, or while
 *               no place is free; never while another runs. A probe is told to stop at its deadline, and not before; for
 *               one that goes on, each time at which another would be due is one more timeout
 *     truth     a death is seen within   interval           + (threshold - 1) x edge interval, with jitter, + timeouts
 *               a return is seen within  unhealthy interval + (threshold - 1) x edge interval, with jitter, + timeouts
 *
 * The last doesn't ask what the probes met, so that no mistake in the others can hide. It leaves out, to the millisecond,
 * the time in which nobody could look: from the start of a probe that was in vain to that of the next, and what our loop
 * or the lack of a place made a probe late. A lost probe is a failed one: the way back begins anew with it.
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
  /** When, the last time, as many probes were in run as may be; `to` is infinite while they are. */
  readonly crowd: Stretch;
  blame(fault: string): void;
}

/** What is told of a probe: a result that counts, one that was thrown away, or that nobody could look. */
export type Told = "pass" | "fail" | "dropped" | "unseen";

/** How late our own loop is, is measured by beats so far apart: a stall may seem shorter than it was, by so much. */
const BEAT_MS = 100;

/** While nothing is in run, they are further apart; what was told to stop is no more in run, though it goes on. */
const IDLE_BEAT_MS = 1_000;

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
  /** What flapping added to the way back when the last result came. */
  #heldMs = 0;

  /** The last probe: what it met, and whether that was told, and was in vain. */
  #startedAt = Number.NEGATIVE_INFINITY;
  #running = false;
  #aborted = false;
  #outcome: Outcome = "silence";
  #isTold = true;
  #vain = false;
  /** The last result was thrown away: its target is asked again soon. */
  #dropped = false;
  /** When it started; or, of one that goes on after its deadline, when the last timeout was told. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** When the next look is due. */
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
    if (!this.#running) this.#vain = false; // the wait for the next probe is part of every bound
  }

  onStart(): void {
    const now = this.#world.now();
    this.#story.note("a probe starts");
    if (this.#running) this.#blame("two probes of one check run at once");
    if (!this.#isTold) this.#blame("nothing was told of a probe");
    this.#judgeLook("a probe starts");
    this.#excusedMs = this.#excused();
    this.#startedAt = now;
    this.#lookedAt = now;
    this.#running = true;
    this.#aborted = false;
    this.#outcome = "silence";
    this.#isTold = false;
    this.#vain = false;
  }

  onAbort(): void {
    const now = this.#world.now();
    this.#story.note("it is told to stop");
    const latest = this.#awake(this.#deadline);
    if (now < this.#deadline - ROUNDING_MS)
      this.#blame(`a probe is told to stop ${ms(this.#deadline - now)} before its deadline`);
    if (now > latest + ROUNDING_MS) this.#blame(`a probe is told to stop ${ms(now - latest)} after its deadline`);
    if (!this.#isTold) this.#blame("nothing is told of a probe at its deadline");
    this.#aborted = true;
  }

  onEnd(outcome: Outcome): void {
    this.#story.note(outcome);
    if (this.#aborted && outcome !== "silence") this.#blame("a probe was told to stop, though its answer was there");
    if (this.#isTold && !this.#vain) this.#excuseLateStop();
    this.#running = false;
    this.#outcome = outcome;
    if (this.#isTold) this.#planNext();
  }

  /** Something is told of the probe, at its end, at its deadline, or since it goes on. */
  onTold(told: Told): void {
    this.#story.note(`told: ${told}`);
    if (this.#isTold && this.#aborted && this.#running) this.#hearSilence(told);
    else this.#hearResult(told);
  }

  /** A status is published. */
  onStatus(status: Status): void {
    this.#story.note(status);
    this.#judgeDelay();
    this.#published = status;
    this.#compare();
  }

  /** Somebody asks, and is told this. */
  onRead(status: Status): void {
    if (status !== this.#published) this.#blame(`${status} is read where ${this.#published} was published`);
    this.#judgeDelay();
    this.#compare();
    if (this.#isTold && this.#world.now() > this.#latest) this.#judgeLook("no probe starts: one");
  }

  get #deadline(): number {
    return this.#startedAt + this.#contract.timeoutMs;
  }

  #hearResult(told: Told): void {
    if (this.#isTold) this.#blame("a result is told that no probe has met");
    const outcome = this.#running ? "silence" : this.#outcome;
    this.#judgeTold(told, outcome, BEAT_MS);
    this.#isTold = true;
    this.#vain = told === "dropped" || told === "unseen";
    if (!this.#vain) this.#count(outcome === "pass", this.#startedAt);
    if (!this.#vain) this.#excusedMs += this.#since(this.#deadline);
    this.#planNext();
  }

  /** A probe that was told to stop goes on: that is one more timeout. */
  #hearSilence(told: Told): void {
    this.#judgeLook("one more timeout is told");
    this.#judgeTold(told, "silence", IDLE_BEAT_MS);
    this.#excusedMs = this.#excused();
    this.#lookedAt = this.#world.now();
    this.#vain = told === "dropped";
    if (!this.#vain) this.#count(false, this.#lookedAt);
    this.#planNext();
  }

  /** A probe has stopped long after it was told to. */
  #excuseLateStop(): void {
    const { jitter } = this.#contract;
    // under way when the truth changed, it kept the next one from starting: else that would have been due by then
    const due = this.#lookedAt + this.#verdict.gapMs * (1 + jitter);
    if (this.#lookedAt < this.#dueFrom) this.#excusedMs += this.#since(due);
    else this.#excusedMs = this.#excused();
  }

  #judgeTold(told: Told, outcome: Outcome, beatMs: number): void {
    if (told !== "unseen") this.#dropped = told === "dropped";
    const expected = outcome === "blind" ? "unseen" : outcome === "pass" ? "pass" : "fail";
    const limitMs = Math.min(500, this.#contract.timeoutMs / 2);
    const stallMs = this.#longestStallMs();
    if (told !== expected && (told !== "dropped" || expected === "unseen"))
      this.#blame(`${told} is told of a probe that met ${outcome}`);
    if (told === "dropped" && stallMs <= limitMs)
      this.#blame(`a result is thrown away, though our loop stood still for ${ms(stallMs)} at most`);
    if (told !== "dropped" && told !== "unseen" && stallMs > limitMs + beatMs)
      this.#blame(`a result counts, though our loop stood still for ${ms(stallMs)}`);
  }

  /** A result counts; a failure while the target is well began with a probe at `beganAt`. */
  #count(passed: boolean, beganAt: number): void {
    this.#heldMs = this.#verdict.heldMs;
    this.#verdict.count(passed, this.#world.now());
    if (!passed && this.#truth === "well" && this.#dueFrom <= beganAt) this.#beginAnew(beganAt);
  }

  /** When the next probe is due; or, while one goes on that was told to stop, the next timeout. */
  #planNext(): void {
    const now = this.#world.now();
    const { edgeMs, jitter } = this.#contract;
    const { gapMs } = this.#verdict;
    const from = this.#running ? now : this.#lookedAt;
    const leastMs = this.#dropped ? Math.min(gapMs, edgeMs) : gapMs;
    this.#earliest = Math.max(now, from + leastMs * (1 - jitter));
    // what was thrown away is asked again after the edge interval, counted from then
    const isAskedAgain = this.#dropped && this.#outcome !== "blind";
    this.#latest = isAskedAgain ? now + edgeMs * (1 + jitter) : Math.max(now, from + gapMs * (1 + jitter));
    if (this.#running || !this.#vain || this.#lookedAt >= this.#dueFrom) return;
    // it was under way when the truth changed: the wait for the next one is part of every bound
    this.#excusedMs += this.#since(this.#lookedAt);
    this.#vain = false;
  }

  /** For how long our own loop stood still at once since the last look. */
  #longestStallMs(): number {
    const { stalls } = this.#world;
    if ((stalls.at(-1)?.to ?? 0) <= this.#lookedAt) return 0;
    return stalls.reduce(
      (longest, { from, to }) => (from >= this.#lookedAt ? Math.max(longest, to - from) : longest),
      0,
    );
  }

  /** The first moment from `at` on in which our loop doesn't stand still. */
  #awake(at: number): number {
    return this.#world.stalls.reduce((until, { from, to }) => (from <= until && until < to ? to : until), at);
  }

  #judgeLook(what: string): void {
    const now = this.#world.now();
    if (now < this.#earliest - ROUNDING_MS) this.#blame(`${what} ${ms(this.#earliest - now)} too early`);
    if (now <= this.#latest + ROUNDING_MS) return;
    const latest = this.#latestLook();
    if (now > latest + ROUNDING_MS) this.#blame(`${what} ${ms(now - latest)} too late`);
  }

  /** The next look may come later than it should only while our loop stands still, and while no place is free. */
  #latestLook(): number {
    const awake = this.#awake(this.#latest);
    const { from, to } = this.#world.crowd;
    return !this.#running && from <= awake + ROUNDING_MS ? Math.max(awake, to) : awake;
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
    const isSpoilt = !this.#isTold && this.#longestStallMs() > Math.min(500, this.#contract.timeoutMs / 2);
    if (this.#vain || isSpoilt) return this.#excusedMs + this.#since(this.#lookedAt);
    if (!this.#isTold) return this.#excusedMs + this.#since(this.#deadline);
    const lateMs = this.#since(this.#latest);
    return lateMs === 0 ? this.#excusedMs : this.#excusedMs + lateMs - this.#since(this.#latestLook());
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
