/** Rows F7, F8, F10, F11, F14, F18 and F26: the store of a fleet is away, forgets, hangs, or holds records of an attacker. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { BEAT_MS, FleetSite, LEASE_MS, SLACK_MS } from "./fleet-site.js";

const GONE_MS = process.env.FLEET_PROOF === "1" ? 600_000 : 20_000;
const TARGETS = process.env.FLEET_PROOF === "1" ? 500 : 12;

const KEY = "{healthbridge:rows}";

describe("a fleet of three and its store", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(2, { targets: TARGETS });
  });
  after(() => site.close());

  const sum = async (series: string) => {
    const all = await Promise.all(site.live.map((member) => member.metric(series)));
    return all.reduce((total, each) => total + each, 0);
  };
  const count = (event: string) => site.live.reduce((total, member) => total + member.lines(event), 0);

  /** Cells of all runs in the store. */
  const cells = () =>
    site
      .redis("KEYS", `${KEY}:cells:*`)
      .split("\n")
      .filter((key) => key !== "")
      .reduce((total, key) => total + Number(site.redis("HLEN", key)) - 1, 0);

  const attached = () =>
    eventually(async () => (await sum("healthbridge_fleet_detached")) === 0, "all members are attached");

  test("a store that is down for less than a lease, and forgets all: nothing happens [F7]", async () => {
    const takeovers = await sum("healthbridge_fleet_takeovers_total");
    await site.killStore();
    await pause(LEASE_MS * 0.4);
    await site.startStore();
    await pause(3 * LEASE_MS);
    assert.equal(count("fleet-member-dead"), 0);
    assert.equal(await sum("healthbridge_fleet_takeovers_total"), takeovers);
    await site.settled();
    site.judge();
  });

  test("a store that is gone: all members probe all targets, and nothing is UNKNOWN [F8]", async () => {
    await site.killStore();
    await eventually(
      async () => (await sum("healthbridge_fleet_detached")) === 3,
      "all are detached",
      LEASE_MS + SLACK_MS,
    );
    await pause(GONE_MS);
    const owners = await site.owners();
    for (const name of site.targets) assert.deepEqual(owners.get(name), ["m1", "m2", "m3"], name);
    site.judge();
  });

  test("the store returns: no takeover but what was owned before, and nothing flaps [F10]", async () => {
    const takeovers = await sum("healthbridge_fleet_takeovers_total");
    await site.startStore();
    await attached();
    await site.settled();
    assert.equal(await sum("healthbridge_fleet_takeovers_total"), takeovers);
    assert.equal(count("fleet-member-dead"), 0);
    site.judge();
  });

  test("FLUSHALL, and a key that is evicted: the store has all votes again within two beats [F11]", async () => {
    const before = cells();
    for (const command of [
      ["FLUSHALL"],
      ["DEL", `${KEY}:beats`],
      ["DEL", `${KEY}:log`],
      ["DEL", site.redis("KEYS", `${KEY}:cells:*`).split("\n")[0] ?? ""],
    ]) {
      site.redis(...command);
      const since = performance.now();
      await eventually(() => cells() === before, `all cells are back after ${command[0]}`);
      assert.ok(performance.now() - since < 2 * BEAT_MS + SLACK_MS, `${performance.now() - since} ms`);
    }
    await pause(2 * LEASE_MS);
    assert.equal(count("fleet-member-dead"), 0);
    await site.settled();
    site.judge();
  });

  test("one member cut from the store alone: it says that it is detached, and is true by its own eyes [F14]", async () => {
    const cut = site.member("m1");
    site.network.cut("m1", "store");
    await eventually(
      async () => (await cut.metric("healthbridge_fleet_detached")) === 1,
      "m1 is detached",
      LEASE_MS + SLACK_MS,
    );
    await site.set("fail", "t1");
    await site.tells("NOT_SERVING", ["t1"], 10_000);
    await site.recover("t1");
    site.network.heal("m1", "store");
    await attached();
    await site.settled();
    site.judge();
  });

  test("sockets to the store that are half open: noticed within a lease, statuses stay true, and all converge [F18]", async () => {
    for (const { space } of site.live) site.network.cut(space, "store");
    const since = performance.now();
    await eventually(async () => (await sum("healthbridge_fleet_detached")) === 3, "all are detached");
    assert.ok(performance.now() - since < LEASE_MS + BEAT_MS + SLACK_MS, `${performance.now() - since} ms`);
    await site.set("dead", "t2");
    await site.tells("NOT_SERVING", ["t2"], 10_000);
    await site.recover("t2");
    site.network.healAll();
    await attached();
    await site.settled();
    site.judge();
  });

  test("records that are forged, torn, replayed or of another run are ignored and counted [F26]", async () => {
    const keys = site.redis("KEYS", `${KEY}:cells:*`).split("\n");
    const runs = keys.map((key) => key.split(":").at(-1) ?? "");
    const refused = await sum("healthbridge_fleet_refused_records_total");
    const [first = "", second = ""] = keys;
    const old = new Map(keys.map((key) => [key, [site.redis("HGET", key, "t4"), site.redis("HGET", key, "")]]));
    const beat = site.redis("HGET", `${KEY}:beats`, runs[0] ?? "");
    site.redis("HSET", `${KEY}:beats`, "0123456789abcdef01234567", beat); // a beat of another run
    site.redis("HSET", `${KEY}:beats`, "torn", beat.slice(0, 20));
    await site.set("fail", "t4");
    await site.tells("NOT_SERVING", ["t4"], 10_000);
    for (const [key, [cell = "", head = ""]] of old)
      if (cell !== "") site.redis("XADD", `${KEY}:log`, "*", key.split(":").at(-1) ?? "", head, "t4", cell); // replayed
    const passing = site.redis(
      "HGET",
      first,
      site
        .redis("HKEYS", first)
        .split("\n")
        .find((name) => name !== "") ?? "",
    );
    site.redis("XADD", `${KEY}:log`, "*", runs[0] ?? "", "9:forged", "t4", passing); // a cell of another check
    site.redis("HSET", second, "t4", passing);
    site.redis("HSET", first, "t5", '{"state":"failing"}');
    await pause(2 * LEASE_MS);
    for (const { process } of site.live) assert.equal(site.recording.status(process, "t4"), "NOT_SERVING");
    assert.ok((await sum("healthbridge_fleet_refused_records_total")) > refused, "they are counted");
    await site.recover("t4");
    await site.serves();
    assert.equal(count("fleet-duplicate"), 0);
    site.judge();
  });

  test("a store that refuses commands is as one that is gone, and says so [F26]", async () => {
    const refused = await sum('healthbridge_fleet_store_errors_total{code="refused"');
    site.redis("ACL", "SETUSER", "default", "-hset", "-xadd");
    await eventually(async () => (await sum("healthbridge_fleet_detached")) === 3, "all are detached");
    assert.ok((await sum('healthbridge_fleet_store_errors_total{code="refused"')) > refused);
    site.redis("ACL", "SETUSER", "default", "+@all");
    await attached();
    await site.settled();
    site.judge();
  });
});
