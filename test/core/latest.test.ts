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

test("a reader that threw is called again for the next value", () => {
  let calls = 0;
  const latest = new Latest<string>(() => {
    calls += 1;
    if (calls === 1) throw new Error("broken reader");
  });
  assert.throws(() => latest.put("a"), /broken reader/);
  latest.put("b");
  assert.deepEqual([calls, latest.take()], [2, "b"]);
});
