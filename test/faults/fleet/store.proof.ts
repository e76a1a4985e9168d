/** Rows F7, F8, F10, F11, F14, F18 and F26: the store of a fleet is away, forgets, hangs, or holds records of an attacker. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { BEAT_MS, FleetSite, LEASE_MS, SLACK_MS } from "./fleet-site.js";
import { memberCut, storeForgets, storeGone, storeHangs, storeReturns, storeStops } from "./rows.js";
import { REDIS_KEY as KEY } from "./store-server.js";

const GONE_MS = 20_000;

/** What may wait in the system while packets vanish: the beat that was sent, and a call. */
const MAX_UNSENT_BYTES = 50_000;

describe("a fleet of three and its store", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(2);
  });
  after(() => site.close());

  test("a store that is down for less than a lease, and forgets all: nothing happens [F7]", async () => {
    const takeovers = await site.sum("healthbridge_fleet_takeovers_total");
    const deaths = site.newLines("fleet-member-dead");
    await site.store.kill();
    await pause(LEASE_MS * 0.4);
    await site.store.start();
    await pause(3 * LEASE_MS);
    assert.deepEqual(deaths(), []);
    assert.equal(await site.sum("healthbridge_fleet_takeovers_total"), takeovers);
    await site.settled();
    site.judge();
  });

  test("a store that is gone: all members probe all targets, and nothing is UNKNOWN [F8]", () =>
    storeGone(site, GONE_MS));

  test("the store returns: no takeover but what was owned before, and nothing flaps [F10]", () => storeReturns(site));

  test("a store that is stopped, and started with all that it had: no old vote counts, and nothing flaps [F8, F10]", () =>
    storeStops(site));

  test("a store that takes calls, and answers none: detached within a lease, and all converge [F18]", () =>
    storeHangs(site));

  test("FLUSHALL, and a key that is evicted: the store has all votes again within two beats [F11]", () =>
    storeForgets(site));

  test("one member cut from the store alone: it says that it is detached, and is true by its own eyes [F14]", () =>
    memberCut(site, "m1"));

  test("a half-open socket to the store: noticed within a lease, and what waits to be sent is bounded [F18]", async () => {
    const cut = site.member("m2");
    site.network.cut("m2", "store");
    const elapsed = site.stopwatch();
    await eventually(async () => (await cut.metric("healthbridge_fleet_detached")) === 1, "m2 is detached");
    const tookMs = elapsed();
    assert.ok(tookMs < LEASE_MS + BEAT_MS + SLACK_MS, `${tookMs} ms`);
    let unsent = 0;
    for (let first = 0; first < 12; first += 3) {
      const some = site.targets.slice(first, first + 3);
      await site.set("fail", ...some);
      await site.tells("NOT_SERVING", some, 15_000);
      unsent = Math.max(unsent, site.network.unsentBytes("m2"));
      await site.recover(...some);
    }
    assert.ok(unsent < MAX_UNSENT_BYTES, `${unsent} bytes`);
    const added = Number(site.redis("XINFO", "STREAM", `${KEY}:log`).match(/entries-added\s+(\d+)/)?.[1]);
    site.network.heal("m2", "store");
    await site.attached();
    await site.settled();
    const later = Number(site.redis("XINFO", "STREAM", `${KEY}:log`).match(/entries-added\s+(\d+)/)?.[1]);
    assert.ok(later - added < 20, `${later - added} writes after it is healed`);
    site.judge();
  });

  test("sockets to the store that are half open: noticed within a lease, statuses stay true, and all converge [F18]", async () => {
    for (const { space } of site.live) site.network.cut(space, "store");
    const tookMs = await site.detached();
    assert.ok(tookMs < LEASE_MS + BEAT_MS + SLACK_MS, `${tookMs} ms`);
    await site.set("dead", "t2");
    await site.tells("NOT_SERVING", ["t2"], 10_000);
    await site.recover("t2");
    site.network.healAll();
    await site.attached();
    await site.settled();
    site.judge();
  });

  test("records that are forged, torn, replayed or of another run are ignored and counted [F26]", async () => {
    const keys = site.redis("KEYS", `${KEY}:cells:*`).split("\n");
    const runs = keys.map((key) => key.split(":").at(-1) ?? "");
    const refused = await site.sum("healthbridge_fleet_refused_records_total");
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
    for (const [index, key] of keys.entries()) {
      // well formed, with the signature of what is in the store: t5 fails
      const [head, cell] = [site.redis("HGET", key, ""), site.redis("HGET", key, "t5")];
      const next = Number(/^\S+ \S+ (\d+) /.exec(head)?.[1]) + 1;
      const forgedHead = head.replace(/^(\S+ \S+) \d+ /, `$1 ${next} `);
      const forgedCell = cell.replace(/ \[\d+,/, ` [${next},`).replace('"passing"', '"failing"');
      if (cell === "") continue;
      assert.ok(forgedHead !== head && forgedCell.includes(`[${next},`) && forgedCell.includes("failing"), cell);
      site.redis("XADD", `${KEY}:log`, "*", runs[index] ?? "", forgedHead, "t5", forgedCell);
    }
    site.redis("XADD", `${KEY}:log`, "*", runs[0] ?? "", "9:forged", "t4", passing); // a cell of another check
    site.redis("HSET", second, "t4", passing);
    site.redis("HSET", first, "t5", '{"state":"failing"}');
    await pause(2 * LEASE_MS);
    for (const { process } of site.live) assert.equal(site.recording.status(process, "t4"), "NOT_SERVING");
    const now = await site.sum("healthbridge_fleet_refused_records_total");
    assert.ok(now > refused, `${now} records were refused, and ${refused} before`);
    await site.recover("t4");
    await site.serves();
    assert.deepEqual(site.lines("fleet-duplicate"), []);
    site.judge();
  });

  test("a store that refuses commands is as one that is gone, and says so [F26]", async () => {
    const refused = await site.sum('healthbridge_fleet_store_errors_total{code="refused"');
    site.redis("ACL", "SETUSER", "default", "-hset", "-xadd");
    await site.detached();
    const now = await site.sum('healthbridge_fleet_store_errors_total{code="refused"');
    assert.ok(now > refused, `${now} calls were refused, and ${refused} before`);
    site.redis("ACL", "SETUSER", "default", "+@all");
    await site.attached();
    await site.settled();
    site.judge();
  });
});
