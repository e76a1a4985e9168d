/** `udp`: only an answer of the target itself counts. */
import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { HealthError } from "../../src/core/health-error.js";
import type { DialogueStep, ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { eventually } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";
import { probe, start } from "./probing.js";

type OnDatagram = (datagram: Buffer, from: RemoteInfo, socket: Socket) => void;

async function udpServer(onDatagram: OnDatagram, address = "127.0.0.1"): Promise<Socket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (datagram, from) => onDatagram(datagram, from, socket));
  socket.bind(0, address);
  await once(socket, "listening");
  return socket;
}

const echo: OnDatagram = (datagram, { port, address }, socket) => void socket.send(datagram, port, address);

async function resultOf(
  onDatagram: OnDatagram,
  dialogue: readonly DialogueStep[],
  timeoutMs?: number,
): Promise<string> {
  const server = await udpServer(onDatagram);
  const prober = openTarget(`udp://127.0.0.1:${server.address().port}`, systemDeps(), { dialogue });
  const { outcome, reason, detail } = await probe(prober, timeoutMs);
  prober.close();
  server.close();
  return [outcome, reason, detail].filter((part) => part !== undefined).join(" | ");
}

const PING: readonly DialogueStep[] = [{ send: "ping", expect: "ping" }];

const reply =
  (...answers: readonly (string | Buffer)[]): OnDatagram =>
  (_, { port, address }, socket) => {
    for (const answer of answers) socket.send(answer, port, address);
  };

describe("protocols over UDP pass", () => {
  test("DNS: a query in hexadecimal", async () => {
    const nameServer = await NameServer.open();
    nameServer.records.set("a.test", { ttl: 5, addresses: ["192.0.2.7"] });
    const query = "abcd 0100 0001 0000 0000 0000 0161 0474657374 00 0001 0001";
    const dialogue = [{ send: { hex: query }, expect: { hex: "c0000207" } }];
    const prober = openTarget(`udp://${nameServer.address}`, systemDeps(), { dialogue });
    assert.equal((await probe(prober)).outcome, "pass");
    nameServer.close();
  });
  const ROWS: Readonly<Record<string, readonly [OnDatagram, readonly DialogueStep[]]>> = {
    "NTP: a client packet, an answer of a server": [
      reply(Buffer.concat([Buffer.from([0x24, 2]), Buffer.alloc(46)])),
      [{ send: { hex: `23${"00".repeat(47)}` }, expect: { matches: "^\\x24" } }],
    ],
    "memcached: version behind its frame header": [
      reply(Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1, 0, 0]), Buffer.from("VERSION 1.6\r\n")])),
      [{ send: { hex: "0001000000010000 76657273696f6e0d0a" }, expect: "VERSION " }],
    ],
    "SIP: OPTIONS": [
      reply("SIP/2.0 200 OK\r\n\r\n"),
      [{ send: "OPTIONS sip:x SIP/2.0\r\n\r\n", expect: { matches: "^SIP/2\\.0 200 " } }],
    ],
    "STUN: a binding request": [
      reply(Buffer.from(`0101000c2112a442${"07".repeat(12)}00200008000111111111aaaa`, "hex")),
      [{ send: { hex: `000100002112a442${"07".repeat(12)}` }, expect: { hex: `0101000c2112a442${"07".repeat(12)}` } }],
    ],
    "several steps": [echo, [...PING, { send: "second", expect: { matches: "^sec" } }, { send: "bye" }]],
    "other datagrams before the answer, and empty ones": [reply("", "noise", "", "ping"), PING],
  };
  for (const [name, [server, dialogue]] of Object.entries(ROWS))
    test(name, async () => assert.equal(await resultOf(server, dialogue), "pass"));
});

