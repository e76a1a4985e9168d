/** The short form of `npm run proof -- discovery` for xDS. Its limit is wide, since other tests run beside it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { abuseXds } from "./xds-abuse.js";

test("no abuse of xDS delays an honest subscriber for long, or fills the memory", async () => {
  for (const { abuse, flips, p99Ms, rssMb } of await abuseXds(2_000)) {
    assert.ok(flips > 5 && p99Ms < 1_000, `${abuse}: ${flips} flips, p99 ${p99Ms} ms`);
    assert.ok(rssMb < 600, `${abuse}: ${rssMb} MB`);
  }
});
