import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";
import { verdict } from "./probing.js";
import { silentTarget, Target } from "./targets.js";

test("a port that accepts connections passes, and each connection is closed again", async () => {
  const target = await silentTarget();
  const prober = openTarget(`tcp://127.0.0.1:${target.port}`);
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(await verdict(prober), "pass");
    await target.disconnected();
  }
  assert.equal(target.accepted, 3);
  await prober.close();
  await target.stop();
});

test("a port without a listener is refused", async () => {
  const target = await silentTarget();
  await target.stop();
  assert.equal(await verdict(openTarget(`tcp://127.0.0.1:${target.port}`)), "fail refused");
});

test("a name that does not exist fails as dns", async () => {
  assert.equal(await verdict(openTarget("tcp://does-not-exist.invalid:80")), "fail dns");
});

test("all addresses of a name are tried: localhost passes on either family", async () => {
  const target = await Target.start(createServer(), "127.0.0.1");
  const prober = openTarget(`tcp://localhost:${target.port}`);
  assert.equal(await verdict(prober), "pass");
  await target.stop();
  assert.equal(await verdict(prober), "fail refused");
});
