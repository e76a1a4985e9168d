/** Instances of DNS names and files become checks, and stay while their source has failed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type TestContext, test } from "node:test";
import type { DaemonConfig } from "../../src/config/daemon-config.js";
import { subscribe } from "../../src/core/channels.js";
import { systemClock } from "../../src/core/clock.js";
import { FoundInstances } from "../../src/daemon/found-instances.js";
import { Health } from "../../src/daemon/health.js";
import type { InstanceTable } from "../../src/instances/instance.js";
import { read } from "../config/reading.js";
import { eventually, pause } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";

/** A server of TCP at every address of loopback. */
async function openTarget(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).end());
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  t.after(() => server.close());
  return Number(Object(server.address()).port);
}

class Site {
  readonly health: Health;
  readonly found: FoundInstances;
  readonly server: NameServer;
  readonly folder = mkdtempSync(join(tmpdir(), "healthbridge-instances-"));
  table: InstanceTable | undefined;
  rounds = 0;
  readonly events: string[] = [];

  private constructor(t: TestContext, server: NameServer) {
    this.server = server;
    const instance = `test ${t.name}`;
    this.health = new Health({ instance });
    this.found = new FoundInstances({
      health: this.health,
      clock: systemClock,
      instance,
      nameServers: [server.address],
      onRound: () => (this.rounds += 1),
      onTable: (table) => (this.table = table),
    });
    const unsubscribe = subscribe("instance-source", (message) => {
      if (message.instance === instance) this.events.push(`${message.service} ${message.outcome}`);
    });
    t.after(async () => {
      unsubscribe();
      this.found.close();
      await this.health.shutdown({ drainDelayMs: 0 });
      rmSync(this.folder, { recursive: true });
    });
  }

  static async open(t: TestContext): Promise<Site> {
    return new Site(t, await NameServer.start(t));
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  /** The names of the checks of a template. */
  checksOf(template: string): readonly string[] {
    return [...this.health.list().keys()].filter((name) => name.startsWith(`${template}/`)).sort();
  }

  hosts(service = "orders"): readonly string[] {
    return (this.table?.instances ?? []).flatMap(({ host, services }) => (services.includes(service) ? [host] : []));
  }

  /** Statuses other than SERVING that services show from now on, once they are SERVING. */
  watch(services: readonly string[]): readonly string[] {
    const lapses: string[] = [];
    for (const service of services) assert.equal(this.health.status(service), "SERVING", service);
    this.health.onTransition(({ subject, name, to }) => {
      if (subject === "service" && services.includes(name) && to !== "SERVING") lapses.push(`${name} ${to}`);
    });
    return lapses;
  }
}

/** Sources are asked more often than a file may say. */
function refreshedEvery(refreshMs: number, config: DaemonConfig): DaemonConfig {
  return {
    ...config,
    templates: config.templates.map((template) => ({ ...template, source: { ...template.source, refreshMs } })),
  };
}

const SETTINGS = "interval: 100ms, timeout: 90ms, edgeInterval: 100ms";
const dnsText = (port: number, more = "") =>
  `checks: { orders: { target: "tcp://{address}", ${SETTINGS}, instances: { dns: orders.example, port: ${port} } ${more} } }`;

test("No healthy instance vanishes while answers change, are empty, fail or are denied.", async (t) => {
  const site = await Site.open(t);
  const { server, health, found } = site;
  const port = await openTarget(t);
  const answer = (...addresses: readonly string[]) => server.records.set("orders.example", { ttl: 0, addresses });
  answer("127.0.0.1", "127.0.0.2", "127.0.0.3");
  await found.apply(refreshedEvery(50, read(dnsText(port, ", policy: { quorum: 2 }"))));
  await eventually(() => health.status("orders") === "SERVING", "orders is SERVING");
  await eventually(() => site.checksOf("orders").every((name) => health.status(name) === "SERVING"), "each is SERVING");
  // names do not show addresses: those of the two that are always there are what is left when the third has gone
  const lapses: (readonly string[])[] = [];
  const stable = ["127.0.0.1", "127.0.0.2"];
  const names = (site.table?.instances ?? []).filter(({ host }) => stable.includes(host)).map(({ check }) => check);
  assert.equal(names.length, 2);
  lapses.push(site.watch(["orders", ...names]));
  for (let round = 0; round < 3; round += 1) {
    answer(...stable, `127.0.1.${round}`);
    await pause(150);
    server.failing = true;
    await pause(150);
    server.failing = false;
    answer();
    await pause(150);
    server.records.clear();
    await pause(150);
    server.silent = true;
    await pause(150);
    server.silent = false;
  }
  answer(...stable);
  await eventually(() => site.hosts().join() === stable.join(), "the others are removed");
  assert.deepEqual(lapses.flat(), []);
  assert.ok(site.events.includes("orders failed") && site.events.includes("orders found"));
  assert.deepEqual(site.checksOf("orders"), names.toSorted());
});

test("An instance that fails makes the service of an all policy NOT_SERVING; one that is gone does not.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  const answer = (...addresses: readonly string[]) => site.server.records.set("orders.example", { ttl: 0, addresses });
  answer("127.0.0.1", "192.0.2.1");
  await site.found.apply(refreshedEvery(50, read(dnsText(port, ", policy: all"))));
  await eventually(() => site.health.status("orders") === "NOT_SERVING", "an address does not answer");
  answer("127.0.0.1");
  await eventually(() => site.health.status("orders") === "SERVING", "it is gone");
});

