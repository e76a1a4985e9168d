/** Row F27: readers of discovery during F1, F8 and F10. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { AGENT_PORT, DISCOVERY_PORT, DiscoveryReaders } from "./discovery-readers.js";
import { FleetSite, STALE_MS } from "./fleet-site.js";
import { killOne, storeGone, storeReturns } from "./rows.js";

const SITE = 16;
const TOKEN = "0123456789abcdef0123456789abcdef";
const FORMS = 6;

describe("readers of discovery at each of three members", () => {
  let site: FleetSite;
  const folder = mkdtempSync(join(tmpdir(), "hb-readers-"));
  const names = Array.from({ length: 12 }, (_, index) => `t${index}`);
  const portOf = (name: string) => 9_100 + Number(name.slice(1));
  const readers = new DiscoveryReaders({
    ...{ service: "shop", token: TOKEN },
    instances: new Map(names.map((name) => [portOf(name), name])),
  });
  before(async () => {
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
    const checks = names.map(
      (name) =>
        `  ${name}: { target: "http://10.214.${SITE}.3:9000/${name}", copies: ${Number(name.slice(1)) % 3 === 0 ? 1 : 2}, advertise: "{host}:${portOf(name)}" }`,
    );
    site = await FleetSite.open(SITE, {
      checks: checks.join("\n"),
      more: [
        `discovery: { listen: "0.0.0.0:${DISCOVERY_PORT}", tokenFile: ${tokenFile} }`,
        `haproxyAgent: { listen: "0.0.0.0:${AGENT_PORT}" }`,
        `services: { shop: { any: [${names.join()}] } }`,
      ].join("\n"),
    });
    for (const member of site.live) readers.follow(member);
    await eventually(() => readers.complete === FORMS * site.live.length, "each reader is told of all instances");
  });
  after(async () => {
    readers.close();
    await site.close();
    rmSync(folder, { recursive: true });
  });

  const judge = async () => {
    await eventually(() => readers.areExact, "all readers tell the same");
    assert.deepEqual(readers.lost, []);
  };

  test("an instance that fails is told by each reader of each member, and no other one is", async () => {
    readers.sick.add(portOf("t4"));
    await site.set("fail", "t4");
    await site.tells("NOT_SERVING", ["t4"], 10_000);
    await judge();
    await site.recover("t4");
    await eventually(() => !readers.areExact, "it is healthy again");
    readers.sick.delete(portOf("t4"));
    await eventually(() => readers.areExact, "by all readers").catch(() => {});
    readers.lost.length = 0;
    await judge();
  });

  test("the store is gone, and returns: no healthy instance vanishes [F27]", async (context) => {
    await storeGone(site, 2 * STALE_MS);
    await judge();
    await storeReturns(site);
    await judge();
    context.diagnostic(`${readers.answers} answers`);
  });

  test("kill -9 of one, and its restart: no healthy instance vanishes [F27]", async (context) => {
    const killed = site.member("m2");
    readers.ends(killed);
    await killOne(site, "m2");
    await judge();
    readers.follow(await site.start("m2"));
    await site.serves();
    await site.settled();
    await pause(STALE_MS);
    await eventually(() => readers.complete === FORMS * 4, "each reader of the new process is told of all instances");
    await judge();
    context.diagnostic(`${readers.answers} answers`);
  });
});
