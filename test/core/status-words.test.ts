import assert from "node:assert/strict";
import { test } from "node:test";
import { REASONS, SERVER_REASONS } from "../../src/core/reasons.js";
import {
  latencyText,
  percentText,
  reasonText,
  severityOf,
  spanText,
  statusWords,
} from "../../src/core/status-words.js";

const MINUTE = 60_000;

test("a status is a word of its own, and so is degraded", () => {
  const words = [
    statusWords("SERVING", false),
    statusWords("SERVING", true),
    statusWords("NOT_SERVING", false),
    statusWords("UNKNOWN", false),
  ];
  assert.deepEqual(words, ["serving", "degraded", "not serving", "unknown"]);
  assert.deepEqual(
    [
      severityOf("SERVING", false),
      severityOf("SERVING", true),
      severityOf("NOT_SERVING", false),
      severityOf("x", true),
    ],
    ["SERVING", "degraded", "NOT_SERVING", "UNKNOWN"],
  );
});

test("a reason is a sentence; one of the application is its code", () => {
  assert.equal(reasonText("timeout"), REASONS.timeout);
  assert.equal(reasonText("draining"), SERVER_REASONS.draining);
  assert.deepEqual(
    [reasonText("my-code"), reasonText("constructor"), reasonText(undefined)],
    ["my-code", "constructor", ""],
  );
});

test("a time span has at most two units", () => {
  const rows = [
    [-5, "0 s"],
    [59_999, "59 s"],
    [MINUTE, "1 min"],
    [59.9 * MINUTE, "59 min"],
    [60 * MINUTE, "1 h"],
    [125 * MINUTE, "2 h 5 min"],
    [1_440 * MINUTE, "1 d"],
    [4_600 * MINUTE, "3 d 4 h"],
  ] as const;
  for (const [ms, text] of rows) assert.equal(spanText(ms), text);
});

test("a latency and a share are short, and a share is never rounded up", () => {
  assert.deepEqual([latencyText(0.84), latencyText(12.4), latencyText(1_260)], ["0.8 ms", "12 ms", "1.3 s"]);
  assert.deepEqual([percentText(1), percentText(0.99999), percentText(0.5)], ["100 %", "99.99 %", "50 %"]);
});
