/**
 * The rows that CI runs, in one fleet: F1, F3, F11, F24 and F26. They assert what happens, and in which order. All rows, with
 * their times: `npm run proof -- fleet`.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, LEASE_MS, PORT } from "./fleet-site.js";
import { REDIS_KEY as KEY } from "./store-server.js";

/** Reports come more often than a lease. A machine that stands still for so long fails the row. */
const TTL_MS = 6_000;

const PATIENCE_MS = 60_000;

describe("a fleet of three", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(7, {
      targets: 6,
      extra: `  job: { heartbeat: { ttl: ${TTL_MS}ms, token: word } }`,
    });
  });
  after(() => site.close());

  const post = (space: string) =>
    fetch(`http://${site.network.addressOf(space)}:${PORT}/heartbeat/job`, {
      method: "POST",
      headers: { authorization: "Bearer word" },
    });
  /** What a member probes alone, and that member. */
  const alone = async () => {
    const owners = [...(await site.owners())].filter(([, spaces]) => spaces.length === 1);
    const space = owners[0]?.[1][0] ?? assert.fail("no target has one prober");
    return { space, names: owners.filter(([, spaces]) => spaces[0] === space).map(([name]) => name) };
  };

  test("a heartbeat that arrives at members in turn is missed nowhere; when it ends, all miss it [F24]", async () => {
    await post("m1");
    await site.tells("SERVING", ["job", ""], PATIENCE_MS);
    site.recording.forgive([]); // where the start of the fleet took longer than the ttl, the first report was missed
    // each member gets one report in 7.5 s: it misses the others
    for (let turn = 0; turn < 12; turn += 1) {
      await pause(TTL_MS / 2.4);
      assert.ok((await post(`m${1 + ((turn + 1) % 3)}`)).ok);
    }
    site.judge();
    site.sick.add("job").add("");
    await site.tells("NOT_SERVING", ["job"], PATIENCE_MS);
    for (const { process } of site.live) assert.equal(site.recording.latest(process, "job")?.reason, "missed");
  });

  test("FLUSHALL, and records that are removed: the store has all votes again, and no member dies [F11]", async () => {
    const deaths = site.newLines("fleet-member-dead");
    const before = site.store.cells();
    for (const [name, lose] of site.store.losses()) {
      lose();
      await eventually(() => site.store.cells() === before, `all votes are back after ${name}`, PATIENCE_MS);
    }
    await pause(2 * LEASE_MS);
    assert.deepEqual(deaths(), []);
    site.judge();
  });

  test("a record that is forged, and one of another check, are ignored and counted [F26]", async () => {
    const [key = ""] = site.redis("KEYS", `${KEY}:cells:*`).split("\n");
    const run = key.split(":").at(-1) ?? "";
    const name = site
      .redis("HKEYS", key)
      .split("\n")
      .find((each) => site.targets.includes(each) && each !== "t4");
    const refused = await site.sum("healthbridge_fleet_refused_records_total");
    await site.set("fail", "t4");
    await site.tells("NOT_SERVING", ["t4"], PATIENCE_MS);
    site.redis("XADD", `${KEY}:log`, "*", run, "9:forged", "t4", site.redis("HGET", key, name ?? ""));
    site.redis("XADD", `${KEY}:log`, "*", run, "9:forged", "t5", '{"state":"failing"}');
    const isCounted = async () => (await site.sum("healthbridge_fleet_refused_records_total")) > refused;
    await eventually(isCounted, "they are counted", PATIENCE_MS);
    await pause(2 * LEASE_MS);
    for (const { process } of site.live) assert.equal(site.recording.status(process, "t4"), "NOT_SERVING");
    site.judge();
    await site.recover("t4");
  });

  test("SIGTERM: successors probe what the member probed alone, before it has left [F3]", async () => {
    const { space, names } = await alone();
    const deaths = site.newLines("fleet-member-dead");
    await site.forgetHits();
    await site.terminate(site.member(space));
    const probers = await site.probers();
    for (const name of names)
      assert.ok(
        (probers.get(name) ?? []).some((each) => each !== space),
        `${name} was probed by a successor before the end`,
      );
    await eventually(
      () => site.live.every((member) => member.lines("fleet-member-left") > 0),
      "all know that it has left",
    );
    assert.deepEqual(deaths(), []);
    await site.start(space);
    await site.serves(PATIENCE_MS);
    await site.settled(PATIENCE_MS);
    site.judge();
  });

  test("kill -9: others probe what the member probed alone, and no healthy target falls [F1]", async () => {
    const { space, names } = await alone();
    await site.kill(site.member(space));
    await site.forgetHits();
    const areProbed = async () => {
      const probers = await site.probers();
      return names.every((name) => (probers.get(name) ?? []).length > 0);
    };
    await eventually(areProbed, "others probe them", PATIENCE_MS);
    assert.ok(site.live.every((member) => member.lines("fleet-member-dead") > 0));
    await site.settled(PATIENCE_MS);
    site.judge();
  });
});
