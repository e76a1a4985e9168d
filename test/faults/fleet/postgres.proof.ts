/** Rows F1, F7, F8, F10, F11, F14 and F18 with PostgreSQL as the store. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FleetSite, PROMISE_MS, SLACK_MS } from "./fleet-site.js";
import { killOne, memberCut, storeForgets, storeGone, storeHangs, storeReturns, storeStops } from "./rows.js";

const GONE_MS = 20_000;

describe("a fleet of three on PostgreSQL", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(10, { engine: "postgres" });
  });
  after(() => site.close());

  test("a server that is gone: all members probe all targets, and nothing is UNKNOWN [F8]", () =>
    storeGone(site, GONE_MS));

  test("the server returns without what it had stored: no takeover, and nothing flaps [F10]", () => storeReturns(site));

  test("a server that is stopped, and started with all that it had: no old vote counts, and nothing flaps [F8, F10]", () =>
    storeStops(site));

  test("tables that another session locks: detached within a lease, true by own eyes, and all converge [F18]", () =>
    storeHangs(site));

  test("tables that are emptied or dropped: the store has all votes again within two beats [F11]", () =>
    storeForgets(site));

  test("one member cut from the server alone: it says that it is detached, and is true by its own eyes [F14]", () =>
    memberCut(site, "m2"));

  test("kill -9 of one: its checks are probed by others within the promise, and no healthy target falls [F1]", async () => {
    const tookMs = await killOne(site, "m3");
    assert.ok(tookMs < PROMISE_MS + SLACK_MS, `others probe them after ${tookMs} ms`);
  });
});
