/** Names are resolved in time, whatever some of their name servers do. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readResolverFile } from "../../src/client/name-files.js";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { eventually, pause } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";
import { startStopwatch } from "../support/stopwatch.js";

/** Far below the deadline of a probe (2 s), far above what loopback needs. */
const IN_TIME_MS = 1_500;

const ADDRESSES = { ttl: 5, addresses: ["10.0.0.1", "fd00::1"] };

/** The first addresses that are reported, as a connection attempt gets them. */
async function firstAddresses(resolver: NameResolver, name: string): Promise<readonly string[]> {
  const stop = startStopwatch();
  const found = await new Promise<readonly string[]>((resolve, reject) => {
    const listener = {
      onAddresses: (addresses: readonly { readonly address: string }[]) =>
        resolve(addresses.map((each) => each.address)),
      onError: reject,
    };
    resolver.resolve(name, listener);
  });
  const tookMs = stop();
  assert.ok(tookMs < IN_TIME_MS, `${name} took ${tookMs} ms`);
  return found;
}

const resolverOf = (...servers: readonly string[]) => new NameResolver({ clock: systemClock, servers });

async function twoServers(t: TestContext): Promise<readonly [NameServer, NameServer]> {
  const [first, second] = [await NameServer.start(t), await NameServer.start(t)];
  second.records.set("db.test", ADDRESSES);
  return [first, second];
}

/** A timer keeps the test alive: a resolver does not. */
const alive = (t: TestContext) => {
  const timer = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(timer));
};

for (const [silent, found] of [
  [6, ["10.0.0.1"]],
  [4, ["fd00::1"]],
] as const)
  test(`addresses of one family are used after 50 ms while those of the other are not answered: IPv${silent}`, async (t) => {
    alive(t);
    const server = await NameServer.start(t);
    server.records.set("db.test", ADDRESSES);
    server.silentFamily = silent;
    assert.deepEqual(await firstAddresses(resolverOf(server.address), "db.test"), found);
  });

test("a family that is answered late is reported later", async (t) => {
  alive(t);
  const server = await NameServer.start(t);
  server.records.set("db.test", ADDRESSES);
  server.silentFamily = 6;
  const resolver = resolverOf(server.address);
  const reports: string[] = [];
  await new Promise<void>((resolve, reject) =>
    resolver.resolve("db.test", {
      onAddresses: (addresses, isComplete) => {
        reports.push(`${addresses.length} ${isComplete}`);
        server.silentFamily = undefined; // the second question of the same family is answered
        if (isComplete) resolve();
      },
      onError: reject,
    }),
  );
  assert.deepEqual(reports, ["1 false", "2 true"]);
});

const FAULTS: readonly (readonly [fault: string, set: Partial<NameServer>])[] = [
  ["is silent", { silent: true }],
  ["answers SERVFAIL", { failing: true }],
  ["answers late, and does not know the name", { delayMs: 3_000 }],
];

for (const [fault, set] of FAULTS)
  test(`the second name server is asked in time when the first one ${fault}`, async (t) => {
    alive(t);
    const [first, second] = await twoServers(t);
    Object.assign(first, set);
    const resolver = resolverOf(first.address, second.address);
    assert.deepEqual((await firstAddresses(resolver, "db.test")).length, 2);
  });

test("a name server whose port is closed costs nothing", async (t) => {
  alive(t);
  const [, second] = await twoServers(t);
  assert.equal((await firstAddresses(resolverOf("127.0.0.1:1", second.address), "db.test")).length, 2);
});

test("a server that has missed two queries is asked last for a while", async (t) => {
  alive(t);
  const [first, second] = await twoServers(t);
  first.silent = true;
  const resolver = resolverOf(first.address, second.address);
  second.records.set("web.test", ADDRESSES);
  await firstAddresses(resolver, "db.test");
  const asked = first.questions;
  await firstAddresses(resolver, "web.test");
  assert.equal(first.questions, asked);
});

test("a name that the first name server knows exists, also when the second one denies it sooner", async (t) => {
  alive(t);
  const [first, second] = [await NameServer.start(t), await NameServer.start(t)];
  first.records.set("intern.test", ADDRESSES);
  first.delayMs = 400;
  const resolver = resolverOf(first.address, second.address);
  assert.equal((await firstAddresses(resolver, "intern.test")).length, 2);
  assert.ok(second.questions > 0, "the second one was asked");
});

