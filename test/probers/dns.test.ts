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
