/** The cases of the tests of @fastify/under-pressure: docs/library/migrate.md has a row for each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPressureCheck } from "../../src/probers/pressure-check.js";
import { JSON_FORM, serveApplication } from "./application.js";

const MB = 2 ** 20;

describe("an application that used under-pressure", () => {
  test("is NOT_SERVING above each limit, and goes on to serve its own routes [U1]", async (t) => {
    const { health, clock, get, ask } = await serveApplication(t);
    const load = { heapUsed: 0, rss: 0, busyMs: 0 };
    const meter = { clock, memory: () => load, busyMs: () => load.busyMs };
    const once = { unhealthyThreshold: 1, healthyThreshold: 1 };
    health.check("delay", createPressureCheck({ maxEventLoopDelay: "1s" }, meter), once);
    health.check("busy", createPressureCheck({ maxEventLoopUtilization: 0.98 }, meter), once);
    health.check("heap", createPressureCheck({ maxHeapUsedBytes: 60 * MB }, meter), once);
    health.check("memory", createPressureCheck({ maxRssBytes: 200 * MB }, meter), once);
    const next = async ({ busyShare = 0, blockMs = 0, heapUsed = 50 * MB, rss = 100 * MB } = {}) => {
      Object.assign(load, { heapUsed, rss, busyMs: load.busyMs + busyShare * 10_000 });
      clock.stall(blockMs);
      await clock.advance(10_000 - blockMs);
    };
    await next();
    await next();
    assert.equal(await ask("/healthcheck"), "200 OK");
    for (const [name, pressure] of [
      ["heap", { heapUsed: 70 * MB }],
      ["memory", { rss: 250 * MB }],
      ["busy", { busyShare: 0.99 }],
      ["delay", { blockMs: 1_500 }],
    ] as const) {
      await next(pressure);
      assert.equal(await ask(`/healthcheck/${name}`), "503 NOT_SERVING");
      const { status, headers } = await get("/healthcheck");
      assert.deepEqual([status, headers.get("retry-after")], [503, null], name);
      assert.equal(await ask("/orders"), "200 application /orders");
      await next();
      assert.equal(await ask("/healthcheck"), "200 OK", name);
    }
  });

  test("is NOT_SERVING while its health check returns false or throws [U2]", async (t) => {
    const { health, clock, ask } = await serveApplication(t);
    let check: () => unknown = () => true;
    health.check("own", async () => check(), { unhealthyThreshold: 1, healthyThreshold: 1 });
    for (const [next, answer] of [
      [() => true, "200 OK"],
      [() => false, "503 NOT_SERVING"],
      [() => ({ some: "value" }), "200 OK"],
      [
        () => {
          throw new Error("no");
        },
        "503 NOT_SERVING",
      ],
      [() => Promise.reject(new Error("no")), "503 NOT_SERVING"],
      [() => undefined, "200 OK"],
    ] as const) {
      check = next;
      await clock.advance(10_000);
      assert.equal(await ask("/healthcheck"), answer);
    }
  });

  test("is not ready, nor started, before its health check has run; the first result decides [U3]", async (t) => {
    const { health, clock, ask } = await serveApplication(t);
    let finish: (value: boolean) => void = () => {};
    const result = new Promise<boolean>((resolve) => {
      finish = resolve;
    });
    health.check("own", () => result, { interval: "10s", timeout: "5s" });
    await clock.advance(2_000);
    assert.deepEqual(
      [await ask("/startupz"), await ask("/readyz"), await ask("/livez")],
      [...["503 UNKNOWN", "503 UNKNOWN", "200 OK"]],
    );
    finish(true);
    await clock.advance(1);
    assert.deepEqual([await ask("/startupz"), await ask("/readyz")], ["200 OK", "200 OK"]);
  });

  test("has its status route by `paths`, as text and as JSON [U4]", async (t) => {
    const { health, get, ask } = await serveApplication(t, { paths: ["/status"] });
    assert.equal(await ask("/status"), "200 OK");
    assert.equal(JSON.parse((await get("/status", JSON_FORM)).body).status, "pass");
    health.set("", "NOT_SERVING");
    assert.equal(await ask("/status"), "503 NOT_SERVING");
    assert.equal(await ask("/status/other"), "200 application /status/other");
  });
});
