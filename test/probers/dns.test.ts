import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";
import { NameServer } from "../support/name-server.js";
import { contextOf, probe, verdict } from "./probing.js";

test("a name with a record of the type passes, at the given server", async (t) => {
  const server = await NameServer.start(t);
  server.records.set("db.test", { ttl: 5, addresses: ["10.0.0.1"] });
  assert.equal(await verdict(openTarget(`dns://${server.address}/db.test`)), "pass");
  assert.equal(await verdict(openTarget(`dns://${server.address}/db.test?type=a`)), "pass");
  assert.equal(await verdict(openTarget(`dns://${server.address}/db.test?type=AAAA`)), "fail dns");
  assert.equal(await verdict(openTarget(`dns://${server.address}/gone.test`)), "fail dns");
});

test("a given server is checked itself: silence is a timeout, an error is an answer, no listener is refused", async (t) => {
  const server = await NameServer.start(t);
  const prober = openTarget(`dns://${server.address}/db.test`);
  server.failing = true;
  assert.equal(await verdict(prober), "fail answer");
  server.silent = true;
  const { outcome, reason } = await prober.probe(contextOf(300));
  assert.deepEqual([outcome, reason], ["fail", "timeout"]);
  assert.equal(await verdict(openTarget("dns://127.0.0.1:1/db.test")), "fail refused");
});

test("an invalid name, type or parameter is refused when the check is declared", () => {
  for (const [target, expected] of [
    ["dns:", /name is missing/],
    ["dns://127.0.0.1/", /name is missing/],
    ["dns:a.test?type=BOGUS", /unknown record type BOGUS; known: A, AAAA/],
    ["dns:a.test?typ=A", /unknown parameter "typ"/],
  ] as const)
    assert.throws(() => openTarget(target), expected, target);
});

test("expect.answers: every listed value must be among the answers, in any order", async (t) => {
  const server = await NameServer.start(t);
  server.records.set("db.test", { ttl: 5, addresses: ["10.0.0.1", "10.0.0.2", "2001:db8::1"] });
  const verdictOf = (type: string, answers: readonly string[]) =>
    verdict(openTarget(`dns://${server.address}/db.test?type=${type}`, undefined, { expect: { answers } }));
  assert.equal(await verdictOf("A", ["10.0.0.2"]), "pass");
  assert.equal(await verdictOf("A", ["10.0.0.2", "10.0.0.1"]), "pass");
  assert.equal(await verdictOf("A", ["10.0.0.2", "10.0.0.3"]), "fail answer");
  assert.equal(await verdictOf("AAAA", ["2001:DB8:0::1"]), "pass");
  for (const [type, answer] of [
    ["A", "2001:db8::1"],
    ["AAAA", "10.0.0.1"],
    ["MX", "mail.example.com"],
    ["SRV", "5060 sip.example.com"],
    ["CAA", "letsencrypt.org"],
  ] as const)
    assert.throws(
      () => openTarget(`dns:a.test?type=${type}`, undefined, { expect: { answers: [answer] } }),
      /must be values of records of type/,
    );
  assert.throws(() => openTarget("dns:a.test", undefined, { expect: { answers: [] } }), /must be a list of values/);
  assert.throws(
    () => openTarget("dns:a.test", undefined, { expect: { status: [200] } }),
    /expect\.status is not an expectation/,
  );
  assert.throws(
    () => openTarget("http://a.test", undefined, { expect: { answers: ["a"] } }),
    /expect\.answers is not an expectation/,
  );
});

/** Answers each query with one record of the type that is asked for. */
async function recordServer(t: TestContext, data: Buffer): Promise<string> {
  const socket = createSocket("udp4").on("message", (query, { port, address }) => {
    const head = Buffer.from([0xc0, 0x0c, 0, 0, 0, 1, 0, 0, 0, 5, data.length >> 8, data.length & 0xff]);
    query.copy(head, 2, query.length - 4, query.length - 2);
    const answer = Buffer.concat([query, head, data]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(1, 6);
    socket.send(answer, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

const name = (...labels: string[]) =>
  Buffer.concat([...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0])]);
const text = (bytes: string | Buffer) => Buffer.from([bytes.length, ...Buffer.from(bytes)]);
const split = Buffer.from("a\u00fcb");

for (const [type, data, answers] of [
  ["MX", Buffer.concat([Buffer.from([0, 10]), name("mail", "a", "test")]), ["10 mail.a.test", "10  MAIL.a.test."]],
  ["MX", Buffer.from([0, 0, 0]), ["0 ."]],
  ["MX", Buffer.concat([Buffer.from([0, 10]), name("xn--bcher-kva", "test")]), ["10 b\u00fccher.test"]],
  ["NS", name("ns", "a", "test"), ["ns.a.test."]],
  ["CNAME", name("xn--bcher-kva", "test"), ["b\u00fccher.test"]],
  ["SRV", Buffer.from([0, 1, 0, 2, 0, 80, 0]), ["1 2 80 ."]],
  ["TXT", Buffer.concat([text("v=spf1 "), text("-all")]), ["v=spf1 -all"]],
  ["TXT", Buffer.concat([text(split.subarray(0, 2)), text(split.subarray(2))]), ["a\u00fcb"]],
  ["CAA", Buffer.concat([Buffer.from([0, 5]), Buffer.from("issueca.test")]), ['0 issue "ca.test"']],
  [
    "NAPTR",
    Buffer.concat([Buffer.from([0, 1, 0, 2]), text("S"), text("SIP"), text("!^.*$!sip:x!"), name()]),
    ['1 2 "S" "SIP" "!^.*$!sip:x!" .'],
  ],
  [
    "SOA",
    Buffer.concat([
      name("ns", "a"),
      name("admin", "a"),
      Buffer.from([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
      Buffer.alloc(8),
    ]),
    ["ns.a admin.a 1 2 3 0 0"],
  ],
] as const)
  test(`expect.answers of ${type}: ${answers[0]}`, async (t) => {
    const address = await recordServer(t, data);
    for (const answer of answers) {
      const prober = openTarget(`dns://${address}/a.test?type=${type}`, undefined, { expect: { answers: [answer] } });
      const { outcome, detail } = await probe(prober);
      assert.equal(outcome, "pass", detail);
    }
  });
