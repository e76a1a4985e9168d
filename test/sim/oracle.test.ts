/** The oracle finds faults: histories that are wrong, each in one way, and histories that are right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS } from "./contract.js";
import { History } from "./history.js";

/** SERVING, with the last probe 10 ms ago. */
const serving = () => new History().probe(0, "pass").publishes("SERVING").probe(9_990, "pass");

/** Down for 14 s, and NOT_SERVING. */
const failed = () =>
  serving().becomes("down").probe(9_990, "fail").probe(1_990, "fail").probe(1_990, "fail").publishes("NOT_SERVING");

/** Two failures; the next one is the third. */
const twoFailures = () => serving().becomes("down").probe(9_990, "fail").probe(1_990, "fail");

/** A check with the initial state passing. */
const initial = () => new History({ status: "SERVING", until: 32_000, isInitial: true }).publishes("SERVING");

/** A probe was abandoned, and has not ended. */
const abandoned = () => serving().after(9_990).starts().after(2_000).reports("fail").aborts().after(1_000).abandons();

/** A probe has started, and since then the event loop was blocked again and again, too shortly for a stall. */
const delayed = (times: number) => {
  const history = serving().after(9_990).starts();
  for (let time = 0; time < times; time += 1) history.stall(400);
  return history;
};

const WRONG: readonly (readonly [label: string, expected: RegExp, history: () => History])[] = [
  [
    "NOT_SERVING by an ignored result",
    /a false down/,
    () => twoFailures().after(1_990).starts().stall(601).ends("fail", "ignored").publishes("NOT_SERVING"),
  ],
  [
    "a result that is ignored without a reason",
    /though the event loop was blocked for 500 ms at most/,
    () => serving().after(9_990).starts().stall(500).ends("fail", "ignored"),
  ],
  [
    "a result that is ignored for an old stall",
    /though the event loop was blocked for 0 ms at most/,
    () => serving().stall(600).after(9_390).starts().after(10).ends("pass", "ignored"),
  ],
  [
    "a failure that is reported as a pass",
    /pass is reported for the outcome fail/,
    () => serving().after(9_990).starts().ends("fail", "pass"),
  ],
  [
    "a prober error that is reported as a failure",
    /fail is reported for the outcome prober-error/,
    () => serving().after(9_990).starts().ends("prober-error", "fail"),
  ],
  ["a result that is reported twice", /without a probe/, () => serving().probe(9_990, "pass").reports("pass")],
  [
    "a probe that is not reported",
    /was not reported/,
    () => serving().after(9_990).starts().endsLate("pass").after(10_000).starts(),
  ],
  [
    "a deadline that is not reported",
    /is not reported at its deadline/,
    () => serving().after(9_990).starts().after(2_000).aborts().after(10).endsLate(),
  ],
  [
    "a deadline that is reported too late",
    /is not reported at its deadline/,
    () => serving().after(9_990).starts().after(2_000).aborts().after(10).reports("fail"),
  ],
  [
    "a further timeout of a probe that does not end, too early",
    /one more timeout is reported 800 ms too early/,
    () => serving().after(9_990).starts().after(2_000).reports("fail").aborts().after(1_000).reports("fail"),
  ],
  [
    "a probe that is abandoned too early",
    /a probe is abandoned 1 ms too early/,
    () => serving().after(9_990).starts().after(2_000).reports("fail").aborts().after(999).abandons(),
  ],
  [
    "a probe that is abandoned before it is aborted",
    /that was not aborted/,
    () => serving().after(9_990).starts().after(3_000).abandons(),
  ],
  [
    "a second probe that is abandoned",
    /a second probe is abandoned/,
    () => abandoned().after(1_000).starts().after(2_000).reports("fail").aborts().after(1_000).abandons(),
  ],
  [
    "a further timeout of a probe that could be abandoned",
    /is not abandoned/,
    () => serving().after(9_990).starts().after(2_000).reports("fail").aborts().after(2_000).reports("fail"),
  ],
  [
    "an initial state that is read after staleAfter",
    /a false OK: SERVING is published/,
    () => initial().saturate(32_000).isRead("SERVING"),
  ],
  [
    "thresholds for the first result after an initial state",
    /a false OK: SERVING is published/,
    () => initial().probe(0, "fail").isRead("SERVING"),
  ],
  [
    "the last state of a changed target after min(timeout, 5 s)",
    /a false OK: SERVING is published/,
    () => serving().after(1_000).replaces().saturate(2_000).isRead("SERVING"),
  ],
  [
    "a last state that further changes prolong",
    /a false OK: SERVING is published/,
    () => serving().after(1_000).replaces().saturate(1_000).replaces().saturate(1_000).isRead("SERVING"),
  ],
  [
    "a changed target that is not probed at once",
    /no probe starts: the next is 500 ms too late/,
    () => serving().after(1_000).replaces().after(500).isRead("SERVING"),
  ],
  [
    "a probe that does not end, without a further timeout",
    /no probe starts: the next is 1200 ms too late/,
    () => serving().after(9_990).starts().after(2_000).reports("fail").aborts().after(3_400).isRead("SERVING"),
  ],
  ["NOT_SERVING after two failures", /a false down/, () => twoFailures().publishes("NOT_SERVING")],
  [
    "NOT_SERVING after failures with a pass between them",
    /a false down/,
    () => serving().silence(9_990).probe(0, "pass").probe(9_990, "fail").probe(1_990, "fail").publishes("NOT_SERVING"),
  ],
  [
    "NOT_SERVING by a result during a stall",
    /a result counts, though the event loop was blocked for 601 ms/,
    () => twoFailures().after(1_990).starts().stall(601).ends("fail").publishes("NOT_SERVING"),
  ],
  [
    "NOT_SERVING by a deadline during a stall",
    /a false down/,
    () => twoFailures().after(1_990).starts().stall(3_000).publishes("NOT_SERVING"),
  ],
  [
    "NOT_SERVING by a prober error",
    /a false down/,
    () => twoFailures().probe(1_990, "prober-error").publishes("NOT_SERVING"),
  ],
  [
    "no NOT_SERVING after the third failure",
    /a false OK: SERVING is published/,
    () => twoFailures().probe(1_990, "fail").isRead("SERVING"),
  ],
  ["SERVING after one pass", /a false OK/, () => failed().becomes("up").probe(9_990, "pass").publishes("SERVING")],
  ["SERVING before any result", /a false OK/, () => new History().starts().publishes("SERVING")],
  ["a first result that is not published", /is not published/, () => new History().probe(0, "pass").isRead("UNKNOWN")],
  [
    "a failure of the target while all probes pass",
    /a false OK: SERVING, but the target is down/,
    () => serving().becomes("down").probe(10_990, "pass").probe(10_400, "pass").isRead("SERVING"),
  ],
  [
    "a recovery without a probe",
    /a false down: NOT_SERVING, but the target is up/,
    () => failed().becomes("up").after(18_000).isRead("NOT_SERVING"),
  ],
  [
    "a stale result",
    /a false OK: SERVING is published; the results mean UNKNOWN/,
    () => serving().after(32_000).isRead("SERVING"),
  ],
  ["a status that is read but was not published", /is read, but/, () => serving().isRead("NOT_SERVING")],
  ["two probes at once", /at once/, () => serving().after(9_990).starts().after(2_000).starts()],
  ["a probe before the end of its interval", /1000 ms too early/, () => serving().probe(7_990, "pass")],
  ["a probe after the edge interval while no threshold is counted", /too early/, () => serving().probe(1_990, "pass")],
  ["a probe that starts too late", /1000 ms too late/, () => serving().probe(11_990, "pass")],
  [
    "the interval instead of the edge interval",
    /too late/,
    () => serving().becomes("down").probe(9_990, "fail").probe(9_990, "fail"),
  ],
  [
    "a probe that is late after the end of a stall",
    /too late/,
    () => serving().after(9_990).stall(5_000).probe(1, "pass"),
  ],
  [
    "a probe that is late after a slot was free",
    /too late/,
    () => serving().after(9_990).saturate(5_000).probe(1, "pass"),
  ],
  [
    "a probe that is aborted too early",
    /1 ms before its deadline/,
    () => serving().after(9_990).starts().after(1_999).aborts(),
  ],
  [
    "a probe that is aborted too late",
    /1 ms after its deadline/,
    () => serving().after(9_990).starts().after(2_001).aborts(),
  ],
  ["a deadline that delays do not move", /900 ms before its deadline/, () => delayed(3).after(800).aborts()],
  [
    "a deadline that delays move by more than they last",
    /1 ms after its deadline/,
    () => delayed(3).after(2_001).aborts(),
  ],
  [
    "a deadline that delays move by more than two timeouts",
    /1 ms after its deadline/,
    () => delayed(15).after(1).aborts(),
  ],
  [
    "a deadline that a stall moves",
    /1000 ms after its deadline/,
    () => serving().after(9_990).starts().stall(1_000).after(2_000).aborts(),
  ],
  [
    "a probe that is aborted though its answer had arrived",
    /its answer had arrived/,
    () => serving().after(9_990).starts().after(2_000).reports("fail").aborts().endsLate("pass"),
  ],
];

