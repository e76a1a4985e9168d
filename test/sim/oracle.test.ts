/** The oracle bites: it is fed histories that are wrong, each in one way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Contract, Oracle, type Stall } from "./oracle.js";
import { SeededRandom } from "./random.js";
import { SimClock } from "./sim-clock.js";
import { type Outcome, SimTarget } from "./target.js";

const CONTRACT: Contract = {
  intervalMs: 10_000,
  edgeMs: 2_000,
  timeoutMs: 2_000,
  jitter: 0.1,
  fall: 3,
  rise: 2,
  staleAfterMs: 32_000,
};

/** A history that is told by hand: no prober runs. */
class History {
  now = 0;
  readonly stalls: Stall[] = [];
  readonly target = new SimTarget("t", new SimClock(), new SeededRandom(1), {
    meanWellMs: 1e12,
    meanDeadMs: 1e12,
    lossShare: 0,
    slowShare: 0,
    timeoutMs: 2_000,
  });
  readonly oracle = new Oracle({ contract: CONTRACT, now: () => this.now, stalls: this.stalls }, this.target);

  /** A probe that starts so long after the last one and takes 10 ms. */
  probe(afterMs: number, outcome: Outcome): this {
    this.now += afterMs;
    this.target.inFlight = 1;
    this.oracle.onStart();
    const probe = { startedAt: this.now, endedAt: this.now + 10, outcome };
    this.now += 10;
    this.target.inFlight = 0;
    this.target.probes.push(probe);
    this.oracle.onEnd(probe);
    return this;
  }

  becomes(truth: "well" | "dead"): this {
    this.target.well = truth === "well";
    this.target.since = this.now;
    this.oracle.onTruth();
    return this;
  }

  says(status: string): this {
    this.oracle.onStatus(status);
    return this;
  }

  after(ms: number, status: string): this {
    this.now += ms;
    this.oracle.sample(status);
    return this;
  }

  stall(ms: number): this {
    const stall = { from: this.now, to: this.now + ms };
    this.now += ms;
    this.stalls.push(stall);
    this.oracle.onStall(stall);
    return this;
  }
}

const GOOD = () => new History().probe(0, "pass").says("SERVING").probe(10_000, "pass");

const WRONG: readonly (readonly [label: string, expected: RegExp, history: () => History])[] = [
  [
    "a fall after two failures",
    /false down/,
    () => GOOD().becomes("dead").probe(10_000, "fail").probe(2_000, "fail").says("NOT_SERVING"),
  ],
  [
    "a fall of a target that answered between",
    /false down/,
    () => GOOD().probe(10_000, "lost").probe(2_000, "lost").probe(2_000, "pass").says("NOT_SERVING"),
  ],
  [
    "a return after one pass",
    /false OK/,
    () =>
      new History()
        .becomes("dead")
        .probe(0, "fail")
        .says("NOT_SERVING")
        .becomes("well")
        .probe(10_000, "pass")
        .says("SERVING"),
  ],
  ["SERVING before any probe", /false OK/, () => new History().says("SERVING")],
  ["a death that nobody sees", /dead for/, () => GOOD().becomes("dead").after(23_000, "SERVING")],
  [
    "a return that nobody sees",
    /well for/,
    () =>
      GOOD()
        .becomes("dead")
        .probe(10_000, "fail")
        .probe(2_000, "fail")
        .probe(2_000, "fail")
        .says("NOT_SERVING")
        .becomes("well")
        .after(18_000, "NOT_SERVING"),
  ],
  ["a result that is too old", /old/, () => GOOD().after(32_100, "SERVING")],
  [
    "two probes at once",
    /at once/,
    () => {
      const history = GOOD();
      history.now += 10_000;
      history.target.inFlight = 2;
      history.oracle.onStart();
      return history;
    },
  ],
  ["probes too close", /after the last/, () => GOOD().probe(1_000, "pass")],
  [
    "a fall by probes that a stall has struck",
    /false down/,
    () => {
      const history = GOOD();
      for (let times = 0; times < 3; times += 1) {
        history.now += 10_000;
        const startedAt = history.now;
        history.stall(2_500);
        history.target.probes.push({ startedAt, endedAt: history.now, outcome: "lost" });
      }
      return history.says("NOT_SERVING");
    },
  ],
];

for (const [label, expected, history] of WRONG)
  test(`${label} is told`, () => {
    const { faults } = history().oracle;
    assert.equal(faults.length, 1, faults.join("\n"));
    assert.match(faults[0] ?? "", expected);
  });

test("a history that is right is not", () => {
  const history = GOOD()
    .becomes("dead")
    .probe(9_500, "fail")
    .probe(2_100, "fail")
    .probe(2_100, "fail")
    .says("NOT_SERVING");
  history
    .after(5_000, "NOT_SERVING")
    .becomes("well")
    .probe(10_500, "pass")
    .probe(2_000, "pass")
    .says("SERVING")
    .after(9_000, "SERVING");
  assert.deepEqual(history.oracle.faults, []);
});
