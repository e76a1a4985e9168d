/**
 * The cases of other implementations' tests of the health service that cannot be run against ours, made again. The numbers are
 * the rows of docs/peer-cases.md, which gives their sources, and where healthbridge answers otherwise on purpose.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ENGINE_NAMES } from "../../src/core/engine-name.js";
import { HEALTH_SERVICE, Health, HealthTypeError } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { GrpcPeer, quiet } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";
import { application, served } from "./served.js";

const [UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN] = [0, 1, 2, 3];
const [INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE] = [3, 5, 8, 12, 14];

for (const engine of ENGINE_NAMES)
  describe(`cases of peers, engine ${engine}`, () => {
    test("after a drain each service has its own status again, and obeys [G2, G3]", async (t) => {
      const { health, peer } = await served(t, engine);
      health.set("a", "SERVING");
      health.set("b", "NOT_SERVING");
      health.drain();
      assert.equal((await peer.check("a")).status, NOT_SERVING);
      health.resume();
      assert.deepEqual([(await peer.check("a")).status, (await peer.check("b")).status], [SERVING, NOT_SERVING]);
      health.set("b", "SERVING");
      assert.equal((await peer.check("b")).status, SERVING);
    });

    test("List has the server as a whole and each service, also one that is UNKNOWN [G4]", async (t) => {
      const { health, peer } = await served(t, engine);
      health.set("a", "SERVING");
      health.set("b", "NOT_SERVING");
      health.set("c", "UNKNOWN");
      const expected = { "": SERVING, a: SERVING, b: NOT_SERVING, c: UNKNOWN };
      assert.deepEqual(Object.fromEntries((await peer.list()).statuses), expected);
    });

    test("the server as a whole does not count for the limit of a List [G5]", async (t) => {
      const { health, peer } = await served(t, engine, { listLimit: 100 });
      for (let at = 1; at <= 100; at += 1) health.set(`s${at}`, "SERVING");
      assert.equal((await peer.list()).statuses.size, 101);
      health.set("s101", "SERVING");
      assert.equal((await peer.list()).code, RESOURCE_EXHAUSTED);
    });

    test("in a drain, set and clear change nothing that clients see, and a Watch gets NOT_SERVING once [J1, J2, D8]", async (t) => {
      const { health, peer } = await served(t, engine);
      for (const name of ["a", "b"]) health.set(name, "SERVING");
      const [watch, cleared] = [peer.watch("a"), peer.watch("b")];
      await Promise.all([watch.saw(SERVING), cleared.saw(SERVING)]);
      health.drain();
      health.set("a", "SERVING");
      assert.equal(health.clear("b"), false);
      assert.deepEqual([(await peer.check("a")).status, (await peer.check("b")).status], [NOT_SERVING, NOT_SERVING]);
      const late = peer.watch("a");
      await late.saw(NOT_SERVING);
      await quiet(peer);
      assert.deepEqual(
        [watch.statuses, cleared.statuses],
        [
          [SERVING, NOT_SERVING],
          [SERVING, NOT_SERVING],
        ],
      );
      assert.deepEqual([watch.end, late.end], [undefined, undefined]);
    });

    test("the count of watchers follows each Watch that ends [J4]", async (t) => {
      const { health, peer } = await served(t, engine);
      const watches = [peer.watch("a"), peer.watch("a")];
      await eventually(() => health.watcherCount === 2, "two watchers");
      for (const [at, watch] of watches.entries()) {
        watch.cancel();
        await eventually(() => health.watcherCount === 1 - at, `${1 - at} watchers`);
      }
    });

    test("the server as a whole is SERVING before anything is set, to Check and to Watch [J5, D1]", async (t) => {
      const { peer } = await served(t, engine);
      assert.equal((await peer.check("")).status, SERVING);
      await peer.watch("").saw(SERVING);
    });

    test("a drain makes each service NOT_SERVING, and no other known [CPP2, CPP5]", async (t) => {
      const { health, peer } = await served(t, engine);
      for (const name of ["a", "b"]) health.set(name, "SERVING");
      const watch = peer.watch("a");
      await watch.saw(SERVING);
      health.drain();
      await watch.saw(SERVING, NOT_SERVING);
      for (const name of ["", "a", "b"]) assert.equal((await peer.check(name)).status, NOT_SERVING);
      assert.equal((await peer.check("c")).code, NOT_FOUND);
      health.set("a", "SERVING");
      health.set("new", "SERVING");
      assert.equal((await peer.check("a")).status, NOT_SERVING);
      assert.equal((await peer.check("new")).status, NOT_SERVING);
      assert.equal((await peer.check("c")).code, NOT_FOUND);
    });

    test("Watch of a service that is set later has each status [CPP3]", async (t) => {
      const { health, peer } = await served(t, engine);
      const watch = peer.watch("a");
      await watch.saw(SERVICE_UNKNOWN);
      health.set("a", "NOT_SERVING");
      await watch.saw(SERVICE_UNKNOWN, NOT_SERVING);
      health.set("a", "SERVING");
      await watch.saw(SERVICE_UNKNOWN, NOT_SERVING, SERVING);
    });

    test("a name of 201 bytes is refused by Check and by Watch, and one of 200 is not [CPP4]", async (t) => {
      const { peer } = await served(t, engine);
      const [short, long] = ["x".repeat(200), "x".repeat(201)];
      assert.deepEqual([(await peer.check(short)).code, (await peer.check(long)).code], [NOT_FOUND, INVALID_ARGUMENT]);
      assert.equal((await peer.watch(long).ended()).code, INVALID_ARGUMENT);
      await peer.watch(short).saw(SERVICE_UNKNOWN);
    });

    test("an unknown service: Check says NOT_FOUND, and a Watch stays open [T1]", async (t) => {
      const { peer } = await served(t, engine);
      assert.equal((await peer.check("a")).code, NOT_FOUND);
      const watch = peer.watch("a");
      await watch.saw(SERVICE_UNKNOWN);
      await quiet(peer);
      assert.equal(watch.end, undefined);
    });

    test("a service that is cleared is unknown to its Watch, which stays open [T2, Q2]", async (t) => {
      const { health, peer } = await served(t, engine);
      health.set("a", "SERVING");
      const watch = peer.watch("a");
      await watch.saw(SERVING);
      assert.equal(health.clear("a"), true);
      await watch.saw(SERVING, SERVICE_UNKNOWN);
      assert.equal((await peer.check("a")).code, NOT_FOUND);
      health.set("a", "NOT_SERVING");
      await watch.saw(SERVING, SERVICE_UNKNOWN, NOT_SERVING);
    });

    test("the server as a whole stays known when it is cleared, and so do the others [D2]", async (t) => {
      const { health, peer } = await served(t, engine);
      health.set("", "NOT_SERVING");
      health.set("a", "NOT_SERVING");
      health.clear("");
      assert.deepEqual([(await peer.check("")).status, (await peer.check("a")).status], [SERVING, NOT_SERVING]);
    });

    test("a Watch whose client does not read gets the last status, and few before it [D4]", async (t) => {
      const health = new Health();
      const server = await health.listen(["127.0.0.1:0"], { engine });
      const peer = new GrpcPeer(portOf(server), { settings: { initialWindowSize: 0 } });
      t.after(async () => {
        peer.close();
        await health.shutdown({ drainDelayMs: 0 });
      });
      const watch = peer.watch("a");
      await eventually(() => health.watcherCount === 1, "the Watch is open");
      for (let at = 0; at < 10; at += 1) {
        health.set("a", at % 2 === 0 ? "SERVING" : "NOT_SERVING");
        await peer.check("b");
      }
      health.set("a", "UNKNOWN");
      peer.session.settings({ initialWindowSize: 65_535 });
      await eventually(() => watch.statuses.at(-1) === UNKNOWN, `the last status (saw ${watch.statuses})`);
      assert.ok(watch.statuses.length <= 3, `${watch.statuses}`);
    });

    test("a service over checks: passing and degraded are SERVING, failing is NOT_SERVING, none is unknown [D5]", async (t) => {
      const { health, peer } = await served(t, engine);
      const results = { fine: true, degraded: { status: "degraded" }, unhealthy: false };
      for (const [name, result] of Object.entries(results))
        health.check(name, () => result, { services: [`of-${name}`] });
      const decided = () => !Object.keys(results).some((name) => health.status(`of-${name}`) === "UNKNOWN");
      await eventually(decided, "each check has a result");
      const statuses = await Promise.all(
        Object.keys(results).map(async (name) => (await peer.check(`of-${name}`)).status),
      );
      assert.deepEqual(statuses, [SERVING, SERVING, NOT_SERVING]);
      assert.equal((await peer.check("of-none")).code, NOT_FOUND);
    });
  });

describe("cases of peers, a grpc-js server of an application", () => {
  test("without health, Check and Watch are UNIMPLEMENTED [CPP1]", async (t) => {
    const { peer } = await application(t, false);
    assert.equal((await peer.check("")).code, UNIMPLEMENTED);
    assert.equal((await peer.watch("").ended()).code, UNIMPLEMENTED);
  });

  test("after a shutdown everything is NOT_SERVING for good, and each Watch ends [J1, J2, D7]", async (t) => {
    const { health, peer } = await application(t, true);
    health.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    await health.shutdown({ drainDelayMs: 0 });
    assert.equal((await watch.ended()).code, UNAVAILABLE);
    assert.deepEqual(watch.statuses, [SERVING, NOT_SERVING]);
    assert.equal(health.set("a", "SERVING"), false);
    assert.equal(health.clear("a"), false);
    assert.equal((await peer.check("a")).status, NOT_SERVING);
    const late = peer.watch("a");
    assert.equal((await late.ended()).code, UNAVAILABLE);
    assert.deepEqual(late.statuses, [NOT_SERVING]);
  });
});

describe("cases of peers, in the process", () => {
  test("a caller's mistake is refused with the name of what is wrong, and stores nothing [D3]", () => {
    const health = new Health();
    const refused = (call: () => unknown, message: RegExp) =>
      assert.throws(call, (error) => error instanceof HealthTypeError && message.test(error.message));
    for (const wrong of [null, undefined, 1, {}]) {
      refused(() => Reflect.apply(health.set, health, [wrong, "SERVING"]), /service/);
      refused(() => Reflect.apply(health.clear, health, [wrong]), /service/);
      refused(() => Reflect.apply(health.set, health, ["a", wrong]), /status/);
    }
    assert.deepEqual([...health.list().keys()].includes("a"), false);
  });

  test("the name of the gRPC service is a constant [P5]", () => {
    assert.equal(HEALTH_SERVICE, "grpc.health.v1.Health");
  });
});
