import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Vote } from "../../../src/fleet/records/vote.js";
import { UNDECIDED } from "../../../src/fleet/rules/agreement.js";
import { type HeartbeatVote, heartbeatDecision, isMissed, newestReport } from "../../../src/fleet/rules/heartbeats.js";

const NOW = 1_000;

const VOTES: Readonly<Record<string, Vote>> = {
  p: { state: "passing", reason: undefined },
  w: { state: "warning", reason: "slow" },
  f: { state: "failing", reason: "reported" },
  m: { state: "failing", reason: "missed" },
  a: { state: "abstaining", reason: undefined },
};

/** `p3` is a pass of order 3; a capital letter is too old. */
function votes(text: string): readonly HeartbeatVote[] {
  return (text === "" ? [] : text.split(" ")).map((word, index) => {
    const letter = word[0] ?? "";
    const vote = VOTES[letter.toLowerCase()];
    assert.ok(vote !== undefined);
    const validUntil = letter === letter.toLowerCase() ? NOW + 1 + index : NOW;
    return { vote, validUntil, order: Number(word.slice(1)), run: `run-${index}` };
  });
}

describe("the newest report decides", () => {
  const rows: readonly (readonly [text: string, state: string, index?: number])[] = [
    ["p1", "passing", 0],
    ["p1 f2", "failing", 1],
    ["f2 p1", "failing", 0],
    ["p3 f2 w1", "passing", 0],
    ["p1 w2", "warning", 1],
    ["p2 f2", "failing", 1],
    ["f2 p2", "passing", 1],
    ["p1 m9", "passing", 0],
    ["m0 p0", "passing", 1],
    ["f1 m9", "failing", 0],
    ["p1 a9", "passing", 0],
    ["p1 F9", "passing", 0],
    ["m0", "failing", 0],
    ["m0 m0", "failing", 1],
    ["m0 a0", "failing", 0],
    ["m0 P5", "failing", 0],
    ["m0 M0", "failing", 0],
  ];
  for (const [text, state, index = 0] of rows)
    it(text, () => {
      const decision = heartbeatDecision(votes(text), UNDECIDED, NOW);
      assert.equal(decision.state, state);
      assert.equal(decision.validUntil, NOW + 1 + index);
      assert.equal(decision.reason, votes(text)[index]?.vote.reason);
    });

  for (const text of ["", "a0", "P1", "M0", "a0 F3"])
    it(`is what it was without a report: "${text}"`, () =>
      assert.equal(heartbeatDecision(votes(text), UNDECIDED, NOW), UNDECIDED));
});

describe("the newest report", () => {
  it("is none of those that are missed", () => {
    assert.equal(newestReport(votes("m1 a2 P3"), NOW), undefined);
    assert.equal(newestReport(votes("m1 p2 a3"), NOW)?.order, 2);
  });

  it("is missed only as a failure with that reason", () => {
    assert.equal(isMissed({ state: "failing", reason: "missed" }), true);
    assert.equal(isMissed({ state: "failing", reason: "reported" }), false);
    assert.equal(isMissed({ state: "passing", reason: "missed" }), false);
  });
});
