/** Instances of DNS names, found with our own client at a name server of ours. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { decodeResponse, encodeQuery } from "../../src/client/dns-message.js";
import { NameLookup } from "../../src/client/name-lookup.js";
import { systemClock } from "../../src/core/clock.js";
import { askDns } from "../../src/instances/dns-source.js";
import type { AskSource } from "../../src/instances/source.js";
import { NameServer } from "../support/name-server.js";

/** A name server, and look-ups that ask it with these lines of `resolv.conf`. */
async function open(t: TestContext, lines = "search example\noptions timeout:1 attempts:1") {
  const server = await NameServer.start(t);
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-dns-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const resolverFile = join(folder, "resolv.conf");
  writeFileSync(resolverFile, lines);
  const names = new NameLookup({ clock: systemClock, servers: [server.address], resolverFile });
  return { server, names };
}

const DNS = { kind: "dns", name: "orders.example", port: 7, refreshMs: 1 } as const;
const SRV = { kind: "srv", name: "_grpc._tcp.orders.example", refreshMs: 1 } as const;

async function placesOf(ask: AskSource): Promise<readonly string[]> {
  const { addresses, fault } = await ask();
  assert.equal(fault, undefined);
  assert.ok(addresses);
  return addresses.map(({ host, port, weight }) => `${host} ${port} ${weight}`).sort();
}

test("The A and AAAA records of a name are addresses, with the port of the source.", async (t) => {
  const { server, names } = await open(t);
  server.records.set("orders.example", { ttl: 0, addresses: ["10.0.0.1", "10.0.0.2", "2001:db8::1"] });
  const expected = ["10.0.0.1 7 undefined", "10.0.0.2 7 undefined", "2001:db8::1 7 undefined"];
  assert.deepEqual(await placesOf(askDns(DNS, names)), expected);
  assert.deepEqual(await placesOf(askDns({ ...DNS, name: "Orders" }, names)), expected, "over the search domain");
  assert.deepEqual(await placesOf(askDns({ ...DNS, name: "orders.example." }, names)), expected);
});

test("SRV records have hosts, ports and weights.", async (t) => {
  const { server, names } = await open(t);
  const servers = ["0 5 50051 A.orders.example", "0 0 50052 b.orders.example"];
  server.records.set(SRV.name, { ttl: 0, addresses: [], servers });
  const expected = ["a.orders.example 50051 5", "b.orders.example 50052 1"];
  assert.deepEqual(await placesOf(askDns(SRV, names)), expected);
  assert.deepEqual(await placesOf(askDns({ ...SRV, name: "_grpc._tcp.orders" }, names)), expected);
});