test("No source is asked after close(), also when a configuration is applied at that moment.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  site.server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1"] });
  const applying = site.found.apply(refreshedEvery(50, read(dnsText(port))));
  await Promise.resolve();
  site.found.close();
  await applying;
  const { length } = site.events;
  await pause(300);
  assert.deepEqual(site.events.slice(length), []);
  assert.ok(site.events.includes("orders removed"));
});

test("A quorum that is larger than the number of instances is not reached.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  site.server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1"] });
  await site.found.apply(refreshedEvery(50, read(dnsText(port, ", policy: { quorum: 2 }"))));
  await eventually(() => site.health.status("orders") === "NOT_SERVING", "one of two");
  site.server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1", "127.0.0.2"] });
  await eventually(() => site.health.status("orders") === "SERVING", "two of two");
});

for (const [what, breakIt] of [
  ["does not answer", (server: NameServer) => (server.failing = true)],
  ["denies the name", (server: NameServer) => server.records.clear()],
] as const)
  test(`A service whose name server ${what} is UNKNOWN with all above it, and its instances are awaited.`, async (t) => {
    const site = await Site.open(t);
    const port = await openTarget(t);
    breakIt(site.server);
    const text = `${dnsText(port).slice(0, -2)}, up: "tcp://127.0.0.1:${port}" }\nservices: { shop: [orders, up] }`;
    await site.found.apply(refreshedEvery(50, read(text)));
    await eventually(() => site.health.status("up") === "SERVING", "the other check is SERVING");
    assert.deepEqual(
      ["orders", "shop", ""].map((name) => site.health.status(name)),
      ["UNKNOWN", "UNKNOWN", "UNKNOWN"],
    );
    assert.deepEqual([...(site.table?.awaited ?? [])], ["orders", "shop"]);
    assert.equal(site.found.isAwaited("orders/0123456789ab"), true);
    assert.equal(site.found.isAwaited("orders"), false);
    site.server.failing = false;
    site.server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1"] });
    await eventually(() => site.health.status("shop") === "SERVING", "the source answers");
    assert.equal(site.table?.awaited.size, 0);
    assert.equal(site.found.isAwaited("orders/0123456789ab"), false);
  });

test("An address that may not be probed is left out, and stops no other one.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  const answer = (...addresses: readonly string[]) => site.server.records.set("orders.example", { ttl: 0, addresses });
  answer("169.254.169.254", "127.0.0.1", "fd00:ec2::254");
  await site.found.apply(refreshedEvery(50, read(dnsText(port))));
  assert.deepEqual(site.hosts(), ["127.0.0.1"]);
  assert.ok(site.events.includes("orders refused"));
  answer("169.254.169.254", "127.0.0.1", "127.0.0.2", "168.63.129.16");
  await eventually(() => site.hosts().join() === "127.0.0.1,127.0.0.2", "a new address is found");
  assert.equal(site.checksOf("orders").length, 2);
});

