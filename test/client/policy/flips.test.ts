/** The short form of `npm run proof -- policy`, and its control: round_robin without health checks fails it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { registerHealthChecking } from "../../../src/grpc-js.js";
import { GRACE_MS, runFlips } from "./flips.js";

const SHORT = { flips: 20, callsPerSecond: 500, seed: 1 };

test("statuses flip under load: no call fails, and none goes to a backend that has not served for 100 ms", async (t) => {
  registerHealthChecking(grpc);
  const { calls, failed, stray, watches } = await runFlips(t, SHORT);
  assert.ok(calls > 500, `${calls} calls`);
  assert.deepEqual(failed, []);
  assert.deepEqual(
    stray.filter((ms) => ms > GRACE_MS),
    [],
  );
  assert.deepEqual(watches, [2, 0]);
});

test("the control: with round_robin of grpc-js, calls go to such a backend", async (t) => {
  const { stray, watches } = await runFlips(t, { ...SHORT, isControl: true });
  assert.ok(stray.some((ms) => ms > GRACE_MS));
  assert.deepEqual(watches, [0, 0]);
});
