/** Row F19, and two members with one name: members whose files do not fit together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, LEASE_MS } from "./fleet-site.js";

test("a member with another definition of a check: neither's vote counts for the other, and both say so [F19]", async (context) => {
  const site = await FleetSite.open(8);
  context.after(() => site.close());
  const status = (space: string, service: string) => site.recording.status(site.member(space).process, service);
  await site.terminate(site.member("m3"));
  await site.set("fail", "other");
  site.sick.delete("other");
  const checks = site.checks().replace(`${site.urlOf("t1")}"`, `${site.urlOf("other")}"`);
  await site.start("m3", { checks });
  await eventually(() => status("m3", "t1") === "NOT_SERVING", "t1 is NOT_SERVING by the definition of m3");
  await pause(3 * LEASE_MS);
  for (const space of ["m1", "m2"]) assert.equal(status(space, "t1"), "SERVING");
  assert.equal(status("m3", "t1"), "NOT_SERVING");
  for (const member of site.live) assert.equal(await member.metric("healthbridge_fleet_config_digests"), 2);
  await site.terminate(site.member("m3"));
  await site.start("m3");
  await site.serves();
  await site.settled();
  site.judge();
});

test("two members with one name: both say so, no healthy target falls, and each has a prober [F26]", async (context) => {
  const site = await FleetSite.open(9);
  context.after(() => site.close());
  const second = await site.start("m4", { name: "m1" });
  const both = [site.member("m1"), second];
  await eventually(() => both.every((member) => member.lines("fleet-duplicate") > 0), "both tell it");
  await site.serves();
  const owners = await site.owners();
  for (const name of site.targets) assert.ok((owners.get(name) ?? []).length > 0, name);
  await site.terminate(second);
  await site.settled();
  site.judge();
});
