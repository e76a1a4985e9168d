/** Rows F1, F2, F8 and F10 with five members, of which two die at once. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BEAT_MS, FleetSite, LEASE_MS, SETTLE_MS, SLACK_MS } from "./fleet-site.js";
import { dieTogether, killOne, storeGone, storeReturns } from "./rows.js";

const GONE_MS = 10_000;
/** Five members, and a probe may take half of it. */
const INTERVAL_MS = 3_000;
const [EDGE_MS, TIMEOUT_MS] = [INTERVAL_MS / 2, INTERVAL_MS / 2];
const PROMISE_MS = LEASE_MS + SETTLE_MS + BEAT_MS + EDGE_MS;

describe("a fleet of five", () => {
  let site: FleetSite;
  before(async () => {
    // with 30 targets, each member probes some of them alone
    site = await FleetSite.open(11, { members: 5, targets: 30, intervalMs: INTERVAL_MS });
  });
  after(() => site.close());

  test("a store that is gone: all members probe all targets, and nothing is UNKNOWN [F8]", () =>
    storeGone(site, GONE_MS));

  test("the store returns: no takeover but what was owned before, and nothing flaps [F10]", () => storeReturns(site));

  test("a target and its only prober die together: all others tell NOT_SERVING within the promise [F2]", async () => {
    const tookMs = await dieTogether(site, "m4");
    assert.ok(tookMs < PROMISE_MS + 2 * (EDGE_MS + TIMEOUT_MS) + SLACK_MS, `NOT_SERVING everywhere after ${tookMs} ms`);
  });

  test("kill -9 of two, one after the other and at once: no healthy target falls [F1]", async () => {
    const tookMs = await killOne(site, "m1");
    assert.ok(tookMs < PROMISE_MS + SLACK_MS, `others probe them after ${tookMs} ms`);
    await site.start("m1");
    await site.serves();
    await site.settled();
    await Promise.all([site.kill(site.member("m2")), killOne(site, "m3")]);
    site.judge();
  });
});
