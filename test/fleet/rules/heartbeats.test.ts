import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Vote } from "../../../src/fleet/records/vote.js";
import { UNDECIDED } from "../../../src/fleet/rules/agreement.js";
import {
  type HeartbeatVote,
  heartbeatDecision,
  isMissed,
  newestReport,
  numberChange,
} from "../../../src/fleet/rules/heartbeats.js";

const NOW = 1_000;

const PRECISION = { toleranceMs: 60_000, delayMs: 3_000 };

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
    return { vote, validUntil, order: Number(word.slice(1)), run: `run-${index}`, byAge: 0 };
  });
}

describe("of reports with one number that may be as young, the newest is", () => {
  const [first, second] = votes("p1 f1");
  assert.ok(first !== undefined && second !== undefined);
  const rows: readonly (readonly [
    title: string,
    one: Partial<HeartbeatVote>,
    other: Partial<HeartbeatVote>,
    index: number,
  ])[] = [
    ["the later one by the clock of its machine", { wallTime: 200 }, { wallTime: 100 }, 0],
    ["the later one, with the larger run too", { wallTime: 100 }, { wallTime: 200 }, 1],
    ["the one with a time", { wallTime: 100 }, {}, 0],
    ["the one of the larger run, at the same time", { wallTime: 100 }, { wallTime: 100 }, 1],
    ["not the later one when that has a lower number", { wallTime: 200 }, { wallTime: 100, order: 2 }, 1],
    ["not the later one when that is surely older", { wallTime: 200, byAge: -6_001 }, { wallTime: 100 }, 1],
    ["the later one of an earlier process", { wallTime: 200, order: 0 }, { wallTime: 100, order: 0 }, 0],
  ];
  for (const [title, one, other, index] of rows)
    it(title, () => {
      const both = [
        { ...first, ...one },
        { ...second, ...other },
      ];
      assert.equal(newestReport(both, PRECISION, NOW), both[index]);
      assert.equal(newestReport([...both].reverse(), PRECISION, NOW), both[index]);
    });
});

describe("the newest report decides", () => {
  const rows: readonly (readonly [text: string, state: string, index?: number])[] = [
    ["p1", "passing", 0],
    ["p1 f2", "failing", 1],
    ["f2 p1", "failing", 0],
    ["p3 f2 w1", "passing", 0],
    ["p1 w2", "warning", 1],
    ["p2 f2", "failing", 1],
    ["f2 p2", "passing", 1],
    ["p1 m9", "failing", 1],
    ["p9 m1", "passing", 0],
    ["p9 m9", "passing", 0],
    ["m0 p0", "passing", 1],
    ["f1 m9", "failing", 1],
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
      const decision = heartbeatDecision(votes(text), UNDECIDED, PRECISION, NOW);
      assert.equal(decision.state, state);
      assert.equal(decision.validUntil, NOW + 1 + index);
      assert.equal(decision.reason, votes(text)[index]?.vote.reason);
    });

  for (const [text, untilMs] of [
    ["p2 p2", 2],
    ["p2 p1", 2],
    ["p1 p3 p2", 3],
    ["p3 f2 p1", 1],
    ["p3 p2 f1", 2],
    ["f2 m0 f1", 3],
    ["f2 m2 f1", 1],
    ["p2 m0 m0", 1],
    ["p2 P2", 1],
  ] as const)
    it(`counts as long as the newest of those that count says the same: ${text}`, () =>
      assert.equal(heartbeatDecision(votes(text), UNDECIDED, PRECISION, NOW).validUntil, NOW + untilMs));

  for (const text of ["", "a0", "P1", "M0", "a0 F3"])
    it(`is what it was without a report: "${text}"`, () =>
      assert.equal(heartbeatDecision(votes(text), UNDECIDED, PRECISION, NOW), UNDECIDED));
});