test("An answer of 1,000 addresses is read to its end, over TCP.", async (t) => {
  const { server, names } = await open(t);
  server.truncating = true;
  const addresses = Array.from({ length: 1_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  server.records.set("orders.example", { ttl: 0, addresses });
  assert.equal((await placesOf(askDns(DNS, names))).length, 1_000);
});

test("An answer of 500 servers is read to its end, over TCP.", async (t) => {
  const { server, names } = await open(t);
  server.truncating = true;
  const servers = Array.from({ length: 500 }, (_, at) => `0 1 ${at + 1} orders-${at}.orders.example`);
  server.records.set(SRV.name, { ttl: 0, addresses: [], servers });
  assert.equal((await placesOf(askDns(SRV, names))).length, 500);
});

describe("A name that has answered in one search domain is not asked for in another one", () => {
  const losses: Readonly<Record<string, (server: NameServer, name: string) => void>> = {
    "while it does not exist": ({ records }, name) => records.delete(name),
    "while its answer is empty": ({ records }, name) => records.set(name, { ttl: 0, addresses: [] }),
  };
  for (const [when, lose] of Object.entries(losses)) {
    test(`${when}: addresses`, async (t) => {
      const { server, names } = await open(t, "search a.example b.example");
      server.records.set("orders.a.example", { ttl: 0, addresses: ["10.0.0.1"] });
      server.records.set("orders.b.example", { ttl: 0, addresses: ["10.9.9.9"] });
      const ask = askDns({ ...DNS, name: "orders" }, names);
      assert.deepEqual(await placesOf(ask), ["10.0.0.1 7 undefined"]);
      lose(server, "orders.a.example");
      assert.match((await ask()).fault ?? "", /the name orders has no such record/);
      server.records.set("orders.a.example", { ttl: 0, addresses: ["10.0.0.2"] });
      assert.deepEqual(await placesOf(ask), ["10.0.0.2 7 undefined"]);
    });

    test(`${when}: servers`, async (t) => {
      const { server, names } = await open(t, "search a.example b.example");
      const servers = (host: string) => ({ ttl: 0, addresses: [], servers: [`0 1 7 ${host}`] });
      server.records.set("_grpc._tcp.orders.a.example", servers("a.example"));
      server.records.set("_grpc._tcp.orders.b.example", servers("b.example"));
      const ask = askDns({ ...SRV, name: "_grpc._tcp.orders" }, names);
      assert.deepEqual(await placesOf(ask), ["a.example 7 1"]);
      lose(server, "_grpc._tcp.orders.a.example");
      assert.match((await ask()).fault ?? "", /has no such record/);
    });
  }
});

describe("A fault has no addresses", () => {
  const kinds: Readonly<Record<string, readonly [(server: NameServer) => void, fault: RegExp]>> = {
    "a name that does not exist": [({ records }) => records.clear(), /the name .* has no such record/],
    "an answer without records": [
      ({ records }) =>
        records.set("orders.example", { ttl: 0, addresses: [] }).set(SRV.name, { ttl: 0, addresses: [] }),
      /has no such record/,
    ],
    SERVFAIL: [(server) => (server.failing = true), /no name server answers for /],
    "no answer in time": [(server) => (server.silent = true), /no name server answers for /],
    "a service that is not offered": [
      ({ records }) => records.clear() ?? records.set(SRV.name, { ttl: 0, addresses: [], servers: ["0 0 0 ."] }),
      /has no such record/,
    ],
    "a host that is no name": [
      ({ records }) => records.clear() ?? records.set(SRV.name, { ttl: 0, addresses: [], servers: ["0 0 1 a/b"] }),
      /an SRV record has the host "a\/b"|has no such record/,
    ],
  };
  for (const [what, [breakIt, fault]] of Object.entries(kinds))
    test(what, async (t) => {
      const { server, names } = await open(t);
      server.records.set("orders.example", { ttl: 0, addresses: ["10.0.0.1"] });
      server.records.set(SRV.name, { ttl: 0, addresses: [], servers: ["0 0 1 a"] });
      const asks = [askDns(DNS, names), askDns(SRV, names)];
      for (const ask of asks) assert.equal((await placesOf(ask)).length, 1);
      breakIt(server);
      for (const ask of asks) {
        const answer = await ask();
        assert.equal(answer.addresses, undefined);
        assert.match(answer.fault ?? "", fault);
      }
    });
});

for (const [family, kept, other] of [
  [6, "2001:db8::1", "10.0.0.2"],
  [4, "10.0.0.1", "2001:db8::2"],
] as const)
  test(`While no server answers for IPv${family}, its last addresses stay.`, async (t) => {
    const { server, names } = await open(t);
    const ask = askDns(DNS, names);
    server.records.set("orders.example", { ttl: 0, addresses: ["10.0.0.1", "2001:db8::1"] });
    await placesOf(ask);
    server.records.set("orders.example", { ttl: 0, addresses: [other] });
    server.silentFamily = family;
    assert.deepEqual(await placesOf(ask), [`${kept} 7 undefined`, `${other} 7 undefined`].sort());
  });

describe("A first answer without an answer for one family", () => {
  const BOTH = { ttl: 0, addresses: ["10.0.0.1", "2001:db8::1"] };
  for (const [family, there, missing] of [
    [6, "10.0.0.1", /for AAAA/],
    [4, "2001:db8::1", /for A;/],
  ] as const)
    test(`is used, but it is a fault until IPv${family} is answered`, async (t) => {
      const { server, names } = await open(t);
      server.records.set("orders.example", BOTH);
      server.silentFamily = family;
      const ask = askDns(DNS, names);
      const { addresses, fault } = await ask();
      assert.deepEqual(
        addresses?.map(({ host }) => host),
        [there],
      );
      assert.match(fault ?? "", missing);
      server.silentFamily = undefined;
      assert.equal((await placesOf(ask)).length, 2);
    });

  test("counts as whole after three: some name servers never answer for AAAA", async (t) => {
    const { server, names } = await open(t);
    server.records.set("orders.example", BOTH);
    server.silentFamily = 6;
    const ask = askDns(DNS, names);
    for (let count = 0; count < 3; count += 1) assert.notEqual((await ask()).fault, undefined);
    assert.deepEqual(await placesOf(ask), ["10.0.0.1 7 undefined"]);
  });

  test("is no fault after a whole one that has no address of this family", async (t) => {
    const { server, names } = await open(t);
    server.records.set("orders.example", { ttl: 0, addresses: ["10.0.0.1"] });
    const ask = askDns(DNS, names);
    await placesOf(ask);
    server.silentFamily = 6;
    assert.deepEqual(await placesOf(ask), ["10.0.0.1 7 undefined"]);
  });
});

test("An answer with thousands of long names is not read to its end.", () => {
  const name = `${"a.".repeat(126)}b`;
  const query = encodeQuery(1, { name, type: "A" });
  assert.ok(query);
  const record = Buffer.from("c00c00010001000000000004 0a000001".replace(" ", ""), "hex");
  const answerOf = (count: number) => {
    const answer = Buffer.concat([query, ...Array<Buffer>(count).fill(record)]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(count, 6);
    return decodeResponse(answer, query, { name, type: "A" });
  };
  assert.equal(answerOf(500)?.records.length, 500);
  assert.throws(() => answerOf(4_000), /the names of an answer are too long/);
});

for (const address of ["0.0.0.0", "::", "::ffff:0.0.0.0"])
  test(`An answer with ${address} is a fault: name servers give it for names that they block.`, async (t) => {
    const { server, names } = await open(t);
    server.records.set("orders.example", { ttl: 0, addresses: ["10.0.0.1", address] });
    const { addresses, fault } = await askDns(DNS, names)();
    assert.deepEqual([addresses, /which is the address of no host$/.test(String(fault))], [undefined, true]);
  });