describe("failures", () => {
  test("refused: no program listens, at once", async () => {
    const server = await udpServer(() => {});
    const { port } = server.address();
    server.close();
    for (const host of ["127.0.0.1", "localhost"]) {
      const prober = openTarget(`udp://${host}:${port}`, systemDeps(), { dialogue: PING });
      assert.equal((await probe(prober)).reason, "refused", host);
    }
  });
  test("timeout: silence", async () => {
    const expected = 'fail | timeout | step 1: expected text "ping", got nothing';
    assert.equal(await resultOf(() => {}, PING, 300), expected);
  });
  for (const [code, outcome] of [
    ["80", "pass"],
    ["83", "fail"],
    ["85", "fail"],
  ] as const)
    test(`the response code of DNS is one byte for a pattern after bytes: ${code} is a ${outcome}`, async () => {
      // read as UTF-8, cd 85 would be one character
      const answer = Buffer.from(`abcd85${code}0001000000000000`, "hex");
      const dialogue = [{ send: { hex: "abcd" }, expect: { matches: "^(?s)...[\\x80\\x00]" } }];
      assert.equal(
        (await resultOf(reply(answer), dialogue, outcome === "fail" ? 200 : undefined)).slice(0, 4),
        outcome,
      );
    });
  test("answer: other datagrams only", async () => {
    assert.equal(
      await resultOf(reply("first", "SERVFAIL"), PING, 300),
      'fail | answer | step 1: expected text "ping", got "SERVFAIL"',
    );
  });
  test("answer: more than 64 KiB without it, in large datagrams or in empty ones", async () => {
    const flood = reply(...Array.from({ length: 70 }, () => "x".repeat(1_000)));
    assert.match(await resultOf(flood, PING), /^fail \| answer/);
    const many: OnDatagram = (_, { port, address }, socket) => {
      let left = 3_000;
      socket.once("close", () => {
        left = 0;
      });
      const more = () => {
        for (let count = 0; count < 20 && left > 0; count += 1, left -= 1) socket.send("", port, address, () => {});
        if (left > 0) setTimeout(more, 1);
      };
      more();
    };
    assert.match(await resultOf(many, PING), /^fail \| answer/);
  });
  test("an answer of another address is none", async () => {
    const other = await udpServer(() => {});
    const result = await resultOf((_, { port, address }) => void other.send("ping", port, address), PING, 400);
    assert.match(result, /^fail \| timeout/);
    other.close();
  });
  test("an address that the system cannot send to is a result, and does not end the process", async (t) => {
    const nameServer = await NameServer.start(t);
    const resolver = new NameResolver({ clock: systemClock, servers: [nameServer.address] });
    const server = await udpServer(echo);
    t.after(() => server.close());
    const { port } = server.address();
    // connect(2) fails for a broadcast address with EACCES, which is a fault of this machine, and for one with a missing scope
    nameServer.records.set("two.test", { ttl: 5, addresses: ["255.255.255.255", "127.0.0.1"] });
    const open = (host: string) =>
      openTarget(`udp://${host}:${port}`, { ...systemDeps(), resolver }, { dialogue: PING });
    await assert.rejects(probe(open("255.255.255.255")), { name: "ProberError", reason: "prober" });
    assert.equal((await probe(open("[ff02::1]"))).outcome, "fail");
    assert.equal((await probe(open("two.test"))).outcome, "pass", "the next address is tried");
  });
  test("a name that does not exist", async () => {
    const prober = openTarget("udp://does-not-exist.invalid:53", systemDeps(), { dialogue: PING });
    assert.equal((await probe(prober)).reason, "dns");
  });
});

test("every address of a name is tried: refused at once, silent after its share of the time", async (t) => {
  const nameServer = await NameServer.start(t);
  nameServer.records.set("two.test", { ttl: 5, addresses: ["127.0.0.3", "127.0.0.1"] });
  const server = await udpServer(echo);
  t.after(() => server.close());
  const { port } = server.address();
  const resolver = new NameResolver({ clock: systemClock, servers: [nameServer.address] });
  const prober = openTarget(`udp://two.test:${port}`, { ...systemDeps(), resolver }, { dialogue: PING });
  assert.equal((await probe(prober, 4_000)).outcome, "pass");
  const silent = createSocket("udp4");
  silent.bind(port, "127.0.0.3");
  await once(silent, "listening");
  t.after(() => silent.close());
  assert.equal((await probe(prober, 2_000)).outcome, "pass");
});

