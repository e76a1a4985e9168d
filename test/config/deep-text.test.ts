/** Texts with thousands of levels do not end the process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "./reading.js";

for (const [what, text] of [
  ["lists", "[".repeat(100_000)],
  ["tables", "{a: ".repeat(50_000)],
  ["brackets between quoted ones", '[ "]" '.repeat(40_000)],
  ["blocks on one line", "- ".repeat(50_000)],
  ["properties", "&a ".repeat(50_000)],
] as const)
  test(`A configuration with thousands of levels is refused, and does not end the process: ${what}.`, () => {
    assert.throws(() => read(text), /values are nested too deeply; the limit is 100 levels/);
  });
