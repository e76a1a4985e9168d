/** Clients that are remembered for a while. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Elsewhere } from "../../../src/transports/h2/elsewhere.js";
import { VirtualClock } from "../../support/virtual-clock.js";

test("a client is remembered for ten seconds from its last word", async () => {
  const clock = new VirtualClock();
  const elsewhere = new Elsewhere(clock);
  assert.equal(elsewhere.has("::1"), false);
  elsewhere.note("::1");
  await clock.advance(6_000);
  elsewhere.note("::1");
  await clock.advance(9_999);
  assert.deepEqual([elsewhere.has("::1"), elsewhere.has("127.0.0.1")], [true, false]);
  await clock.advance(1);
  assert.equal(elsewhere.has("::1"), false);
});

test("of many the last 1,024 are", () => {
  const elsewhere = new Elsewhere(new VirtualClock());
  for (let index = 0; index < 1_025; index += 1) elsewhere.note(`client ${index}`);
  assert.deepEqual(
    [elsewhere.has("client 0"), elsewhere.has("client 1"), elsewhere.has("client 1024")],
    [false, true, true],
  );
});