test("an answer that is too long for UDP is asked for over TCP; a forged one is ignored", async (t) => {
  alive(t);
  const server = await NameServer.start(t);
  server.records.set("db.test", ADDRESSES);
  server.truncating = true;
  assert.deepEqual(await firstAddresses(resolverOf(server.address), "db.test"), ADDRESSES.addresses);
  server.truncating = false;
  server.forging = true;
  server.delayMs = 20;
  assert.deepEqual(await firstAddresses(resolverOf(server.address), "db.test"), ADDRESSES.addresses);
});

test("hasMoved answers at once by the last answer, and renews it; a name without addresses has not moved", async (t) => {
  alive(t);
  const server = await NameServer.start(t);
  server.records.set("db.test", { ttl: 0, addresses: ["10.0.0.1"] });
  let now = 0;
  const clock = { ...systemClock, now: () => now };
  const resolver = new NameResolver({ clock, servers: [server.address] });
  await firstAddresses(resolver, "db.test");
  assert.equal(resolver.hasMoved("db.test", "10.0.0.1"), false);
  const hasMoved = () => resolver.hasMoved("db.test", "10.0.0.1");
  /** Asks when the last answer is too old, and waits for both questions. */
  const renew = async () => {
    const asked = server.questions;
    now += 1_000;
    hasMoved();
    await eventually(() => server.questions >= asked + 2, "both questions are asked");
  };
  server.records.set("db.test", { ttl: 0, addresses: ["10.0.0.2"] });
  await renew();
  await eventually(hasMoved, "moved");
  server.records.set("db.test", { ttl: 0, addresses: ["10.0.0.1", "10.0.0.2"] });
  await renew();
  await eventually(() => !hasMoved(), "one of several");
  server.failing = true;
  await renew();
  await pause(100);
  assert.equal(hasMoved(), false, "DNS fails");
  server.failing = false;
  server.records.delete("db.test");
  await renew();
  await pause(100);
  assert.equal(hasMoved(), false, "the name is gone");
});

test("resolv.conf: options, servers and domains are read as glibc reads them", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-resolv-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const read = (text: string, machine = "me") => {
    writeFileSync(join(folder, "resolv.conf"), text);
    return readResolverFile(join(folder, "resolv.conf"), machine);
  };
  const many = [1, 2, 3, 4].map((each) => `nameserver 10.0.0.${each}\n`).join("");
  assert.deepEqual(read(many).servers, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  assert.deepEqual(read("nameserver fe80::1%eth0\nnameserver bogus\n").servers, ["fe80::1%eth0"]);
  const { timeoutMs, attempts, rotate, ndots, useTcp } = read(
    "options timeout:1 attempts:3\noptions rotate ndots:2 use-vc edns0\n",
  );
  assert.deepEqual([timeoutMs, attempts, rotate, ndots, useTcp], [1_000, 3, true, 2, true]);
  const limits = read("options timeout:99 attempts:99 ndots:99");
  assert.deepEqual([limits.timeoutMs, limits.attempts, limits.ndots], [30_000, 5, 15]);
  const zero = read("options timeout:0 attempts:0 ndots:0");
  assert.deepEqual([zero.timeoutMs, zero.attempts, zero.ndots], [1_000, 1, 0]);
  assert.deepEqual(read("search a.test b.test\ndomain c.test d.test\n").search, ["c.test"], "the last line counts");
  assert.deepEqual(read("domain c.test\nsearch A.test. b.test\n").search, ["a.test", "b.test"]);
  assert.deepEqual(read("", "host.corp.test").search, ["corp.test"], "the domain of the machine");
});

test("resolv.conf: search domains are tried in its order, and `rotate` asks the servers in turn", async (t) => {
  alive(t);
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-resolv-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const resolverFile = join(folder, "resolv.conf");
  const [first, second] = [await NameServer.start(t), await NameServer.start(t)];
  for (const server of [first, second])
    for (const name of ["db.a.test", "x.b.test", "y.b.test"]) server.records.set(name, ADDRESSES);
  writeFileSync(resolverFile, "search a.test b.test\noptions rotate\n");
  const resolver = new NameResolver({ clock: systemClock, servers: [first.address, second.address], resolverFile });
  for (const name of ["db", "x", "y"]) assert.equal((await firstAddresses(resolver, name)).length, 2, name);
  assert.ok(first.questions >= 2 && second.questions >= 2, "both were asked first");
});