describe("the newest report", () => {
  it("is none of those that are missed", () => {
    assert.equal(newestReport(votes("m1 a2 P3"), PRECISION, NOW), undefined);
    assert.equal(newestReport(votes("m1 p2 a3"), PRECISION, NOW)?.order, 2);
  });

  for (const isHandedOn of [false, true])
    it(`is the one that is missed only when it was handed on, with the same number: ${isHandedOn}`, () => {
      const [report, missed] = votes("p4 m4");
      assert.ok(report !== undefined && missed !== undefined);
      const newest = newestReport([{ ...report, isHandedOn }, missed], PRECISION, NOW);
      assert.equal(newest?.order, isHandedOn ? undefined : 4);
    });

  for (const [missedS, reportS, counts] of [
    [0, 0, false],
    [3, 0, false],
    [4, 0, true],
    [0, 30, false],
  ] as const)
    it(`is older than a missed one with a higher number, unless its member was apart: ${missedS} s and ${reportS} s old`, () => {
      const [report, missed] = votes("p4 m7");
      assert.ok(report !== undefined && missed !== undefined);
      const aged = [
        { ...report, byAge: -1_000 * reportS },
        { ...missed, byAge: -1_000 * missedS },
      ];
      assert.equal(newestReport(aged, PRECISION, NOW)?.order, counts ? 4 : undefined);
    });

  it("is the youngest one when the numbers say nothing: those of members that were apart, or have started again", () => {
    const rows: readonly (readonly [ageSeconds: number, order: number])[][] = [
      [[600, 7], [500, 3]],
      [[600, 0], [500, 0]],
      [[600, 7], [500, 0]],
      [[90, 1], [24, 4], [80, 4]],
      [[10, 0], [6, 0]],
      [[600, 9], [67, 5], [0, 2]],
    ]; // biome-ignore format: one row a case
    const expected = [1, 1, 1, 1, 1, 2];
    for (const [row, ages] of rows.entries()) {
      const reports = ages.map(([ageSeconds, order], index) => ({
        ...{ vote: { state: "passing", reason: undefined } as const, validUntil: NOW + 1, order },
        ...{ run: `run-${9 - index}`, byAge: NOW - 1_000 * ageSeconds },
      }));
      for (const votes of [reports, [...reports].reverse()])
        assert.equal(newestReport(votes, PRECISION, NOW), reports[expected[row] ?? 0], `row ${row}`);
    }
  });

  it("is the one with the highest number of those whose ages may be the other way round", () => {
    const at = (ageSeconds: number, order: number, run = "run-1") => ({
      ...{ vote: { state: "passing", reason: undefined } as const, validUntil: NOW + 1, order, run },
      byAge: NOW - 1_000 * ageSeconds,
    });
    const [older, younger] = [at(60, 5), at(0, 4)];
    assert.equal(newestReport([younger, older], PRECISION, NOW), older);
    const [first, second] = [at(2, 5, "run-2"), at(0, 5)];
    assert.equal(newestReport([second, first], PRECISION, NOW), first);
  });

  it("is missed only as a failure with that reason", () => {
    assert.equal(isMissed({ state: "failing", reason: "missed" }), true);
    assert.equal(isMissed({ state: "failing", reason: "reported" }), false);
    assert.equal(isMissed({ state: "passing", reason: "missed" }), false);
  });
});

/** `p3 -5` is a pass of order 3 whose report is 5 s old, `?` of unknown age; with `h` it was handed on, with `r` repeated. The first one is the own one. */
function aged(text: string): readonly HeartbeatVote[] {
  return text.split(", ").map((part, index) => {
    const [word = "", seconds = "", mark] = part.split(" ");
    const [vote] = votes(word);
    assert.ok(vote !== undefined);
    const byAge = seconds === "?" ? Number.NEGATIVE_INFINITY : NOW + 1_000 * Number(seconds);
    const validUntil = seconds === "?" ? byAge : vote.validUntil;
    const marked = { ...(mark === "h" && { isHandedOn: true }), ...(mark === "r" && { isRepeated: true }) };
    return { ...vote, byAge, validUntil, run: `run-${index}`, ...marked };
  });
}

