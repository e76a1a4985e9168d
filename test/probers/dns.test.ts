import assert from "node:assert/strict";
import { test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";
import { NameServer } from "../support/name-server.js";
import { verdict } from "./probing.js";

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
  const { outcome, reason } = await prober.probe({ signal: AbortSignal.timeout(300), timeoutMs: 300 });
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
