import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate, nextDelayMs, PENDING, type Progress, withLatency } from "../../src/checks/evaluate.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { completeSettings } from "../support/complete-settings.js";

const RESULTS: Readonly<Record<string, ProbeResult>> = {
  s: { outcome: "pass" },
  w: { outcome: "warn", reason: "status" },
  f: { outcome: "fail", reason: "refused" },
};

/** The progress after results with `gapMs` between them. */
function after(word: string, settings: CheckSettings = {}, gapMs = 60_001): Progress {
  const complete = completeSettings("c", settings);
  return [...word].reduce(
    (progress, letter, index) => evaluate(progress, RESULTS[letter] ?? assert.fail(), complete, index * gapMs),
    PENDING,
  );
}

/** Results (s, w, f) and the states that follow each. */
const SEQUENCES: readonly (readonly [label: string, results: string, states: string])[] = [
  ["the first result, a success, decides at once [A113]", "s", "P"],
  ["the first result, a failure, decides at once", "f", "F"],
  ["the first result, a warning, decides at once", "w", "W"],
  ["with unhealthyThreshold 3, f f s f f f becomes failing at the last f only [A114]", "sffsfff", "PPPPPPF"],
  ["with healthyThreshold 2, s f s s after a failure becomes passing at the last s only [A115]", "fsfss", "FFFFP"],
  ["a warning counts as a success for healthyThreshold, and its state is warning", "fsw", "FFW"],
  ["a warning resets the count of failures", "sffwff", "PPPWWW"],
  ["a success after a warning is passing again", "ws", "WP"],
  ["a warning stays a warning while failures are counted", "wff", "WWW"],
  ["further failures stay failing", "ffff", "FFFF"],
];

const LETTERS = { P: "passing", W: "warning", F: "failing" } as const;

for (const [label, results, states] of SEQUENCES) {
  test(label, () => {
    const seen = [...results].map((_, index) => after(results.slice(0, index + 1)).state);
    assert.deepEqual(
      seen,
      [...states].map((letter) => LETTERS[letter as keyof typeof LETTERS]),
    );
  });
}

test("a threshold of 1 changes the state at once, in both directions", () => {
  const once = { unhealthyThreshold: 1, healthyThreshold: 1 };
  assert.equal(after("sf", once).state, "failing");
  assert.equal(after("sfs", once).state, "passing");
});

test("the reason belongs to the state: a failure that does not change the state does not change the reason", () => {
  assert.equal(PENDING.reason, "pending");
  assert.equal(after("s").reason, undefined);
  assert.equal(after("sff").reason, undefined);
  assert.equal(after("sfff").reason, "refused");
  assert.equal(after("w").reason, "status");
  assert.equal(after("fss").reason, undefined);
});

test("a warning for another reason has that reason at once, with its text", () => {
  const settings = completeSettings("c", {});
  const slow = evaluate(after("w"), { outcome: "warn", reason: "slow", detail: "passed after 3 s" }, settings, 1_000);
  assert.deepEqual([slow.state, slow.reason, slow.detail], ["warning", "slow", "passed after 3 s"]);
});

test("a result that changes nothing makes no new progress: most results are of that kind", () => {
  for (const word of ["s", "w"]) {
    const progress = after(word);
    assert.equal(evaluate(progress, RESULTS[word] ?? assert.fail(), completeSettings("c", {}), 1_000), progress);
  }
});

test("the next probe is due after interval, after edgeInterval while counting, after unhealthyInterval while failing", () => {
  const given = { interval: "10s", edgeInterval: "2s", unhealthyInterval: "30s" };
  const settings = completeSettings("c", given);
  const delay = (word: string, random = 0.5) => nextDelayMs(after(word, given), settings, () => random);
  assert.equal(
    nextDelayMs(PENDING, settings, () => 0.5),
    10_000,
  );
  assert.equal(delay("s"), 10_000);
  assert.equal(delay("sf"), 2_000);
  assert.equal(delay("sfs"), 10_000);
  assert.equal(delay("f"), 30_000);
  assert.equal(delay("fs"), 2_000);
  assert.equal(delay("fss"), 10_000);
});