describe("the number of a report", () => {
  const rows: readonly (readonly [text: string, change: "next" | "none" | undefined])[] = [
    ["p1 -5", undefined],
    ["p2 -5, f1 -50", undefined],
    ["p1 -50, f2 -5", undefined],
    // older than one with a lower or the same number
    ["p2 -50, f1 -49", "none"],
    ["p2 -50, f2 -49", "none"],
    ["p2 -50, f2 -50", undefined],
    ["p2 -50, f2 -51", undefined],
    ["p2 -50, F1 -49", undefined],
    ["p2 -50, f0 -49", undefined],
    ["p2 -50, m1 -49", undefined],
    ["p2 -50, a1 -49", undefined],
    ["p2 -50, f3 -55, p1 -49", undefined],
    // the older one goes before one that would be the newest in its place
    ["p6 -50, f5 -60, p4 -49", undefined],
    ["p6 -50, f5 -160, p4 -49", "none"],
    // younger than one with a higher number
    ["p1 -5, f2 -68", undefined],
    ["p1 -5, f2 -69", "next"],
    ["p1 -5, f2 -69, f3 -60", undefined],
    ["p1 -5, f2 -69, f3 ?", undefined],
    ["p2 -5, f2 -69, f1 ?", "next"],
    // than one with the same number, of a member that is gone
    ["p2 -5, f2 -9", undefined],
    ["p2 -5, f2 -9 h", "next"],
    ["p2 -5, f2 -8 h", undefined],
    ["p2 -5, f3 -9 h", undefined],
    // a copy of the own one, whose age is badly known
    ["p2 -5, p2 -9 h", undefined],
    ["p2 -5, p2 -90 h", undefined],
    ["p2 -5, p2 -9 h, f2 -9 h", "next"],
    ["p2 -5, p3 -69 h", "next"],
    // than one that is missed
    ["p2 -5, m2 -9", "next"],
    ["p2 -5, m3 -9", "next"],
    ["p2 -5, m1 -9", undefined],
    ["p2 -5, m3 -8", undefined],
    ["p2 -5, m3 -4", undefined],
    // repeated: the others know an older one
    ["p2 -5 r", undefined],
    ["p2 -5 r, f2 -5", "next"],
    ["p2 -5 r, f2 -8 h", "next"],
    ["p2 -5 r, f2 -4", "none"],
    ["p2 -5 r, p2 -5", undefined],
    ["p2 -5 r, f1 -5", undefined],
    ["p2 -5 r, f3 -5", undefined],
    ["p2 -5 r, F2 -5", undefined],
    ["p2 -5 r, m2 -5", undefined],
    ["p2 -5 r, a2 -5", undefined],
    // not the own one, or none
    ["p2 -5 h, f3 -90", undefined],
    ["p2 -50 h, f2 -49", undefined],
    ["p0 -5, f3 -90", undefined],
    ["m2 -5, f3 -90", undefined],
    ["P2 -5, f3 -90", undefined],
  ];
  for (const [text, change] of rows)
    it(`changes to ${change}: ${text}`, () => {
      const all = aged(text);
      const [own] = all;
      assert.ok(own !== undefined);
      for (const votes of [all, [...all].reverse()]) assert.equal(numberChange(own, votes, PRECISION, NOW), change);
    });

  it("is changed by one member alone, whatever two members know of the ages, and then all agree", () => {
    const { toleranceMs, delayMs } = PRECISION;
    const delays = [0, delayMs / 2, delayMs];
    for (const olderOrder of [1, 2])
      for (const isGone of [false, true])
        for (let youngerMs = 0; youngerMs < toleranceMs + 4 * delayMs; youngerMs += 500)
          for (const repeatedMs of [0, Math.min(youngerMs, toleranceMs - 1)]) {
            const young = { report: -100_000, written: -100_000, order: 1, run: "run-1" };
            const exact = young.report - youngerMs + (isGone ? 0 : repeatedMs);
            const old = { report: exact, written: young.report - youngerMs, order: olderOrder, run: "run-2" };
            const as = ({ order, run }: { order: number; run: string }, byAge: number, isHandedOn = false) => {
              const vote = { state: run === young.run ? "passing" : "failing", reason: undefined } as const;
              return { vote, validUntil: NOW + 1, order, run, byAge, isHandedOn };
            };
            const changes = { young: new Set<string | undefined>(), old: new Set<string | undefined>() };
            for (const delay of delays) {
              const own = as(young, young.report);
              changes.young.add(numberChange(own, [own, as(old, old.written - delay, isGone)], PRECISION, NOW));
              if (isGone) continue;
              const ownOld = { ...as(old, old.report), isRepeated: repeatedMs > 0 };
              changes.old.add(numberChange(ownOld, [ownOld, as(young, young.written - delay)], PRECISION, NOW));
            }
            const text = `${youngerMs} ms younger than one of order ${olderOrder}, repeated after ${repeatedMs} ms, gone: ${isGone}`;
            assert.ok(!changes.young.has("none"), text);
            // the other members know it as it was before it was repeated
            const isRivalled = repeatedMs > 0 && olderOrder === young.order;
            if (!isRivalled) assert.ok(!changes.old.has("next"), text);
            // of those whose numbers stay as they are, all take the same one for the newest
            const isChanged = !changes.young.has(undefined) || (!isGone && !changes.old.has(undefined));
            if (isChanged) continue;
            const seen = new Set<string | undefined>();
            for (const one of delays)
              for (const oldAge of [...(isGone ? [] : [old.report]), ...delays.map((two) => old.written - two)]) {
                const known = [as(young, young.written - one), as(old, oldAge, isGone)];
                seen.add(newestReport(known, PRECISION, NOW)?.run);
              }
            assert.equal(seen.size, 1, text);
          }
  });
});
