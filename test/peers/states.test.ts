/** Cases of cloud-health and @nestjs/terminus about states: docs/library/migrate.md has a row for each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.js";
import { settle } from "../support/virtual-clock.js";
import { JSON_FORM, prepareShutdown, serveApplication } from "./application.js";

const ONCE = { unhealthyThreshold: 1, healthyThreshold: 1 } as const;

describe("an application that used cloud-health", () => {
  for (const [outcome, ready, start] of [
    ["pending", "503 NOT_SERVING", "starting"],
    ["resolved", "200 OK", undefined],
    ["rejected", "503 NOT_SERVING", "start-failed"],
  ] as const)
    test(`is alive while a task of its start is ${outcome}, and ready only when it has resolved [Y1]`, async (t) => {
      const { health, ask } = await serveApplication(t, { startsReady: false });
      health.waitFor(
        outcome === "pending"
          ? new Promise(() => {})
          : outcome === "resolved"
            ? Promise.resolve()
            : Promise.reject(new Error("no")),
      );
      health.started();
      await settle();
      assert.deepEqual([await ask("/readyz"), await ask("/startupz")], [ready, ready]);
      assert.equal(await ask("/livez"), "200 OK");
      const line = start === undefined ? "" : `[-]start failed: ${start}\n`;
      assert.equal(
        (await ask("/readyz?verbose")).slice(4),
        `${line}readyz check ${line === "" ? "passed" : "failed"}\n`,
      );
    });

  test("is not ready when one of its checks rejects, and says which one and why [Y2]", async (t) => {
    const { health, clock, get, ask } = await serveApplication(t);
    const texts: (string | undefined)[] = [];
    health.onTransition(({ name, detail }) => name === "two" && texts.push(detail));
    health.check("one", () => Promise.resolve());
    health.check("two", () => Promise.reject(new Error("no connection")));
    await clock.advance(10_000);
    assert.equal(await ask("/readyz?verbose"), "503 [+]one ok\n[-]two failed: error\nreadyz check failed\n");
    const [entry] = JSON.parse((await get("/readyz", JSON_FORM)).body).checks["two:responseTime"];
    assert.deepEqual([entry.status, entry.output], ["fail", "error"]);
    assert.ok(texts.includes("no connection"), "the reason of the application is for its listeners");
    assert.equal(await ask("/livez"), "200 OK");
  });

  test("says that it stops, and then serves no more [Y3]", async (t) => {
    const { health, server, get, ask } = await serveApplication(t, { clock: systemClock });
    const { shutdown } = prepareShutdown({ health, servers: [server], drainDelayMs: 500 });
    const ended = shutdown.shutdown();
    assert.equal(await ask("/readyz?verbose"), "503 [-]shutdown failed: draining\nreadyz check failed\n");
    assert.equal((await get("/readyz")).headers.get("x-envoy-immediate-health-check-fail"), "true");
    assert.equal(health.draining, true);
    await ended;
    await assert.rejects(get("/readyz"));
    assert.deepEqual([health.status(""), health.status("liveness")], ["NOT_SERVING", "SERVING"]);
  });
});

describe("an application that used @nestjs/terminus", () => {
  test("is SERVING when all indicators are up, and NOT_SERVING when one is down or throws [S1]", async (t) => {
    const { health, clock, get, ask } = await serveApplication(t);
    let second: () => unknown = () => ({ status: "up" });
    health.check("first", () => ({ status: "up" }), ONCE);
    health.check("second", async () => second(), ONCE);
    for (const [next, code, status] of [
      [() => ({ status: "up" }), 200, "pass"],
      [() => ({ status: "down", message: "slow" }), 503, "fail"],
      [
        () => {
          throw new TypeError("no health error");
        },
        503,
        "fail",
      ],
    ] as const) {
      second = next;
      await clock.advance(10_000);
      const { status: answered, body } = await get("/readyz", JSON_FORM);
      const { checks, ...whole } = JSON.parse(body);
      assert.deepEqual([answered, whole.status], [code, status]);
      assert.deepEqual(Object.keys(checks), ["first:responseTime", "second:responseTime"]);
      assert.equal((await ask("/healthcheck")).slice(0, 3), String(code));
    }
  });

  test("is NOT_SERVING from the beginning of its shutdown on, before any wait [S5]", async (t) => {
    const { health, server, get, ask } = await serveApplication(t, { clock: systemClock });
    const hooks: string[] = [];
    const onEnd = () => void hooks.push("closed");
    const { shutdown } = prepareShutdown({ health, servers: [server], hooks: [onEnd], drainDelayMs: 800 });
    const ended = shutdown.shutdown();
    assert.equal(health.status(""), "NOT_SERVING", "in the same turn");
    assert.equal(await ask("/readyz"), "503 NOT_SERVING");
    const { status } = JSON.parse((await get("/readyz", JSON_FORM)).body);
    assert.deepEqual([status, hooks], ["fail", []]);
    assert.equal(await ask("/orders"), "200 application /orders");
    await ended;
    assert.deepEqual(hooks, ["closed"]);
  });

  test("stays SERVING with a degraded indicator, and says so [S6]", async (t) => {
    const { health, clock, get, ask } = await serveApplication(t);
    health.check("first", () => ({ status: "degraded", message: "slow replica" }));
    await clock.advance(10_000);
    const { status, body, headers } = await get("/readyz", JSON_FORM);
    assert.deepEqual([status, JSON.parse(body).status, headers.get("x-envoy-degraded")], [200, "warn", "true"]);
    assert.equal(await ask("/readyz?verbose"), "200 [+]first ok (warning: result)\nreadyz check passed\n");
    assert.equal(await ask("/healthcheck"), "200 OK");
  });
});
