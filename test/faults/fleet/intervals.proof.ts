/** Rows F1 and F2 with the times of healthbridge's own defaults: beat 1 s, lease 5 s, settle 2 s, interval 10 s, edge 2 s. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FleetSite } from "./fleet-site.js";
import { dieTogether, killOne } from "./rows.js";

const TAKEOVER_MS = 8_000;
const EDGE_MS = 2_000;
const DEATH_MS = 16_000;

describe("a fleet of three with default times", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(12, { hasDefaultTimes: true });
  });
  after(() => site.close());

  test("a target and its only prober die together: all others tell NOT_SERVING within 16 s [F2]", async (context) => {
    const tookMs = await dieTogether(site, "m1");
    context.diagnostic(`${Math.round(tookMs)} ms`);
    assert.ok(tookMs < DEATH_MS, `NOT_SERVING everywhere after ${tookMs} ms`);
  });

  test("kill -9 of one: its checks are probed by others within 8 s + edgeInterval, and no healthy target falls [F1]", async (context) => {
    const tookMs = await killOne(site, "m2");
    context.diagnostic(`${Math.round(tookMs)} ms`);
    assert.ok(tookMs < TAKEOVER_MS + EDGE_MS, `others probe them after ${tookMs} ms`);
  });
});
