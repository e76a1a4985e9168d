/** Row F9: the store is gone, and all checks together are more than a member can probe. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, LEASE_MS, SLACK_MS, STALE_MS } from "./fleet-site.js";

const TARGETS = 12;

describe("a fleet of three, each of which can probe two thirds of the targets", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(14, { targets: TARGETS, copies: 1, fleet: `capacity: ${(TARGETS * 2) / 3}` });
  });
  after(() => site.close());

  const gone = () =>
    site.recording.told.filter(
      ({ process, status, service }) =>
        status !== "SERVING" && service !== "" && site.recording.told.some((each) => served(each, process, service)),
    );
  const served = (told: { process: string; service: string; status: string }, process: string, service: string) =>
    told.process === process && told.service === service && told.status === "SERVING";

  test("the store is gone: own checks go on, and those of others are UNKNOWN at staleAfter, not before [F9]", async () => {
    const owners = await site.owners();
    site.judge();
    const [since, elapsed] = [performance.now(), site.stopwatch()];
    await site.store.kill();
    await site.detached();
    for (const member of site.live)
      assert.equal(
        member.daemon.log.findLast(({ event }) => event === "fleet-detached")?.probesAll,
        false,
        `${member.process} probes its share`,
      );
    const isOwn = (space: string, name: string) => owners.get(name)?.includes(space) === true;
    const areUnknown = () =>
      site.live.every(({ space, process }) =>
        site.targets.every(
          (name) => site.recording.status(process, name) === (isOwn(space, name) ? "SERVING" : "UNKNOWN"),
        ),
      );
    await eventually(areUnknown, "what others probe is UNKNOWN");
    const tookMs = elapsed();
    assert.ok(tookMs < STALE_MS + LEASE_MS + SLACK_MS, `${tookMs} ms`);
    await pause(2 * LEASE_MS);
    assert.ok(areUnknown());
    for (const { process, service, status, reason, at } of site.recording.told) {
      if (at < since || service === "" || process.endsWith("(Watch)")) continue;
      assert.deepEqual([status, reason], ["UNKNOWN", "stale"], `${process} ${service}`);
      // a result was there at most an interval and a beat before the store went
      assert.ok(at - since > STALE_MS / 2, `${process} ${service} after ${at - since} ms`);
    }
    assert.deepEqual(await site.owners(), owners);
  });

  test("an own check that fails is told by its owner, and by no other member [F9]", async () => {
    const [name = "", [owner = ""] = []] = [...(await site.owners())][0] ?? [];
    await site.set("fail", name);
    const status = (space: string) => site.recording.status(site.member(space).process, name);
    await eventually(() => status(owner) === "NOT_SERVING", `${owner} tells ${name}`);
    for (const { space } of site.live) if (space !== owner) assert.equal(status(space), "UNKNOWN");
    await site.set("ok", name);
    await eventually(() => status(owner) === "SERVING", `${owner} tells ${name}`);
  });

  test("the store returns: all members tell SERVING of everything again, and no check has moved [F10]", async () => {
    const takeovers = await site.sum("healthbridge_fleet_takeovers_total");
    const deaths = site.newLines("fleet-member-dead");
    const owners = await site.owners();
    await site.store.start();
    await site.attached();
    await site.serves();
    const since = performance.now();
    await pause(2 * LEASE_MS);
    assert.equal(await site.sum("healthbridge_fleet_takeovers_total"), takeovers);
    assert.deepEqual(deaths(), []);
    assert.deepEqual(await site.owners(), owners);
    assert.deepEqual(
      gone().filter(({ at }) => at > since),
      [],
    );
  });
});
