import assert from "node:assert/strict";
import { test } from "node:test";
import { retryDelayMs } from "../../src/client/backoff.js";

const middle = () => 0.5;

test("gRFC A17: the wait is 1 s, and grows by a factor of 1.6 with each failed attempt", () => {
  const waits = [0, 1, 2, 3].map((vain) => Math.round(retryDelayMs(vain, middle)));
  assert.deepEqual(waits, [1_000, 1_600, 2_560, 4_096]);
});

test("gRFC A17: the wait is at most 120 s", () => {
  assert.equal(retryDelayMs(11, middle), 120_000);
  assert.equal(retryDelayMs(100_000, middle), 120_000);
});

test("gRFC A17: each wait varies by a fifth", () => {
  assert.equal(
    retryDelayMs(0, () => 0),
    800,
  );
  assert.ok(Math.abs(retryDelayMs(0, () => 0.999_999) - 1_200) < 1);
});
