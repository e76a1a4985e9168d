import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readHosts, readResolverFile } from "../../src/client/name-files.js";
import { NameResolver } from "../../src/client/resolver.js";
import { type CancelTimer, systemClock } from "../../src/core/clock.js";
import { openTarget } from "../../src/probers/schemes.js";
import { NameServer } from "../support/name-server.js";
import { startStopwatch } from "../support/stopwatch.js";
import { VirtualClock } from "../support/virtual-clock.js";

/** Virtual time for the cache; what name servers on loopback do takes real time. */
class CacheClock extends VirtualClock {
  override setTimer(delayMs: number, action: () => void): CancelTimer {
    return systemClock.setTimer(delayMs, action);
  }
}

const addressesOf = (resolver: NameResolver, name: string): Promise<string[]> =>
  new Promise((resolve, reject) =>
    resolver.resolve(name, {
      onAddresses: (addresses, isComplete) => isComplete && resolve(addresses.map(({ address }) => address)),
      onError: reject,
    }),
  );

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return String(Object(error).code);
  }
  return "no error";
};

test("addresses of both families are resolved, and kept for their TTL", async (t) => {
  const server = await NameServer.start(t);
  const clock = new CacheClock();
  const resolver = new NameResolver({ clock, servers: [server.address] });
  server.records.set("db.test", { ttl: 5, addresses: ["10.0.0.1", "fd00::1"] });
  assert.deepEqual(await addressesOf(resolver, "db.test"), ["10.0.0.1", "fd00::1"]);
  assert.deepEqual(await addressesOf(resolver, "DB.test"), ["10.0.0.1", "fd00::1"]);
  assert.equal(server.questions, 2, "one for each family");
  server.records.set("db.test", { ttl: 5, addresses: ["10.0.0.2"] });
  await clock.advance(4_999);
  assert.deepEqual(await addressesOf(resolver, "db.test"), ["10.0.0.1", "fd00::1"]);
  await clock.advance(1);
  assert.deepEqual(await addressesOf(resolver, "db.test"), ["10.0.0.2"]);
});

test("a long TTL is cut to 30 s, so that a new address is used by then [C8]", async (t) => {
  const server = await NameServer.start(t);
  const clock = new CacheClock();
  const resolver = new NameResolver({ clock, servers: [server.address] });
  server.records.set("db.test", { ttl: 86_400, addresses: ["10.0.0.1"] });
  await addressesOf(resolver, "db.test");
  server.records.set("db.test", { ttl: 86_400, addresses: ["10.0.0.2"] });
  await clock.advance(30_000);
  assert.deepEqual(await addressesOf(resolver, "db.test"), ["10.0.0.2"]);
});

test("parallel questions for one name are asked once", async (t) => {
  const server = await NameServer.start(t);
  const resolver = new NameResolver({ clock: new CacheClock(), servers: [server.address] });
  server.records.set("db.test", { ttl: 5, addresses: ["10.0.0.1"] });
  await Promise.all(Array.from({ length: 100 }, () => addressesOf(resolver, "db.test")));
  assert.equal(server.questions, 2);
});

test("a name that does not exist is ENOTFOUND, and is asked again after one second [C8]", async (t) => {
  const server = await NameServer.start(t);
  const clock = new CacheClock();
  const resolver = new NameResolver({ clock, servers: [server.address] });
  assert.equal(await codeOf(addressesOf(resolver, "gone.test")), "ENOTFOUND");
  server.records.set("gone.test", { ttl: 5, addresses: ["10.0.0.1"] });
  assert.equal(await codeOf(addressesOf(resolver, "gone.test")), "ENOTFOUND");
  await clock.advance(1_000);
  assert.deepEqual(await addressesOf(resolver, "gone.test"), ["10.0.0.1"]);
});

test("when no name server answers, the last addresses are used for 5 minutes; then the error is EAI_AGAIN [C8]", async (t) => {
  const server = await NameServer.start(t);
  const clock = new CacheClock();
  const resolver = new NameResolver({ clock, servers: [server.address] });
  server.records.set("db.test", { ttl: 5, addresses: ["10.0.0.1"] });
  await addressesOf(resolver, "db.test");
  server.failing = true;
  await clock.advance(299_999);
  assert.deepEqual(await addressesOf(resolver, "db.test"), ["10.0.0.1"]);
  await clock.advance(1_000);
  assert.equal(await codeOf(addressesOf(resolver, "db.test")), "EAI_AGAIN");
  assert.equal(await codeOf(addressesOf(resolver, "never-seen.test")), "EAI_AGAIN");
  server.failing = false;
  assert.deepEqual(await addressesOf(resolver, "db.test"), ["10.0.0.1"], "it recovers by itself");
});