test("with a jitter of 10 %, the time to the next probe is 0.9 to 1.1 times the interval, evenly distributed [A129]", () => {
  const settings = completeSettings("c", { interval: 1000, jitter: 0.1 });
  const delay = (random: number) => nextDelayMs(after("s"), settings, () => random);
  assert.equal(delay(0), 900);
  assert.equal(delay(0.5), 1000);
  assert.ok(delay(1 - Number.EPSILON) <= 1100);
  assert.ok(delay(0.75) > 1049 && delay(0.75) < 1051);
});

test("for any sequence, the state changes only after as many equal results in a row as its threshold", () => {
  const words = fc.array(fc.constantFrom("s", "w", "f"), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (word, fall, rise) => {
      // the reference: walks backwards over the results instead of counting along them
      const good = word.map((letter) => letter !== "f");
      let failing = good[0] === false;
      for (let index = 1; index < word.length; index += 1) {
        const run = failing ? rise : fall;
        const last = good.slice(Math.max(0, index + 1 - run), index + 1);
        if (last.length === run && last.every((isGood) => isGood === failing)) failing = !failing;
      }
      const { state } = after(word.join(""), { unhealthyThreshold: fall, healthyThreshold: rise });
      assert.equal(state === "failing", failing);
    }),
  );
});

/** Times of the state changes, with one result a second. */
function changes(word: string, settings: CheckSettings): number[] {
  const complete = completeSettings("c", settings);
  let progress = PENDING;
  const times: number[] = [];
  for (const [second, letter] of [...word].entries()) {
    const before = progress.state;
    progress = evaluate(progress, RESULTS[letter] ?? assert.fail(), complete, second * 1_000);
    if (second > 0 && progress.state !== before) times.push(second);
  }
  return times;
}

const QUICK = { interval: "1s", timeout: "500ms", unhealthyThreshold: 1, healthyThreshold: 1 };

test("a target that changes each second changes the state 5 times, and then stays failing while it flaps [C6]", () => {
  assert.deepEqual(changes("sf".repeat(300), QUICK), [1, 2, 3, 4, 5]);
});

test("with the default thresholds, a target that changes with every probe changes nothing [C6]", () => {
  assert.deepEqual(changes("sf".repeat(300), { interval: "1s", timeout: "500ms" }), []);
});

test("a flapping check passes again after one minute without a failure, or two intervals if that is longer", () => {
  assert.deepEqual(changes(`sfsfsf${"s".repeat(100)}`, QUICK), [1, 2, 3, 4, 5, 65]);
  assert.deepEqual(changes(`sfsfsf${"s".repeat(100)}`, { ...QUICK, interval: "45s" }), [1, 2, 3, 4, 5, 95]);
  const held = after("sfsfsfs", QUICK, 1_000);
  assert.deepEqual([held.state, held.reason], ["failing", "flapping"]);
});

test("after that, the count of changes starts at zero", () => {
  const word = `sfsfsf${"s".repeat(70)}fsfsfs`;
  assert.deepEqual(changes(word, QUICK).slice(5), [65, 76, 77, 78, 79, 80]);
});

test("four changes within a minute are not flapping, and five over a longer time are not either", () => {
  assert.deepEqual(changes("sfsfss", QUICK), [1, 2, 3, 4]);
  const slow = after("sfsfsfs", QUICK, 15_001);
  assert.equal(slow.state, "passing");
  assert.equal(after("sfsfsfs", QUICK, 15_000).state, "failing", "the fifth comes exactly a minute after the first");
});

test("while a check is flapping, unhealthyInterval applies and not edgeInterval", () => {
  const settings = completeSettings("c", { ...QUICK, unhealthyInterval: "3s", edgeInterval: "200ms" });
  const held = after("sfsfsfs", QUICK, 1_000);
  assert.equal(
    nextDelayMs(held, settings, () => 0.5),
    3_000,
  );
});

test("a success that takes longer than maxLatency is a warning; latency changes nothing else", () => {
  const settings = completeSettings("c", { maxLatency: "100ms" });
  const pass: ProbeResult = { outcome: "pass", certificateEndsAt: 5 };
  assert.equal(withLatency(pass, 100, settings), pass);
  const { outcome, reason, certificateEndsAt } = withLatency(pass, 101, settings);
  assert.deepEqual([outcome, reason, certificateEndsAt], ["warn", "slow", 5]);
  const failed = RESULTS.f ?? assert.fail();
  assert.equal(withLatency(failed, 5_000, settings), failed);
  assert.equal(withLatency(pass, 1e9, completeSettings("c", {})), pass);
});
