/** The short form of `npm run proof -- isolation`: a block of three seconds, without the peers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureIsolation, OURS } from "./isolation.js";

test("a blocked application is answered for over HTTP and gRPC, and turns NOT_SERVING in time", async () => {
  const { http, grpc } = await measureIsolation(OURS, 3_000, 1_000);
  for (const answers of [http, grpc]) {
    assert.ok(answers !== undefined && answers.requests > 20);
    assert.equal(answers.answered, answers.requests, "every request was answered");
    const { turnedAfterMs = Number.NaN, backAfterMs = Number.NaN } = answers;
    assert.ok(turnedAfterMs >= 500 && turnedAfterMs <= 1_500, `NOT_SERVING after ${turnedAfterMs} ms`);
    assert.ok(backAfterMs <= 1_000, `SERVING again after ${backAfterMs} ms`);
  }
});

test("without the thread, nothing is answered", async () => {
  const { http, grpc } = await measureIsolation({ kind: "healthbridge" }, 3_000, 1_000);
  for (const answers of [http, grpc]) assert.deepEqual([answers?.answered, (answers?.requests ?? 0) > 20], [0, true]);
});