test("A reload keeps the instances of a template that is the same, and changes those of another.", async (t) => {
  const site = await Site.open(t);
  const { health, found, server } = site;
  const port = await openTarget(t);
  server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1", "127.0.0.2"] });
  await found.apply(refreshedEvery(50, read(dnsText(port))));
  await eventually(() => health.status("orders") === "SERVING", "SERVING");
  const names = site.checksOf("orders");
  await eventually(() => names.every((name) => health.status(name) === "SERVING"), "each is SERVING");
  const lapses = site.watch(["orders", ...names]);
  server.failing = true;
  await found.apply(refreshedEvery(50, read(`${dnsText(port)}\nservices: { shop: [orders] }`)));
  await found.apply(refreshedEvery(50, read(dnsText(port, ", unhealthyThreshold: 5"))));
  await found.apply(refreshedEvery(50, read(dnsText(port, ", tags: [blue]"))));
  assert.deepEqual(lapses, []);
  assert.deepEqual(site.checksOf("orders"), names);
  assert.deepEqual(site.table?.instances[0]?.tags, ["blue"]);
  // a source of another kind
  writeFileSync(site.at("t.json"), JSON.stringify([{ targets: [`127.0.0.9:${port}`] }]));
  const file = `checks: { orders: { target: "tcp://{address}", ${SETTINGS}, instances: { file: "${site.at("t.json")}" } } }`;
  await found.apply(refreshedEvery(50, read(file)));
  assert.deepEqual(site.hosts(), ["127.0.0.9"]);
  assert.equal(site.checksOf("orders").length, 1);
  await found.apply(read("checks: {}"));
  assert.deepEqual(site.checksOf("orders"), []);
  assert.equal(health.status("orders"), undefined);
});

test("A reload that is refused changes nothing, and the sources of before go on.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  site.server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1"] });
  site.health.set("taken", "SERVING");
  await site.found.apply(refreshedEvery(50, read(dnsText(port))));
  const refused = read(dnsText(port).replace("orders:", "taken:"));
  await assert.rejects(site.found.apply(refused), /the application has set this service by hand/);
  assert.equal(site.checksOf("orders").length, 1);
  site.server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1", "127.0.0.2"] });
  await eventually(() => site.hosts().join() === "127.0.0.1,127.0.0.2", "the source goes on");
});

test("A file that is broken or gone keeps its healthy instances; one that is replaced changes them.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  const write = (...hosts: readonly string[]) => {
    const targets = hosts.map((host) => `${host}:${port}`);
    writeFileSync(site.at("next"), JSON.stringify([{ targets, labels: { zone: "z", healthbridge_weight: "3" } }]));
    renameSync(site.at("next"), site.at("t.json"));
  };
  write("127.0.0.1", "127.0.0.2");
  const text = `checks: { orders: { target: "tcp://{address}", ${SETTINGS}, instances: { file: "${site.folder}/*.json" } } }`;
  await site.found.apply(refreshedEvery(200, read(text)));
  const names = site.checksOf("orders");
  await eventually(() => names.every((name) => site.health.status(name) === "SERVING"), "each is SERVING");
  assert.deepEqual(
    site.table?.instances.map(({ meta, weight }) => [meta, weight]),
    [
      [{ zone: "z" }, 3],
      [{ zone: "z" }, 3],
    ],
  );
  const lapses = site.watch(["orders", ...names]);
  writeFileSync(site.at("t.json"), "[{");
  await eventually(() => site.events.at(-1) === "orders failed", "broken");
  rmSync(site.at("t.json"));
  await pause(1_000);
  assert.deepEqual(lapses, []);
  write("127.0.0.1", "127.0.0.2", "127.0.0.3");
  await eventually(() => site.hosts().length === 3, "it is read again");
  assert.deepEqual(lapses, []);
  writeFileSync(site.at("t.json"), "[]");
  await eventually(() => site.checksOf("orders").length === 0, "nothing is listed");
  assert.deepEqual([site.health.status("orders"), [...(site.table?.awaited ?? [])]], ["UNKNOWN", []]);
});

test("Instances with names get an IP address, which stays while no name server answers.", async (t) => {
  const site = await Site.open(t);
  const port = await openTarget(t);
  const { records } = site.server;
  records.set("_x._tcp.orders", { ttl: 0, addresses: [], servers: [`0 5 ${port} a.example`] });
  records.set("a.example", { ttl: 0, addresses: ["127.0.0.8", "127.0.0.7"] });
  const text = `checks: { orders: { target: "tcp://{address}", instances: { srv: _x._tcp.orders }, startup: false } }`;
  await site.found.apply(refreshedEvery(50, read(text)));
  await eventually(() => site.table?.instances[0]?.address === "127.0.0.7", "its first address");
  assert.deepEqual([site.table?.instances[0]?.host, site.table?.instances[0]?.weight], ["a.example", 5]);
});

