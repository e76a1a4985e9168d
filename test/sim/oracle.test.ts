/** The oracle bites: it is fed histories that are wrong, each in one way, and one of each kind that is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "./history.js";

/** Serving, with the last probe 10 ms ago. */
const serving = () => new History().probe(0, "pass").says("SERVING").probe(9_990, "pass");

/** Dead for 14 s, and seen. */
const fallen = () =>
  serving().becomes("dead").probe(9_990, "fail").probe(1_990, "fail").probe(1_990, "fail").says("NOT_SERVING");

/** Two failures; the next one is the third. */
const nearlyFallen = () => serving().becomes("dead").probe(9_990, "fail").probe(1_990, "fail");

const WRONG: readonly (readonly [label: string, expected: RegExp, history: () => History])[] = [
  [
    "a fall by a result that was thrown away",
    /a false down/,
    () => nearlyFallen().after(1_990).starts().stall(601).ends("fail", "dropped").says("NOT_SERVING"),
  ],
  [
    "a result that is thrown away without a reason",
    /though our loop stood still for 500 ms at most/,
    () => serving().after(9_990).starts().stall(500).ends("fail", "dropped"),
  ],
  [
    "a result that is thrown away for a stall of long ago",
    /though our loop stood still for 0 ms at most/,
    () => serving().stall(600).after(9_390).starts().after(10).ends("pass", "dropped"),
  ],
  [
    "a failure that is told as a pass",
    /pass is told of a probe that met fail/,
    () => serving().after(9_990).starts().ends("fail", "pass"),
  ],
  [
    "a failure of ours that is told as the target's",
    /fail is told of a probe that met blind/,
    () => serving().after(9_990).starts().ends("blind", "fail"),
  ],
  ["a result that is told twice", /no probe has met/, () => serving().probe(9_990, "pass").tells("pass")],
  [
    "a probe of which nothing is told",
    /nothing was told/,
    () => serving().after(9_990).starts().endsLate("pass").after(10_000).starts(),
  ],
  [
    "a deadline of which nothing is told",
    /nothing is told of a probe at its deadline/,
    () => serving().after(9_990).starts().after(2_000).stops(),
  ],
  [
    "one more timeout of a probe that goes on, too early",
    /one more timeout is told 800 ms too early/,
    () => serving().after(9_990).starts().after(2_000).tells("fail").stops().after(1_000).tells("fail"),
  ],
  [
    "a probe that goes on, of which nothing more is told",
    /no probe starts: one 1200 ms too late/,
    () => serving().after(9_990).starts().after(2_000).tells("fail").stops().after(3_400).isRead("SERVING"),
  ],
  ["a fall after two failures", /a false down/, () => nearlyFallen().says("NOT_SERVING")],
  [
    "a fall of a target that answered between its failures",
    /a false down/,
    () => serving().silence(9_990).probe(0, "pass").probe(9_990, "fail").probe(1_990, "fail").says("NOT_SERVING"),
  ],
  [
    "a fall by a result in which our loop stood still",
    /a result counts, though our loop stood still for 601 ms/,
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
    () => serving().after(9_990).starts().after(2_000).tells("fail").stops().endsLate("pass"),
  ],
];

for (const [label, expected, history] of WRONG)
  test(`the oracle finds ${label}`, () => {
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
        .tells("fail")
        .says("NOT_SERVING")
        .stops()
        .endsLate(),
  ],
  [
    "a probe that stops a while after it was told",
    () => serving().after(9_990).starts().after(2_000).tells("fail").stops().after(1_500).endsLate().probe(0, "pass"),
  ],
  [
    "a probe that goes on after its deadline: a timeout at each due time",
    () =>
      serving()
        .after(9_990)
        .starts()
        .after(2_000)
        .tells("fail")
        .stops()
        .after(2_000)
        .tells("fail")
        .after(2_000)
        .tells("fail")
        .says("NOT_SERVING"),
  ],
  [
    "three probes that were lost in a row",
    () =>
      serving().silence(9_990).silence(0).starts().after(2_000).tells("fail").says("NOT_SERVING").stops().endsLate(),
  ],
  [
    "a death that a stall hides: three failures from then on",
    () =>
      nearlyFallen()
        .after(1_990)
        .starts()
        .stall(5_000)
        .isRead("SERVING")
        .tells("dropped")
        .stops()
        .endsLate()
        .probe(2_000, "fail")
        .says("NOT_SERVING"),
  ],
  [
    "a stall that is too short to spoil a result",
    () => nearlyFallen().after(1_990).starts().stall(500).ends("fail").says("NOT_SERVING"),
  ],
  ["a probe that our loop made late", () => serving().after(9_990).stall(5_000).starts()],
  ["a probe that waited for a place", () => serving().after(9_990).crowd(5_000).starts()],
  ["a result that was forgotten in time", () => serving().crowd(32_000).says("UNKNOWN").isRead("UNKNOWN")],
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
  test(`the oracle has no fault with ${label}`, () => assert.deepEqual(history().faults, []));
