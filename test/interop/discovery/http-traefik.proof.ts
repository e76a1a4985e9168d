/**
 * Traefik with its provider of Consul's catalog balances 100 requests a second over the healthy instances.
 *
 * Its build takes some minutes, so that this is a proof (`npm run proof -- discovery`) and no part of the suite.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, beforeEach, describe, test } from "node:test";
import { parse, stringify } from "yaml";
import { eventually, pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { accepting, Running } from "../peers.js";
import { assertAvoided, assertBack, blockOf, Site, Traffic } from "./http-site.js";
import { traefik } from "./traefik-program.js";

describe("Traefik", () => {
  let site: Site;
  let running: Running;
  let traffic: Traffic;

  before(async () => {
    const { tags } = parse(blockOf("discovery traefik tags")).checks.orders;
    site = await Site.start({ check: { tags } });
    const port = await freePort();
    const config = parse(
      blockOf("discovery traefik")
        .replaceAll("healthbridge.example:8500", `127.0.0.1:${site.discoveryPort}`)
        .replaceAll("$TOKEN", site.token)
        .replaceAll(":8000", `127.0.0.1:${port}`),
    );
    writeFileSync(site.path("traefik.yaml"), stringify({ ...config, log: { level: "DEBUG" } }));
    running = new Running(traefik(), [`--configFile=${site.path("traefik.yaml")}`]);
    await accepting(port);
    const url = `http://127.0.0.1:${port}/`;
    await eventually(async () => (await fetch(url)).ok, "Traefik has the instances", 20_000).catch((error) => {
      throw new Error(`${error.message}\n${running.output.slice(-5_000)}`);
    });
    traffic = new Traffic(url);
  });
  after(async () => {
    traffic?.stop();
    await running?.stop();
    await site?.stop();
  });

  beforeEach(async () => {
    await site.recover();
    const since = Date.now();
    for (const each of site.instances)
      await eventually(() => each.requestsSince(since) > 0, `${each.name} has traffic`, 10_000);
    traffic.failures.length = 0;
  });

  test("an instance that fails has no traffic within a second, and has it back within a second", async () => {
    for (const name of ["a", "b", "a"]) {
      const instance = site.instance(name);
      await assertAvoided(site, instance, await site.turn(instance, false));
      await assertBack(instance, await site.turn(instance, true));
    }
    assert.deepEqual(traffic.failures, []);
  });

  test("a drained instance has no traffic within a second, and has it back after resume", async () => {
    const instance = site.instance("b");
    const check = await site.checkOf(instance);
    await site.control("drain", check);
    await assertAvoided(site, instance, Date.now());
    const since = Date.now();
    await site.control("resume", check);
    await eventually(() => instance.requestsSince(since) > 0, "b has traffic again", 2_000);
    assert.deepEqual(traffic.failures, []);
  });

  test("while the daemon is away, and while it answers 503, Traefik keeps what it has", async () => {
    const instance = site.instance("c");
    await assertAvoided(site, instance, await site.turn(instance, false), 0);
    await site.stopDaemon();
    const stoppedAt = Date.now();
    await pause(2_000);
    site.breakTargets();
    await site.startDaemon();
    await pause(2_000);
    assert.equal(instance.requestsSince(stoppedAt), 0);
    assert.deepEqual(traffic.failures, []);
    instance.healthy = true;
    site.writeTargets();
    await eventually(() => instance.requestsSince(stoppedAt) > 0, "c has traffic again", 30_000);
    assert.deepEqual(traffic.failures, []);
  });

  test("when all fail, it removes the route and answers 404: it has no panic mode", async () => {
    await Promise.all(site.instances.map((each) => site.turn(each, false)));
    await eventually(() => traffic.failures.length > 10, "requests fail", 5_000);
    assert.deepEqual([...new Set(traffic.failures)], ["404"]);
    const times = await Promise.all(site.instances.map((each) => site.turn(each, true)));
    await Promise.all(site.instances.map((each, at) => assertBack(each, times[at] ?? 0)));
  });
});