test("A change of one address among 10,000 does not block the event loop.", async (t) => {
  const site = await Site.open(t);
  const hosts = Array.from({ length: 10_001 }, (_, at) => `127.1.${at >> 8}.${at & 255}:9`);
  const write = (targets: readonly string[]) => {
    writeFileSync(site.at("next"), JSON.stringify([{ targets }]));
    renameSync(site.at("next"), site.at("t.json"));
  };
  write(hosts.slice(0, 10_000));
  const text = `checks: { orders: { target: "tcp://{address}", initialDelay: 1h, staleAfter: 2h, instances: { file: "${site.at("t.json")}" } } }`;
  await site.found.apply(refreshedEvery(100, read(text)));
  assert.equal(site.checksOf("orders").length, 10_000);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  await pause(1_000);
  delay.enable();
  const startedAt = performance.now();
  write(hosts.slice(1));
  await eventually(() => site.hosts().includes("127.1.39.16"), "the new address is found");
  await eventually(() => !site.hosts().includes("127.1.0.0"), "the old one is removed");
  const tookMs = performance.now() - startedAt;
  delay.disable();
  t.diagnostic(`${Math.round(tookMs)} ms; event loop delay at most ${Math.round(delay.max / 1e6)} ms`);
  assert.equal(site.checksOf("orders").length, 10_000);
  assert.ok(tookMs < 20_000, `${tookMs} ms`);
  assert.ok(delay.max / 1e6 < 1_500, `${delay.max / 1e6} ms`);
  write(hosts);
  await eventually(() => site.events.at(-1) === "orders failed", "10,001 are refused");
  assert.equal(site.checksOf("orders").length, 10_000);
});

for (const count of [5, 40])
  test(`Each of ${count} files is read at the start, although few threads may read files at once.`, async (t) => {
    const site = await Site.open(t);
    const lines = Array.from({ length: count }, (_, at) => {
      writeFileSync(site.at(`${at}.json`), JSON.stringify([{ targets: [`127.0.0.1:${at + 1}`] }]));
      return `  t${at}: { target: "tcp://{address}", initialDelay: 1h, instances: { file: "${site.at(`${at}.json`)}" } }`;
    });
    await site.found.apply(read(`checks:\n${lines.join("\n")}`));
    assert.deepEqual([site.table?.instances.length, site.table?.awaited.size], [count, 0]);
    await pause(1_200);
    assert.deepEqual(
      site.events.filter((event) => event.endsWith("failed")),
      [],
    );
  });

test("A reload with another interval, port or kind of source removes no instance while that source fails.", async (t) => {
  const site = await Site.open(t);
  const { found, health, server } = site;
  const port = await openTarget(t);
  server.records.set("orders.example", { ttl: 0, addresses: ["127.0.0.1", "127.0.0.2"] });
  const text = `${dnsText(port).slice(0, -2)}, up: "tcp://127.0.0.1:${port}" }\nservices: { shop: [orders, up] }`;
  await found.apply(refreshedEvery(50, read(text)));
  await eventually(() => health.status("shop") === "SERVING", "SERVING");
  const names = site.checksOf("orders");
  await eventually(() => names.every((name) => health.status(name) === "SERVING"), "each is SERVING");
  const lapses = site.watch(["orders", "shop", ...names]);
  server.failing = true;
  for (const source of [
    `dns: orders.example, port: ${port}`,
    "dns: orders.example, port: 1",
    "srv: _x._tcp.orders",
    `file: ${site.at("no.json")}`,
  ]) {
    await found.apply(refreshedEvery(60, read(text.replace(/dns: [^}]+/, source))));
    await pause(200);
    assert.deepEqual([lapses, site.checksOf("orders")], [[], names], source);
    assert.equal(site.hosts("shop").length, 3);
  }
  writeFileSync(site.at("no.json"), JSON.stringify([{ targets: [`127.0.0.2:${port}`] }]));
  await eventually(() => site.hosts().join() === "127.0.0.2", "the new source answers");
  assert.deepEqual(
    lapses.filter((lapse) => !lapse.startsWith("orders/")),
    [],
  );
});