describe("an address that this machine cannot send to ends the probe, and not the process", () => {
  const ROWS: Readonly<Record<string, string>> = {
    "255.255.255.255": "ProberError: connect EACCES", // the option for broadcasts is missing
    "[fe80::1%25nope]": "fail", // no such zone
    "[ff02::1%25nope]": "fail",
    "0.0.0.1": "fail",
  };
  for (const [host, expected] of Object.entries(ROWS))
    test(host, async () => {
      const resolver = new NameResolver({ clock: systemClock, allowLinkLocal: true });
      const prober = openTarget(`udp://${host}:9`, { ...systemDeps(), resolver }, { dialogue: PING });
      const result = await probe(prober, 500).then(({ outcome }) => outcome, String);
      assert.ok(result.startsWith(expected), result);
    });
});

test("forbidden addresses are not probed: as an address in any form, and as the address of a name", async (t) => {
  for (const host of ["169.254.169.254", "0xa9fea9fe", "[fe80::1]", "[::ffff:169.254.169.254]"])
    assert.throws(() => openTarget(`udp://${host}:53`, systemDeps(), { dialogue: PING }), /link-local/, host);
  const nameServer = await NameServer.start(t);
  nameServer.records.set("meta.test", { ttl: 5, addresses: ["169.254.169.254"] });
  const resolver = new NameResolver({ clock: systemClock, servers: [nameServer.address] });
  const prober = openTarget("udp://meta.test:53", { ...systemDeps(), resolver }, { dialogue: PING });
  assert.equal((await probe(prober)).reason, "forbidden");
});

test("a probe that ends leaves no socket, cancelled or not", async () => {
  const server = await udpServer(() => {});
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("UDP")).length;
  const prober = openTarget(`udp://127.0.0.1:${server.address().port}`, systemDeps(), { dialogue: PING });
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(50)]) {
    assert.equal((await start(prober, signal, 60_000)).reason, "timeout");
    await eventually(() => sockets() === 1, "the server's socket alone is open");
  }
  server.close();
});

test("a dialogue that proves nothing is refused when the check is declared", () => {
  const refused: readonly (readonly [ProberOptions, RegExp])[] = [
    [{}, /dialogue is missing, and without an answer UDP proves nothing; a target of udp:\/\/ needs/],
    [{ dialogue: [{ send: "x" }] }, /dialogue has no expect/],
    [{ dialogue: [{ expect: "x" }] }, /dialogue\[0\]\.send is missing/],
    [{ dialogue: [{ startTls: "ldap" }] }, /must not have startTls with/],
  ];
  for (const [options, expected] of refused)
    assert.throws(
      () => openTarget("udp://h:53", systemDeps(), options),
      (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && expected.test(error.message),
    );
});

test("an IPv4 address that becomes known after an IPv6 address without an answer is tried", async (t) => {
  const server = await udpServer(echo);
  t.after(() => server.close());
  const names = await NameServer.start(t);
  names.records.set("a.test", { ttl: 5, addresses: ["::1", "127.0.0.1"] });
  names.delayOfA = 300;
  const resolver = new NameResolver({ clock: systemClock, servers: [names.address] });
  const deps = { ...systemDeps(), resolver };
  const prober = openTarget(`udp://a.test:${server.address().port}`, deps, { dialogue: PING });
  t.after(() => prober.close());
  const { outcome, detail } = await probe(prober, 2_000);
  assert.equal(outcome, "pass", detail);
});

test("an answer that needs most of the timeout passes while one family is not resolved", async (t) => {
  const late: OnDatagram = (datagram, { port, address }, socket) =>
    void setTimeout(() => socket.send(datagram, port, address), 1_200);
  const server = await udpServer(late);
  t.after(() => server.close());
  const names = await NameServer.start(t);
  names.records.set("a.test", { ttl: 5, addresses: ["127.0.0.1"] });
  names.silentFamily = 6;
  const resolver = new NameResolver({ clock: systemClock, servers: [names.address] });
  const prober = openTarget(`udp://a.test:${server.address().port}`, { ...systemDeps(), resolver }, { dialogue: PING });
  t.after(() => prober.close());
  assert.equal((await probe(prober, 2_000)).outcome, "pass");
});