test("a name that resolves to a link-local address is forbidden unless that is allowed; its other addresses stay [B91]", async (t) => {
  const server = await NameServer.start(t);
  server.records.set("evil.test", { ttl: 5, addresses: ["169.254.169.254"] });
  server.records.set("both.test", { ttl: 5, addresses: ["169.254.1.1", "10.0.0.1"] });
  const clock = new CacheClock();
  const resolver = new NameResolver({ clock, servers: [server.address] });
  assert.equal(await codeOf(addressesOf(resolver, "evil.test")), "ERR_FORBIDDEN_ADDRESS");
  assert.deepEqual(await addressesOf(resolver, "both.test"), ["10.0.0.1"]);
  const open = new NameResolver({ clock, servers: [server.address], allowLinkLocal: true });
  assert.deepEqual(await addressesOf(open, "evil.test"), ["169.254.169.254"]);
});

test("localhost needs no name server", async () => {
  const resolver = new NameResolver({ clock: new CacheClock(), servers: ["127.0.0.1:1"] });
  assert.ok((await addressesOf(resolver, "localhost")).includes("127.0.0.1"));
  assert.deepEqual(await addressesOf(resolver, "a.localhost"), ["127.0.0.1", "::1"]);
});

/** A forbidden IPv4 address, and each form of IPv6 address that contains it. */
function formsOf(ipv4: string): readonly string[] {
  const hex = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(16).padStart(2, "0"));
  const bytes = ipv4.split(".").map(Number);
  const [a = "", b = "", c = "", d = ""] = hex(bytes);
  const [ia = "", ib = "", ic = "", id = ""] = hex(bytes.map((byte) => byte ^ 255));
  return [
    ipv4,
    `::ffff:${ipv4}`,
    `::FFFF:${a}${b}:${c}${d}`,
    `0:0:0:0:0:ffff:${a}${b}:${c}${d}`,
    `::ffff:${ipv4}%eth0`,
    `::${ipv4}`,
    `::${a}${b}:${c}${d}`,
    `::ffff:0:${ipv4}`,
    `64:ff9b::${ipv4}`,
    `64:ff9b::${a}${b}:${c}${d}`,
    `64:ff9b:1:${a}${b}:${c}:${d}00::`,
    `64:ff9b:1:12${a}:${b}:${c}${d}::`,
    `64:ff9b:1:1234:${a}:${b}${c}:${d}00:0`,
    `64:ff9b:1:1234:5678:9abc:${a}${b}:${c}${d}`,
    `2002:${a}${b}:${c}${d}::1`,
    `2002:${a}${b}:${c}${d}:1:2:3:4:5`,
    `2001:0:${a}${b}:${c}${d}::1`,
    `2001::1:${ia}${ib}:${ic}${id}`,
    `2001:db8::5efe:${ipv4}`,
    `fd00::200:5efe:${ipv4}`,
  ];
}

const FORBIDDEN_IPV4 = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.0", "169.254.255.255"].concat([
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
]);

test("link-local addresses and metadata services are forbidden, in each form that contains them", () => {
  const resolver = new NameResolver({ clock: new CacheClock() });
  for (const address of [
    ...FORBIDDEN_IPV4.flatMap(formsOf),
    "fe80::1",
    "fe80::1%eth0",
    "febf:ffff::1",
    "fe80:0:0:0:0:0:0:1",
    "fd00:ec2::254",
    "FD00:0EC2:0:0:0:0:0:0254",
    "fd00:ec2::254%eth0",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:c1::169.254.169.254",
    "fd00:100::100:200",
    "fd00:42::42",
    "fd00:a9fe:a9fe::1",
  ])
    assert.equal(resolver.permits(address), false, address);
});

test("loopback, private and public addresses are allowed, in each form that contains them", () => {
  const resolver = new NameResolver({ clock: new CacheClock() });
  for (const address of [
    ...["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.253.1.1", "169.255.0.1", "8.8.8.8"].flatMap(formsOf),
    ...["100.100.100.201", "168.63.129.17", "192.0.0.193", "0.0.0.0"].flatMap(formsOf),
    "::",
    "::1",
    "fec0::1",
    "fd00::1",
    "fd00:ec2::255",
    "fd20:ce::253",
    "2001:db8::1",
    "2001:db8::a9fe:a9fe", // the same bits, but no form that a translator reads
    "a-name",
    "169.254.169.254.example.com",
    "",
  ])
    assert.equal(resolver.permits(address), true, address);
});

