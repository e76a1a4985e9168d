/**
 * A target whose truth is known: well or dead, by a schedule of its own, whoever looks at it.
 *
 *     well   answers, mostly soon and sometimes slowly; a small share of probes is lost on the way, and never answered
 *     dead   refuses at once, or hangs: then nothing comes until the probe is told to stop, and sometimes long after that
 *
 * Now and then the prober can't look at all, for a while. A witness is told everything at the moment when it happens.
 */
import { type ProbeContext, type ProbeResult, type Prober, ProberError } from "../../src/probers/prober.js";
import type { SeededRandom } from "../support/seeded-random.js";
import type { Contract } from "./contract.js";
import type { SimClock } from "./sim-clock.js";

/** What a probe met: an answer, a refusal, silence up to its deadline, or nothing since the prober could not look. */
export type Outcome = "pass" | "fail" | "silence" | "blind";

/** Who sees a target as it is, and every probe of it. */
export interface Witness {
  onTruth(truth: "well" | "dead"): void;
  /** A probe starts. */
  onStart(): void;
  /** It is told to stop. */
  onAbort(): void;
  /** It has ended. */
  onEnd(outcome: Outcome): void;
}

/** How often what happens. Times in milliseconds, shares from 0 to 1. */
export interface Fate {
  readonly meanWellMs: number;
  readonly meanDeadMs: number;
  /** Between two spells in which the prober can't look. */
  readonly meanSeeingMs: number;
  readonly lossShare: number;
  readonly slowShare: number;
}

/** What all targets of a world share. */
export interface TargetDeps {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly fate: Fate;
}

const PASS: ProbeResult = { outcome: "pass" };
const REFUSED: ProbeResult = { outcome: "fail", reason: "refused", detail: "down" };

/** How long a probe that was told to stop may go on, in intervals: when the target is dead, which keeps it busy. */
const MAX_STOP = 3;

export class SimTarget implements Prober {
  starts = 0;
  #well = true;
  #hangs = false;
  #blindUntil = 0;
  /** What a silent probe does when it is told to stop. */
  #stop: (() => void) | undefined;
  /** It is told so by its signal, or else by a call of `cancel`. */
  readonly #listens: boolean;
  readonly #deps: TargetDeps;
  readonly #contract: Contract;
  readonly #witness: Witness;

  constructor(deps: TargetDeps, contract: Contract, witness: Witness) {
    this.#deps = deps;
    this.#contract = contract;
    this.#witness = witness;
    this.#listens = deps.random.next() < 0.5;
    this.#planChange();
    this.#planBlindness();
  }

  probe(context: ProbeContext): Promise<ProbeResult> {
    const { clock, random, fate } = this.#deps;
    this.starts += 1;
    this.#witness.onStart();
    this.#stop = undefined;
    if (clock.now() < this.#blindUntil) return this.#failToLook();
    const isSilent = random.next() < fate.lossShare || (!this.#well && this.#hangs);
    return isSilent ? this.#keepSilent(context) : this.#reply();
  }

  cancel(): void {
    if (!this.#listens) this.#beTold();
  }

  close(): void {}

  #beTold(): void {
    this.#witness.onAbort();
    this.#stop?.();
  }

  #failToLook(): Promise<ProbeResult> {
    this.#end("blind");
    const isKnown = this.#deps.random.next() < 0.5;
    return Promise.reject(isKnown ? new ProberError("prober", "EMFILE") : new Error("a bug of the prober"));
  }

  /** An answer of a target that is well from the first moment to the last, and else a refusal: always in time. */
  #reply(): Promise<ProbeResult> {
    const { clock } = this.#deps;
    const wasWell = this.#well;
    return new Promise((resolve) => {
      clock.input(clock.now() + this.#delay(), () => {
        const passes = wasWell && this.#well;
        this.#end(passes ? "pass" : "fail");
        resolve(passes ? PASS : REFUSED);
      });
    });
  }

  #keepSilent(context: ProbeContext): Promise<ProbeResult> {
    const { clock, random } = this.#deps;
    const isLate = random.next() < 0.3;
    const wasWell = this.#well;
    const lateMs = random.between(0, wasWell ? 100 : MAX_STOP * this.#contract.intervalMs);
    if (this.#listens) context.signal.addEventListener("abort", () => this.#beTold());
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#end("silence");
        if (isLate && wasWell) resolve(PASS);
        else reject(new Error("told to stop"));
      };
      this.#stop = isLate ? () => clock.input(clock.now() + lateMs, stop) : stop;
    });
  }

  #end(outcome: Outcome): void {
    this.#deps.clock.unsettled = true;
    this.#witness.onEnd(outcome);
  }

  /** Mostly a few milliseconds, sometimes nearly the whole timeout. */
  #delay(): number {
    const { random, fate } = this.#deps;
    const isSlow = random.next() < fate.slowShare;
    return isSlow ? random.between(0.1, 0.99) * this.#contract.timeoutMs : random.between(1, 40);
  }

  #planChange(): void {
    const { clock, random, fate } = this.#deps;
    const afterMs = random.waiting(this.#well ? fate.meanWellMs : fate.meanDeadMs);
    clock.input(clock.now() + afterMs, () => {
      this.#well = !this.#well;
      this.#hangs = random.next() < 0.5;
      this.#witness.onTruth(this.#well ? "well" : "dead");
      this.#planChange();
    });
  }

  #planBlindness(): void {
    const { clock, random, fate } = this.#deps;
    clock.input(clock.now() + random.waiting(fate.meanSeeingMs), () => {
      this.#blindUntil = clock.now() + random.between(5_000, 120_000);
      this.#planBlindness();
    });
  }
}
