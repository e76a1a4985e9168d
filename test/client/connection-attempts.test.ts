/** Targets with several addresses. The test of black holes needs a network of its own: test/faults/network.test.ts. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { ProberError } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { FAKE_SERVERS } from "../probers/fake-servers.js";
import { probe, verdict } from "../probers/probing.js";
import { Target } from "../probers/targets.js";
import { eventually, pause } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";
import { startStopwatch } from "../support/stopwatch.js";

const SCHEMES = ["tcp", "http", "redis", "grpc", "amqp", "postgres", "mysql", "flower+http"] as const;

async function site(t: TestContext) {
  const names = await NameServer.start(t);
  const resolver = new NameResolver({ clock: systemClock, servers: [names.address], maxAttempts: 1 });
  return { names, deps: { ...systemDeps(), resolver } };
}

async function serve(t: TestContext, scheme: (typeof SCHEMES)[number], host = "127.0.0.1") {
  const answer = scheme === "tcp" ? () => {} : FAKE_SERVERS[scheme];
  const target = await Target.start(
    createServer((socket) =>
      answer(
        socket.on("error", () => {}),
        () => true,
      ),
    ),
    host,
  );
  t.after(() => target.stop());
  return target;
}

for (const scheme of SCHEMES) {
  test(`${scheme}: the third address is used when the first two refuse`, async (t) => {
    const { names, deps } = await site(t);
    const target = await serve(t, scheme);
    names.records.set("three.test", { ttl: 5, addresses: ["127.0.0.8", "127.0.0.9", "127.0.0.1"] });
    const prober = openTarget(`${scheme}://three.test:${target.port}`, deps);
    assert.equal(await verdict(prober), "pass");
    prober.close();
  });

  test(`${scheme}: a deadline that DNS has used up says nothing about the target`, async (t) => {
    const { names, deps } = await site(t);
    names.silent = true;
    const prober = openTarget(`${scheme}://slow.test:1`, deps);
    await assert.rejects(probe(prober, 300), (error) => error instanceof ProberError && error.reason === "dns");
    prober.close();
  });

  test(`${scheme}: addresses that all refuse are a refusal, also while IPv6 is not answered`, async (t) => {
    const { names, deps } = await site(t);
    names.records.set("none.test", { ttl: 5, addresses: ["127.0.0.8", "127.0.0.9"] });
    const prober = openTarget(`${scheme}://none.test:1`, deps);
    assert.equal(await verdict(prober), "fail refused");
    names.silentFamily = 6;
    names.records.set("half.test", { ttl: 5, addresses: ["127.0.0.8"] });
    const half = openTarget(`${scheme}://half.test:1`, deps);
    assert.equal(await verdict(half, 500), "fail refused");
    prober.close();
    half.close();
  });

  test(`${scheme}: when a name moves, a kept connection is replaced although the old address still answers`, async (t) => {
    if (scheme === "tcp") return; // it keeps none
    const { names, deps } = await site(t);
    const target = await serve(t, scheme, "0.0.0.0");
    const at = (address: string) => [...target.connections].filter((each) => each.localAddress === address).length;
    names.records.set("moving.test", { ttl: 0, addresses: ["127.0.0.2"] });
    const prober = openTarget(`${scheme}://moving.test:${target.port}`, deps);
    assert.equal(await verdict(prober), "pass");
    assert.deepEqual([at("127.0.0.2"), at("127.0.0.3")], [1, 0]);
    names.records.set("moving.test", { ttl: 0, addresses: ["127.0.0.3"] });
    await eventually(async () => {
      await pause(200);
      assert.equal(await verdict(prober), "pass");
      return at("127.0.0.3") > 0;
    }, "the new address is used");
    assert.equal(at("127.0.0.3"), 1);
    names.silent = true;
    const stop = startStopwatch();
    assert.equal(await verdict(prober), "pass");
    assert.ok(stop() < 2_000, "it does not wait for DNS");
    prober.close();
  });
}
