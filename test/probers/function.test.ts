import assert from "node:assert/strict";
import { test } from "node:test";
import { openFunction } from "../../src/probers/function.js";
import { probe, verdict } from "./probing.js";

test("a function that returns or resolves passes, whatever its value is", async () => {
  for (const check of [() => {}, () => false, async () => 1, () => Promise.resolve()])
    assert.equal(await verdict(openFunction(check)), "pass");
});

test("a function that throws or rejects fails with `error`, and its message is for the log", async () => {
  const thrown = openFunction(() => {
    throw new Error("no rows");
  });
  assert.deepEqual(await probe(thrown), { outcome: "fail", reason: "error", detail: "no rows" });
  assert.equal(await verdict(openFunction(() => Promise.reject("just text"))), "fail error");
});

test("a function gets the signal that is aborted at the deadline", async () => {
  const slow = openFunction(
    ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  );
  assert.equal(await verdict(slow, 20), "fail error");
});
