import assert from "node:assert/strict";
import { test } from "node:test";
import { Latest } from "../../src/core/latest.js";

test("the newest value overwrites an unread one", () => {
  const latest = new Latest<string>(() => {});
  latest.put("a");
  latest.put("b");
  assert.equal(latest.take(), "b");
  assert.equal(latest.take(), undefined);
});

test("the reader is called when the slot becomes full, not for each value", () => {
  let calls = 0;
  const latest = new Latest<string>(() => {
    calls += 1;
  });
  latest.put("a");
  latest.put("b");
  assert.equal(calls, 1);
  latest.take();
  latest.put("c");
  assert.equal(calls, 2);
});
