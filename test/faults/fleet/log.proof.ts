/** The log was trimmed beyond what a member has read: the cause `log-lost` of a resync. */
import { after, before, describe, test } from "node:test";
import { FleetSite } from "./fleet-site.js";
import { logTrimmed } from "./rows.js";

/** A member that is stopped for a moment does not die. */
const LEASE_MS = 20_000;

for (const [engine, site, trims] of [
  ["redis", 19, ["trimmed", "expired"]],
  ["postgres", 20, ["deleted"]],
] as const)
  describe(`a fleet of three on ${engine}`, () => {
    let fleet: FleetSite;
    before(async () => {
      fleet = await FleetSite.open(site, { engine, leaseMs: LEASE_MS });
    });
    after(() => fleet.close());

    for (const [index, name] of trims.entries())
      test(`entries that a member has not read are ${name}: it reads the votes, and tells what is true [log-lost]`, () => {
        const [, trim = () => {}] = fleet.store.trims()[index] ?? [];
        return logTrimmed(fleet, "m1", trim);
      });
  });
