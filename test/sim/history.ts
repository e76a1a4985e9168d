/** A history of one target, written by hand: no engine, no prober, no target. */
import { type Contract, DEFAULTS } from "./contract.js";
import { Oracle, type Reported, type TimeSpan } from "./oracle.js";
import type { Outcome } from "./target.js";
import type { Assumed, Status } from "./verdict.js";

/** What is reported for each outcome, if the event loop is not blocked. */
const REPORTED: Readonly<Record<Outcome, Reported>> = {
  pass: "pass",
  fail: "fail",
  silence: "fail",
  "prober-error": "prober-error",
};

export class History {
  readonly faults: string[] = [];
  readonly #stalls: TimeSpan[] = [];
  readonly #saturated = { from: Number.NEGATIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  readonly #world = {
    now: () => this.#now,
    report: (fault: string) => this.faults.push(fault),
    stalls: this.#stalls,
    saturated: this.#saturated,
  };
  readonly #contract: Contract;
  #oracle: Oracle;
  #now = 0;
  #probe = 0;

  constructor(initial?: Assumed, contract: Contract = DEFAULTS) {
    this.#contract = contract;
    this.#oracle = new Oracle("t", contract, this.#world, { initial });
  }

  /** The check gets another target, which is up. */
  replaces(): this {
    this.#oracle = new Oracle("t", this.#contract, this.#world, { replaced: this.#oracle });
    this.#probe = 0;
    return this;
  }

  after(ms: number): this {
    this.#now += ms;
    return this;
  }

  starts(): this {
    this.#probe += 1;
    this.#oracle.onStart();
    return this;
  }

  /** The probe ends and is reported. */
  ends(outcome: Outcome, reported = REPORTED[outcome]): this {
    this.#oracle.onEnd(outcome, this.#probe);
    return this.reports(reported);
  }

  reports(reported: Reported): this {
    this.#oracle.onReported(reported);
    return this;
  }

  /** An aborted probe ends: its timeout was reported before. */
  endsLate(outcome: Outcome = "silence"): this {
    this.#oracle.onEnd(outcome, this.#probe);
    return this;
  }

  /** A probe that starts `afterMs` after the end of the last one, and is answered after 10 ms. */
  probe(afterMs: number, outcome: Outcome): this {
    return this.after(afterMs).starts().after(10).ends(outcome);
  }

  /** A probe without an answer, which is aborted at its deadline. */
  silence(afterMs: number): this {
    return this.after(afterMs).starts().after(DEFAULTS.timeoutMs).reports("fail").aborts().endsLate();
  }

  abandons(): this {
    this.#oracle.onAbandoned();
    return this;
  }

  /** The abandoned probe, the one before the last, ends. */
  abandonedEnds(): this {
    this.#oracle.onEnd("silence", this.#probe - 1);
    return this;
  }

  aborts(): this {
    this.#oracle.onAbort();
    return this;
  }

  becomes(state: "up" | "down"): this {
    this.#oracle.onState(state);
    return this;
  }

  publishes(status: Status): this {
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

  /** No slot is free for this time. */
  saturate(ms: number): this {
    this.#saturated.from = this.#now;
    this.#saturated.to = this.#now + ms;
    return this.after(ms);
  }
}
