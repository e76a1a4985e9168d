/** The oracle bites: it is fed histories that are wrong, each in one way, and one of each kind that is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { USUAL } from "./contract.js";
import { Oracle, type Stretch } from "./oracle.js";
import type { Outcome } from "./target.js";
import type { Status } from "./verdict.js";

/** A history that is told by hand: no engine, no prober, no target. */
class History {
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

  ends(outcome: Outcome): this {
    this.#oracle.onEnd(outcome);
    return this;
  }

  /** A probe that starts so long after the last one ended, and is answered after 10 ms. */
  probe(afterMs: number, outcome: Outcome): this {
    return this.after(afterMs).starts().after(10).ends(outcome);
  }

  /** A probe that meets silence, and is told to stop at its deadline. */
  silence(afterMs: number): this {
    return this.after(afterMs).starts().after(USUAL.timeoutMs).stops().ends("silence");
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

/** Serving, with the last probe 10 ms ago. */
const serving = () => new History().probe(0, "pass").says("SERVING").probe(9_990, "pass");

/** Dead for 14 s, and seen. */
const fallen = () =>
  serving().becomes("dead").probe(9_990, "fail").probe(1_990, "fail").probe(1_990, "fail").says("NOT_SERVING");

/** Two failures; the next one is the third. */
const nearlyFallen = () => serving().becomes("dead").probe(9_990, "fail").probe(1_990, "fail");

const WRONG: readonly (readonly [label: string, expected: RegExp, history: () => History])[] = [
  ["a fall after two failures", /a false down/, () => nearlyFallen().says("NOT_SERVING")],
  [
    "a fall of a target that answered between its failures",
    /a false down/,
    () => serving().silence(9_990).probe(0, "pass").probe(9_990, "fail").probe(1_990, "fail").says("NOT_SERVING"),
  ],
  [
    "a fall by a result in which our loop stood still",
    /a false down/,
    () => nearlyFallen().after(1_990).starts().stall(601).ends("fail").says("NOT_SERVING"),
  ],
  [
    "a fall by a deadline in which our loop stood still",
    /a false down/,
    () => nearlyFallen().after(1_990).starts().stall(3_000).says("NOT_SERVING"),
  ],
  [
    "a fall by a probe that could not look",
    /a false down/,
    () => nearlyFallen().probe(1_990, "blind").says("NOT_SERVING"),
  ],
  [
    "a fall that is not told though the third failure is there",
    /a false OK: SERVING is published/,
    () => nearlyFallen().probe(1_990, "fail").isRead("SERVING"),
  ],
  ["a return after one pass", /a false OK/, () => fallen().becomes("well").probe(9_990, "pass").says("SERVING")],
  ["SERVING before any result", /a false OK/, () => new History().starts().says("SERVING")],
  ["a first result that is withheld", /withheld/, () => new History().probe(0, "pass").isRead("UNKNOWN")],
  [
    "a death that nobody sees though all probes passed",
    /a false OK: SERVING, but the target is dead/,
    () => serving().becomes("dead").probe(10_990, "pass").probe(10_400, "pass").isRead("SERVING"),
  ],
  [
    "a return that nobody looks at",
    /a false down: NOT_SERVING, but the target is well/,
    () => fallen().becomes("well").after(18_000).isRead("NOT_SERVING"),
  ],
  [
    "a result that is older than it may be",
    /a false OK: SERVING is published; the results say UNKNOWN/,
    () => serving().after(32_000).isRead("SERVING"),
  ],
  ["a status that is read and was not published", /is read where/, () => serving().isRead("NOT_SERVING")],
  ["two probes at once", /at once/, () => serving().after(9_990).starts().after(2_000).starts()],
  ["a probe before its interval is over", /1000 ms too early/, () => serving().probe(7_990, "pass")],
  ["a probe at the edge interval where nothing is counted", /too early/, () => serving().probe(1_990, "pass")],
  ["a probe that starts too late", /1000 ms too late/, () => serving().probe(11_990, "pass")],
  [
    "an interval where the edge interval is due",
    /too late/,
    () => serving().becomes("dead").probe(9_990, "fail").probe(9_990, "fail"),
  ],
  [
    "a probe that is late after our loop went on",
    /too late/,
    () => serving().after(9_990).stall(5_000).probe(1, "pass"),
  ],
  [
    "a probe that is late after a place was free",
    /too late/,
    () => serving().after(9_990).crowd(5_000).probe(1, "pass"),
  ],
  [
    "a probe that is told to stop too early",
    /1 ms before its deadline/,
    () => serving().after(9_990).starts().after(1_999).stops(),
  ],
  [
    "a probe that is told to stop too late",
    /1 ms after its deadline/,
    () => serving().after(9_990).starts().after(2_001).stops(),
  ],
  [
    "a probe that is told to stop though its answer was there",
    /its answer was there/,
    () => serving().after(9_990).starts().after(2_000).stops().ends("pass"),
  ],
];

for (const [label, expected, history] of WRONG)
  test(`the oracle tells of ${label}`, () => {
    const { faults } = history();
    assert.match(faults[0] ?? "nothing was told", expected);
  });

const RIGHT: readonly (readonly [label: string, history: () => History])[] = [
  ["a death and a return", () => fallen().becomes("well").probe(9_990, "pass").probe(1_990, "pass").says("SERVING")],
  [
    "a death by silence, told at the third deadline",
    () =>
      serving()
        .becomes("dead")
        .silence(10_990)
        .silence(200)
        .after(200)
        .starts()
        .after(2_000)
        .says("NOT_SERVING")
        .stops()
        .ends("silence"),
  ],
  [
    "a probe that stops a while after it was told",
    () => serving().after(9_990).starts().after(2_000).stops().after(1_500).ends("silence").probe(0, "pass"),
  ],
  [
    "three probes that were lost in a row",
    () =>
      serving().silence(9_990).silence(0).after(0).starts().after(2_000).says("NOT_SERVING").stops().ends("silence"),
  ],
  [
    "a death that a stall hides: three failures from then on",
    () =>
      nearlyFallen()
        .after(1_990)
        .starts()
        .stall(5_000)
        .isRead("SERVING")
        .stops()
        .ends("silence")
        .probe(2_000, "fail")
        .says("NOT_SERVING"),
  ],
  [
    "a stall that is too short to spoil a result",
    () => nearlyFallen().after(1_990).starts().stall(500).ends("fail").says("NOT_SERVING"),
  ],
  ["a probe that our loop made late", () => serving().after(9_990).stall(5_000).starts()],
  ["a probe that waited for a place", () => serving().after(9_990).crowd(5_000).starts()],
  ["a result that was forgotten in time", () => serving().after(32_000).says("UNKNOWN").isRead("UNKNOWN")],
  [
    "a prober that can't look, and its target forgotten",
    () =>
      serving()
        .becomes("dead")
        .probe(9_990, "blind")
        .probe(9_990, "blind")
        .probe(9_990, "blind")
        .after(2_000)
        .says("UNKNOWN")
        .probe(7_990, "fail")
        .says("NOT_SERVING"),
  ],
];

for (const [label, history] of RIGHT)
  test(`the oracle is content with ${label}`, () => assert.deepEqual(history().faults, []));
