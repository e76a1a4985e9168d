/**
 * Judges what is published of a target by what is true of it. It knows the contract (design.md) and the world, and nothing
 * of the engine: it counts no failures in a row as the engine does, but looks back at what the probes met.
 *
 *     a fall    is right only when the last probes that count, as many as the threshold, met no answer of a well target
 *     a return  is right only when the last ones did, or the very first
 *     a death   has to be seen within interval + (threshold - 1) x edge interval + timeouts, with jitter
 *     a return  within the unhealthy interval + (threshold - 1) x edge interval + timeouts
 *     SERVING   is never older than staleAfter
 *
 * What kept the prober from looking puts a bound off by exactly its own time and the probe that it cost: our loop stood
 * still, or the prober was blind. A lost probe is a failed one, which puts off a return and never a fall.
 */
import type { Probe, SimTarget } from "./target.js";

/** The contract of a check, in milliseconds. */
export interface Contract {
  readonly intervalMs: number;
  readonly edgeMs: number;
  readonly timeoutMs: number;
  readonly jitter: number;
  readonly fall: number;
  readonly rise: number;
  readonly staleAfterMs: number;
}

/** A stretch of time in which our own loop stood still. */
export interface Stall {
  readonly from: number;
  readonly to: number;
}

/** What the oracle looks at. */
export interface World {
  readonly contract: Contract;
  readonly now: () => number;
  /** The last stalls, the newest last. */
  readonly stalls: readonly Stall[];
}

/** A loop that is late by less did not stand still, so results in it count. */
const STALL_MS = 500;

/** What is measured in tenths of a second (how late the loop is) can't be told closer. */
const BEAT_MS = 100;

export class Oracle {
  readonly faults: string[] = [];
  readonly #world: World;
  readonly #target: SimTarget;
  #status = "UNKNOWN";
  /** When the truth, or what puts its bound off, last changed. */
  #dueFrom = 0;
  #allowanceMs = 0;
  #lastCountedAt = Number.NEGATIVE_INFINITY;
  #lastStart = Number.NEGATIVE_INFINITY;

  constructor(world: World, target: SimTarget) {
    this.#world = world;
    this.#target = target;
  }

  /** A probe starts. */
  onStart(): void {
    const now = this.#world.now();
    const { edgeMs, jitter } = this.#world.contract;
    if (this.#target.inFlight > 1) this.#blame("two probes of one check run at once");
    const gapMs = now - this.#lastStart;
    if (gapMs < edgeMs * (1 - jitter) - 1) this.#blame(`a probe starts ${Math.round(gapMs)} ms after the last`);
    this.#lastStart = now;
  }

  /** A probe ends. */
  onEnd(probe: Probe): void {
    const { outcome } = probe;
    if (outcome !== "blind" && !this.#isVoid(probe)) this.#lastCountedAt = this.#world.now();
    if (outcome === "blind" || this.#mayBeVoid(probe)) this.#putOff(probe.endedAt - probe.startedAt);
    else if (this.#target.well && outcome !== "pass") this.#putOff(probe.endedAt - probe.startedAt);
  }

  /** The target has died or come back, or our eyes have closed. */
  onTruth(): void {
    this.#dueFrom = this.#world.now();
    this.#allowanceMs = 0;
  }

  /** Our loop stood still. */
  onStall({ from, to }: Stall): void {
    this.#allowanceMs += to - from;
  }

  /** What is published changes. */
  onStatus(status: string): void {
    const before = this.#status;
    this.#status = status;
    if (status === "NOT_SERVING") this.#judgeFall(before);
    if (status === "SERVING") this.#judgeReturn(before);
  }

  /** Looks at what is published now. */
  sample(status: string): void {
    const now = this.#world.now();
    const { contract } = this.#world;
    if (status === "SERVING" && now - this.#lastCountedAt > contract.staleAfterMs + 1)
      this.#blame(`SERVING, though the last result is ${Math.round(now - this.#lastCountedAt)} ms old`);
    if (this.#target.blind) return;
    const overdue = now - this.#dueFrom - this.#allowanceMs;
    if (!this.#target.well && status === "SERVING" && overdue > this.#boundMs(contract.fall))
      this.#blame(`SERVING, though the target is dead for ${Math.round(overdue)} ms`);
    if (this.#target.well && status === "NOT_SERVING" && overdue > this.#boundMs(contract.rise))
      this.#blame(`NOT_SERVING, though the target is well for ${Math.round(overdue)} ms`);
  }

  /** interval + (threshold - 1) x edge interval + timeouts, with the jitter of each. */
  #boundMs(threshold: number): number {
    const { intervalMs, edgeMs, timeoutMs, jitter } = this.#world.contract;
    return (1 + jitter) * (intervalMs + (threshold - 1) * edgeMs) + threshold * timeoutMs + BEAT_MS;
  }

  /** A probe that was none: it and the interval until the next put the bound off. */
  #putOff(tookMs: number): void {
    const { intervalMs, jitter } = this.#world.contract;
    this.#allowanceMs += tookMs + intervalMs * (1 + jitter);
  }

  #judgeFall(before: string): void {
    const { fall } = this.#world.contract;
    const needed = before === "SERVING" ? fall : 1;
    const met = this.#lastThatCount(needed);
    if (met.length < needed || met.some(({ outcome }) => outcome === "pass"))
      this.#blame(`a false down: the last probes met ${this.#story()}`);
    else if (this.#target.well) this.onTruth(); // every probe was lost: the way back begins here
  }

  #judgeReturn(before: string): void {
    const { rise } = this.#world.contract;
    const needed = before === "NOT_SERVING" ? rise : 1;
    const met = this.#lastThatCount(needed);
    if (met.length < needed || met.some(({ outcome }) => outcome !== "pass"))
      this.#blame(`a false OK: the last probes met ${this.#story()}`);
  }

  /** The last probes that say something of the target. One that runs still has met its deadline, or nothing would be told. */
  #lastThatCount(count: number): readonly Probe[] {
    const counting = this.#target.probes.filter((probe) => probe.outcome !== "blind" && !this.#isVoid(probe));
    return counting.slice(-count);
  }

  /** Whether our loop surely stood still while the probe ran. */
  #isVoid(probe: Probe): boolean {
    return this.#stalledMs(probe) > STALL_MS + BEAT_MS;
  }

  #mayBeVoid(probe: Probe): boolean {
    return this.#stalledMs(probe) > STALL_MS - BEAT_MS;
  }

  #stalledMs({ startedAt, endedAt }: Probe): number {
    const longest = this.#world.stalls
      .filter(({ from, to }) => from >= startedAt && to <= Math.min(endedAt, this.#world.now()))
      .map(({ from, to }) => to - from);
    return Math.max(0, ...longest);
  }

  #story(): string {
    return this.#target.probes
      .map(
        (probe) =>
          `${(probe.startedAt / 1000).toFixed(1)}s:${probe.outcome ?? "running"}${this.#isVoid(probe) ? "(void)" : ""}`,
      )
      .join(" ");
  }

  #blame(text: string): void {
    const at = (this.#world.now() / 1000).toFixed(1);
    const truth = this.#target.well ? "well" : "dead";
    this.faults.push(
      `${at}s ${this.#target.name} (${truth} since ${(this.#target.since / 1000).toFixed(1)}s): ${text}; ${this.#story()}`,
    );
  }
}