for (const [label, expected, history] of WRONG)
  test(`the oracle finds ${label}`, () => {
    const { faults } = history();
    assert.match(faults[0] ?? "no fault", expected);
  });

const RIGHT: readonly (readonly [label: string, history: () => History])[] = [
  [
    "a failure and a recovery",
    () => failed().becomes("up").probe(9_990, "pass").probe(1_990, "pass").publishes("SERVING"),
  ],
  [
    "a failure without any answer, published at the third deadline",
    () =>
      serving()
        .becomes("down")
        .silence(10_990)
        .silence(200)
        .after(200)
        .starts()
        .after(2_000)
        .reports("fail")
        .publishes("NOT_SERVING")
        .aborts()
        .endsLate(),
  ],
  [
    "a probe that ends a while after it was aborted",
    () =>
      serving().after(9_990).starts().after(2_000).reports("fail").aborts().after(1_500).endsLate().probe(0, "pass"),
  ],
  [
    "two probes that do not end after their deadlines: the first is abandoned, and each due time is a timeout of the second",
    () =>
      abandoned()
        .after(1_000)
        .starts()
        .after(2_000)
        .reports("fail")
        .aborts()
        .after(2_000)
        .reports("fail")
        .publishes("NOT_SERVING"),
  ],
  [
    "an abandoned probe that ends, and another one that is abandoned",
    () =>
      abandoned()
        .after(1_000)
        .starts()
        .abandonedEnds()
        .after(2_000)
        .reports("fail")
        .aborts()
        .after(1_000)
        .abandons()
        .after(1_000)
        .starts(),
  ],
  ["an initial state that the first result ends", () => initial().probe(0, "fail").publishes("NOT_SERVING")],
  ["an initial state that ends by itself", () => initial().saturate(32_000).publishes("UNKNOWN")],
  [
    "a changed target that keeps its status until the first result, which decides at once",
    () => failed().after(1_000).replaces().isRead("NOT_SERVING").probe(0, "pass").publishes("SERVING"),
  ],
  [
    "a changed target that is UNKNOWN after its timeout without a result",
    () => serving().after(1_000).replaces().saturate(2_000).publishes("UNKNOWN"),
  ],
  [
    "three lost probes in a row",
    () =>
      serving()
        .silence(9_990)
        .silence(0)
        .starts()
        .after(2_000)
        .reports("fail")
        .publishes("NOT_SERVING")
        .aborts()
        .endsLate(),
  ],
  [
    "a failure during a stall: three failures after it",
    () =>
      twoFailures()
        .after(1_990)
        .starts()
        .stall(5_000)
        .isRead("SERVING")
        .reports("ignored")
        .aborts()
        .endsLate()
        .probe(2_000, "fail")
        .publishes("NOT_SERVING"),
  ],
  [
    "a stall that is too short to make a result invalid",
    () => twoFailures().after(1_990).starts().stall(500).ends("fail").publishes("NOT_SERVING"),
  ],
  ["a deadline that delays move by what the engine measures", () => delayed(3).after(1_700).reports("fail").aborts()],
  ["a deadline that delays move by as much as they last", () => delayed(3).after(2_000).reports("fail").aborts()],
  ["a probe that is late because of a stall", () => serving().after(9_990).stall(5_000).starts()],
  ["a probe that waited for a slot", () => serving().after(9_990).saturate(5_000).starts()],
  ...[0, 500].map((hungMs): readonly [string, () => History] => [
    `a recovery whose probe waited for a lost one: ${hungMs} ms, and a stall`,
    () =>
      new History(undefined, { ...DEFAULTS, healthyThreshold: 1, unhealthyMs: 2_000 })
        .probe(0, "fail")
        .publishes("NOT_SERVING")
        .becomes("up")
        .after(1_990)
        .starts()
        .after(2_000)
        .reports("fail")
        .aborts()
        .after(hungMs)
        .stall(18_000)
        .endsLate()
        .starts()
        .after(1_990)
        .ends("pass")
        .publishes("SERVING"),
  ]),
  ["a stale result that is ignored in time", () => serving().saturate(32_000).publishes("UNKNOWN").isRead("UNKNOWN")],
  [
    "prober errors until the last result is stale",
    () =>
      serving()
        .becomes("down")
        .probe(9_990, "prober-error")
        .probe(9_990, "prober-error")
        .probe(9_990, "prober-error")
        .after(2_000)
        .publishes("UNKNOWN")
        .probe(7_990, "fail")
        .publishes("NOT_SERVING"),
  ],
];

for (const [label, history] of RIGHT)
  test(`the oracle finds no fault with ${label}`, () => assert.deepEqual(history().faults, []));