test("a name whose answer contains a forbidden address in any form is forbidden; allowLinkLocal allows it [B91]", async (t) => {
  const server = await NameServer.start(t);
  const clock = new CacheClock();
  const resolver = new NameResolver({ clock, servers: [server.address] });
  const open = new NameResolver({ clock, servers: [server.address], allowLinkLocal: true });
  const addresses = FORBIDDEN_IPV4.flatMap(formsOf).filter((address) => !address.includes("%"));
  for (const [index, address] of ["fd00:ec2::23", "fd20:ce::254", ...addresses].entries()) {
    const name = `n${index}.test`;
    server.records.set(name, { ttl: 5, addresses: [address] });
    assert.equal(await codeOf(addressesOf(resolver, name)), "ERR_FORBIDDEN_ADDRESS", address);
    assert.equal((await addressesOf(open, name)).length, 1, address);
  }
});

test("a forbidden IPv4 address is refused in each notation, with every scheme [B91]", () => {
  const notations = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
  ].concat([
    "169.254.43518",
    "169.16689662",
    "169.254.169.254.",
    "168.63.129.16",
    "0xa83f8110",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::23]",
  ]);
  for (const scheme of ["http", "https", "tcp", "tls", "grpc", "grpcs", "redis", "postgres", "mysql", "amqp", "dns"])
    for (const host of notations) {
      const target = scheme === "dns" ? `dns://${host}/example.com` : `${scheme}://${host}:8080`;
      assert.throws(() => openTarget(target), /link-local addresses are not probed/, target);
    }
  for (const target of ["tcp://0x7f.1:80", "redis://2130706433", "grpc://[::ffff:7f00:1]:80", "tcp://0xname:80"])
    openTarget(target).close();
});

test("the system's files are read as their manuals say; a missing file is ignored", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-names-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const hosts = readHosts(
    file("hosts", "127.0.0.1 localhost # us\n10.0.0.1\tDB db.internal\n::1 localhost\nbroken line\n"),
  );
  assert.deepEqual(hosts.get("localhost"), [
    { address: "127.0.0.1", family: 4 },
    { address: "::1", family: 6 },
  ]);
  assert.deepEqual([hosts.get("db")?.[0]?.address, hosts.get("db.internal")?.[0]?.address], ["10.0.0.1", "10.0.0.1"]);
  const text =
    "; comment\nnameserver 10.0.0.10\nsearch a.svc.cluster.local. svc.cluster.local\noptions timeout:1 ndots:5\n";
  const defaults = { search: [], ndots: 1, timeoutMs: 5_000, attempts: 2, rotate: false, useTcp: false };
  assert.deepEqual(readResolverFile(file("resolv", text), "me"), {
    ...defaults,
    servers: ["10.0.0.10"],
    search: ["a.svc.cluster.local", "svc.cluster.local"],
    ndots: 5,
    timeoutMs: 1_000,
  });
  assert.deepEqual(readResolverFile(join(folder, "none"), "me"), { ...defaults, servers: ["127.0.0.1"] });
  assert.equal(readHosts(join(folder, "none")).size, 0);
});

test("a name that does not exist by the answer for A costs no deadline where AAAA is not answered (RFC 8020)", async (t) => {
  const server = await NameServer.start(t);
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-names-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const resolverFile = join(folder, "resolv.conf");
  writeFileSync(resolverFile, "search a.test b.test c.test\noptions ndots:5 timeout:1 attempts:1\n");
  server.records.set("db.example", { ttl: 5, addresses: ["10.0.0.1"] });
  server.silentFamily = 6;
  const resolver = new NameResolver({ clock: new CacheClock(), servers: [server.address], resolverFile });
  const stop = startStopwatch();
  const addresses = await new Promise<readonly string[]>((resolve, reject) =>
    resolver.resolve("db.example", {
      onAddresses: (found) => resolve(found.map(({ address }) => address)),
      onError: reject,
    }),
  );
  assert.deepEqual(addresses, ["10.0.0.1"]);
  assert.ok(stop() < 1_000);
});

test("an address of IPv6 counts where the answer for A wrongly says that the name does not exist (RFC 4074, section 4.2)", async (t) => {
  const server = await NameServer.start(t);
  server.records.set("six.test", { ttl: 5, addresses: ["fd00::1"] });
  server.denyingA = true;
  const resolver = new NameResolver({ clock: new CacheClock(), servers: [server.address] });
  assert.deepEqual(await addressesOf(resolver, "six.test"), ["fd00::1"]);
});
