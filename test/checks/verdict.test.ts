/** The verdict of one check: what the isolation rule decides at the threshold, since when it fails, and advice. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FailureDecision } from "../../src/checks/isolation.js";
import { createRunnerDeps } from "../../src/checks/runner-deps.js";
import { Verdict } from "../../src/checks/verdict.js";
import { type ChannelMessages, subscribe } from "../../src/core/channels.js";
import { fail, PASS, type ProbeResult, warn } from "../../src/probers/prober.js";
import { completeSettings } from "../support/complete-settings.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { ScriptedProber } from "./scripted-prober.js";

const SETTINGS = completeSettings("c", { unhealthyThreshold: 2, healthyThreshold: 2, jitter: 0 });
const REFUSED = fail("refused", "nothing listens");
const SLOW = fail("timeout", "no answer");

class Subject {
  readonly verdict: Verdict;
  decision: FailureDecision = "fail";
  /** How often the isolation rule was asked. */
  asked = 0;

  constructor() {
    const clock = new VirtualClock();
    this.verdict = new Verdict({
      name: "c",
      prober: new ScriptedProber(() => clock.now()),
      settings: SETTINGS,
      deps: createRunnerDeps(clock, () => 0.5, "verdict-test"),
      listener: {
        onProgress() {},
        onThreshold: () => {
          this.asked += 1;
          return this.decision;
        },
      },
    });
  }

  /** Counts a result in each second from 0 on, and returns the states. */
  count(...results: readonly ProbeResult[]): readonly string[] {
    return results.map((result, index) => this.verdict.count(result, SETTINGS, 1_000 * index).state);
  }
}

describe("the isolation rule", () => {
  test("is asked once for a check that is about to fail, and not about its first result", () => {
    const subject = new Subject();
    assert.deepEqual(subject.count(REFUSED, PASS, PASS, REFUSED, REFUSED, REFUSED), [
      "failing",
      "failing",
      "passing",
      "passing",
      "failing",
      "failing",
    ]);
    assert.equal(subject.asked, 1);
  });

  test("is asked for a warning check too", () => {
    const subject = new Subject();
    assert.deepEqual(subject.count(warn("slow", "x"), REFUSED, REFUSED), ["warning", "warning", "failing"]);
    assert.equal(subject.asked, 1);
  });

  test("hold: the last state stays, and each further failure asks again", () => {
    const subject = new Subject();
    subject.decision = "hold";
    assert.deepEqual(subject.count(PASS, REFUSED, REFUSED, SLOW, SLOW), Array(5).fill("passing"));
    assert.equal(subject.asked, 3);
    const { failures, failedAt, reason } = subject.verdict.progress;
    assert.deepEqual([failures, failedAt, reason], [2, 4_000, undefined]);
  });

  test("the end of a hold fails the check with the cause of its last failure", () => {
    const subject = new Subject();
    subject.decision = "hold";
    subject.count(PASS, REFUSED, REFUSED, SLOW);
    const { state, failures, successes, reason, detail } = subject.verdict.endHold();
    assert.deepEqual([state, failures, successes, reason, detail], ["failing", 0, 0, "timeout", "no answer"]);
    assert.equal(subject.verdict.progress.state, "failing");
  });

  test("a pass during a hold starts the count again", () => {
    const subject = new Subject();
    subject.decision = "hold";
    subject.count(PASS, REFUSED, REFUSED, PASS);
    assert.equal(subject.verdict.progress.failures, 0);
  });

  test("count-anew: this failure is the first of the threshold", () => {
    const subject = new Subject();
    subject.decision = "count-anew";
    subject.count(PASS, REFUSED, REFUSED);
    const { state, failures, failedAt } = subject.verdict.progress;
    assert.deepEqual([state, failures, failedAt], ["passing", 1, 2_000]);
    subject.decision = "fail";
    assert.deepEqual(subject.count(REFUSED), ["failing"]);
  });
});

describe("failingSince", () => {
  const rows: readonly (readonly [string, readonly ProbeResult[], number])[] = [
    ["the first failure of a row", [PASS, REFUSED, REFUSED], 1_000],
    ["the first failure of the last row", [PASS, REFUSED, PASS, SLOW, REFUSED], 3_000],
    ["no later failure of a failing check", [PASS, REFUSED, REFUSED, REFUSED, REFUSED], 1_000],
  ];
  for (const [what, results, at] of rows)
    test(`is the time of ${what}`, () => {
      const subject = new Subject();
      subject.count(...results);
      assert.equal(subject.verdict.failingSince, at);
    });

  test("is the time of the failure itself where one failure is enough", () => {
    const subject = new Subject();
    const settings = { ...SETTINGS, unhealthyThreshold: 1 };
    subject.verdict.count(PASS, settings, 0);
    subject.verdict.count(REFUSED, settings, 7_000);
    assert.equal(subject.verdict.failingSince, 7_000);
  });
});

test("without a result that counts, the check is pending with the given cause", () => {
  const subject = new Subject();
  subject.count(PASS, REFUSED);
  const { state, failures, reason, detail } = subject.verdict.reset("stale", "no result for 30 s");
  assert.deepEqual([state, failures, reason, detail], ["pending", 0, "stale", "no result for 30 s"]);
  assert.equal(subject.verdict.progress.state, "pending");
});

describe("advice", () => {
  /** The advice that the results cause. */
  function adviceOf(...results: readonly ProbeResult[]): readonly ChannelMessages["check-advice"][] {
    const messages: ChannelMessages["check-advice"][] = [];
    const unsubscribe = subscribe("check-advice", (message) => messages.push(message));
    new Subject().count(...results);
    unsubscribe();
    return messages;
  }
  const advised = (reason: string): ProbeResult => ({ ...fail(reason as "auth", "d"), advice: `change ${reason}` });

  test("is published when the state changes, with the check and the reason", () => {
    const expected = { instance: "verdict-test", check: "c", reason: "auth", advice: "change auth" };
    assert.deepEqual(adviceOf(advised("auth")), [expected]);
  });

  test("is published once while nothing changes, and again for another reason", () => {
    const messages = adviceOf(advised("auth"), advised("auth"), advised("closed"), advised("closed"));
    assert.deepEqual(
      messages.map(({ reason }) => reason),
      ["auth", "closed"],
    );
  });

  test("waits for the threshold, and is not published for a result without it", () => {
    assert.equal(adviceOf(PASS, advised("auth")).length, 0);
    assert.equal(adviceOf(PASS, advised("auth"), advised("auth")).length, 1);
    assert.equal(adviceOf(REFUSED, PASS).length, 0);
  });
});
