/**
 * A target whose state is known: up or down, by a schedule of its own.
 *
 *     up     answers, mostly soon and sometimes slowly; a small share of probes is lost and never answered
 *     down   refuses at once, or hangs: then a probe ends when it is aborted, and sometimes long after that
 *
 * From time to time, the prober fails by itself for a while. An observer is called for everything at once.
 */
import { type ProbeContext, type ProbeResult, type Prober, ProberError } from "../../src/probers/prober.js";
import type { SeededRandom } from "../support/seeded-random.js";
import type { Contract } from "./contract.js";
import type { SimClock } from "./sim-clock.js";

/** The outcome of a probe: an answer, a refusal, no answer until the deadline, or an error of the prober itself. */
export type Outcome = "pass" | "fail" | "silence" | "prober-error";

/** Is called for each change of the state, and for each probe. */
export interface Observer {
  onState(state: "up" | "down"): void;
  onStart(): void;
  onAbort(): void;
  /** @param probe its number among the probes of the target, from 1 on: a probe that was abandoned may end late */
  onEnd(outcome: Outcome, probe: number): void;
}

/** How often something happens. Times in milliseconds, shares from 0 to 1. */
export interface Behaviour {
  readonly meanUpMs: number;
  readonly meanDownMs: number;
  readonly meanBetweenProberErrorsMs: number;
  readonly lossShare: number;
  readonly slowShare: number;
}

export interface TargetDeps {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly behaviour: Behaviour;
}

const PASS: ProbeResult = { outcome: "pass" };
const REFUSED: ProbeResult = { outcome: "fail", reason: "refused", detail: "down" };

/** How long an aborted probe of a target that is down may take to end, in intervals. */
const MAX_STOP = 3;

export class SimTarget implements Prober {
  starts = 0;
  #up = true;
  #hangs = false;
  #errorsUntil = 0;
  /** Ends a probe without an answer, when it is aborted. */
  #stop: (() => void) | undefined;
  /** Whether probes are aborted by their signal, or by `cancel`. */
  readonly #usesSignal: boolean;
  readonly #deps: TargetDeps;
  readonly #contract: Contract;
  readonly #observer: Observer;

  constructor(deps: TargetDeps, contract: Contract, observer: Observer) {
    this.#deps = deps;
    this.#contract = contract;
    this.#observer = observer;
    this.#usesSignal = deps.random.next() < 0.5;
    this.#planChange();
    this.#planProberErrors();
  }

  probe(context: ProbeContext): Promise<ProbeResult> {
    const { clock, random, behaviour } = this.#deps;
    this.starts += 1;
    const probe = this.starts;
    this.#observer.onStart();
    this.#stop = undefined;
    if (clock.now() < this.#errorsUntil) return this.#throwProberError(probe);
    const isSilent = random.next() < behaviour.lossShare || (!this.#up && this.#hangs);
    return isSilent ? this.#stayQuiet(context, probe) : this.#reply(probe);
  }

  cancel(): void {
    if (!this.#usesSignal) this.#onAbort();
  }

  close(): void {}

  #onAbort(): void {
    this.#observer.onAbort();
    this.#stop?.();
  }

  #throwProberError(probe: number): Promise<ProbeResult> {
    this.#end("prober-error", probe);
    const isKnown = this.#deps.random.next() < 0.5;
    return Promise.reject(isKnown ? new ProberError("prober", "EMFILE") : new Error("a bug of the prober"));
  }

  /** An answer if the target is up from the start to the end of the probe, else a refusal: always in time. */
  #reply(probe: number): Promise<ProbeResult> {
    const { clock } = this.#deps;
    const wasUp = this.#up;
    return new Promise((resolve) => {
      clock.input(clock.now() + this.#delay(), () => {
        const passes = wasUp && this.#up;
        this.#end(passes ? "pass" : "fail", probe);
        resolve(passes ? PASS : REFUSED);
      });
    });
  }

  #stayQuiet(context: ProbeContext, probe: number): Promise<ProbeResult> {
    const { clock, random } = this.#deps;
    const isLate = random.next() < 0.3;
    const wasUp = this.#up;
    const lateMs = random.between(0, wasUp ? 100 : MAX_STOP * this.#contract.intervalMs);
    if (this.#usesSignal) context.signal.addEventListener("abort", () => this.#onAbort());
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#end("silence", probe);
        if (isLate && wasUp) resolve(PASS);
        else reject(new Error("aborted"));
      };
      this.#stop = isLate ? () => clock.input(clock.now() + lateMs, stop) : stop;
    });
  }

  #end(outcome: Outcome, probe: number): void {
    this.#deps.clock.unsettled = true;
    this.#observer.onEnd(outcome, probe);
  }

  /** Mostly a few milliseconds, sometimes nearly the whole timeout. */
  #delay(): number {
    const { random, behaviour } = this.#deps;
    const isSlow = random.next() < behaviour.slowShare;
    return isSlow ? random.between(0.1, 0.99) * this.#contract.timeoutMs : random.between(1, 40);
  }

  #planChange(): void {
    const { clock, random, behaviour } = this.#deps;
    const afterMs = random.waiting(this.#up ? behaviour.meanUpMs : behaviour.meanDownMs);
    clock.input(clock.now() + afterMs, () => {
      this.#up = !this.#up;
      this.#hangs = random.next() < 0.5;
      this.#observer.onState(this.#up ? "up" : "down");
      this.#planChange();
    });
  }

  #planProberErrors(): void {
    const { clock, random, behaviour } = this.#deps;
    clock.input(clock.now() + random.waiting(behaviour.meanBetweenProberErrorsMs), () => {
      this.#errorsUntil = clock.now() + random.between(5_000, 120_000);
      this.#planProberErrors();
    });
  }
}
