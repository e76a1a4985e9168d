/** Rows F8 and F10 in full: the store is gone for ten minutes, with 500 checks. */
import { after, before, describe, test } from "node:test";
import { FleetSite } from "./fleet-site.js";
import { storeGone, storeReturns } from "./rows.js";

const GONE_MS = 600_000;
const TARGETS = 500;

describe("a fleet of three with 500 checks", () => {
  let site: FleetSite;
  before(async () => {
    // 75 probes a second when all members probe all targets, and 30 at first: each of them has 10 s for an answer
    site = await FleetSite.open(18, { targets: TARGETS, intervalMs: 20_000 });
  });
  after(() => site.close());

  test("a store that is gone for ten minutes: all members probe all targets, and nothing is UNKNOWN [F8]", () =>
    storeGone(site, GONE_MS));

  test("the store returns: no takeover but what was owned before, and nothing flaps [F10]", () => storeReturns(site));
});
