/** A history of one target that is told by hand: no engine, no prober, no target. */
import { USUAL } from "./contract.js";
import { Oracle, type Stretch, type Told } from "./oracle.js";
import type { Outcome } from "./target.js";
import type { Status } from "./verdict.js";

/** What is told of a probe, if all is right and our loop goes on. */
const TOLD: Readonly<Record<Outcome, Told>> = { pass: "pass", fail: "fail", silence: "fail", blind: "unseen" };

export class History {
  readonly faults: string[] = [];
  readonly #stalls: Stretch[] = [];
  readonly #crowd = { from: Number.NEGATIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  readonly #oracle: Oracle;
  #now = 0;

  constructor() {
    const now = () => this.#now;
    const blame = (fault: string) => this.faults.push(fault);
    this.#oracle = new Oracle("t", USUAL, { now, blame, stalls: this.#stalls, crowd: this.#crowd });
  }

  after(ms: number): this {
    this.#now += ms;
    return this;
  }

  starts(): this {
    this.#oracle.onStart();
    return this;
  }

  /** The probe ends, and this is told of it. */
  ends(outcome: Outcome, told = TOLD[outcome]): this {
    this.#oracle.onEnd(outcome);
    return this.tells(told);
  }

  tells(told: Told): this {
    this.#oracle.onTold(told);
    return this;
  }

  /** A probe ends that was told to stop: its timeout has been told. */
  endsLate(outcome: Outcome = "silence"): this {
    this.#oracle.onEnd(outcome);
    return this;
  }

  /** A probe that starts so long after the last one ended, and is answered after 10 ms. */
  probe(afterMs: number, outcome: Outcome): this {
    return this.after(afterMs).starts().after(10).ends(outcome);
  }

  /** A probe that meets silence, and is told to stop at its deadline. */
  silence(afterMs: number): this {
    return this.after(afterMs).starts().after(USUAL.timeoutMs).tells("fail").stops().endsLate();
  }

  stops(): this {
    this.#oracle.onAbort();
    return this;
  }

  becomes(truth: "well" | "dead"): this {
    this.#oracle.onTruth(truth);
    return this;
  }

  says(status: Status): this {
    this.#oracle.onStatus(status);
    return this;
  }

  isRead(status: Status): this {
    this.#oracle.onRead(status);
    return this;
  }

  stall(ms: number): this {
    this.#stalls.push({ from: this.#now, to: this.#now + ms });
    return this.after(ms);
  }

  /** No place is free for so long. */
  crowd(ms: number): this {
    this.#crowd.from = this.#now;
    this.#crowd.to = this.#now + ms;
    return this.after(ms);
  }
}
