/** The cases of terminus' own tests (@godaddy/terminus): docs/library/migrate.md has a row for each. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { eventually, inTime } from "../support/eventually.js";
import { startProgram } from "../support/listening-program.js";
import { JSON_FORM, serveApplication } from "./application.js";

describe("an application that used terminus", () => {
  test("answers 200 when its check resolves, and 503 when it rejects, as text and as JSON [M1]", async (t) => {
    const { health, clock, get, ask } = await serveApplication(t);
    let fails = false;
    const options = { unhealthyThreshold: 1, healthyThreshold: 1 };
    health.check("db", async () => (fails ? Promise.reject(new Error("no database")) : undefined), options);
    await clock.advance(10_000);
    assert.equal(await ask("/healthcheck"), "200 OK");
    const up = await get("/healthcheck", JSON_FORM);
    assert.deepEqual(
      [up.status, up.headers.get("content-type"), JSON.parse(up.body).status],
      [200, "application/json", "pass"],
    );
    fails = true;
    await clock.advance(10_000);
    assert.equal(await ask("/healthcheck"), "503 NOT_SERVING");
    const down = await get("/healthcheck", JSON_FORM);
    assert.deepEqual([down.status, JSON.parse(down.body).status], [503, "fail"]);
  });

  test("shows each check with its reason; the text of an error goes to listeners, not to clients [M2]", async (t) => {
    const { health, clock, get, ask } = await serveApplication(t);
    const details: (string | undefined)[] = [];
    health.onTransition(({ subject, detail }) => subject === "check" && details.push(detail));
    const causes = [new Error("replica 1: secret-host refused"), new Error("replica 2: secret-host refused")];
    health.check("db", () => Promise.reject(new AggregateError(causes, "no replica at secret-host")));
    health.check("cache", () => ({ status: "up", entries: 5 }));
    await clock.advance(10_000);
    const { status, body } = await get("/readyz", JSON_FORM);
    assert.equal(status, 503);
    const checks: Readonly<Record<string, readonly { status: string; output?: string }[]>> = JSON.parse(body).checks;
    assert.deepEqual(
      Object.entries(checks).map(([name, [entry]]) => [name, entry?.status, entry?.output]),
      [
        ["db:responseTime", "fail", "error"],
        ["cache:responseTime", "pass", undefined],
      ],
    );
    assert.equal(await ask("/readyz?verbose"), "503 [-]db failed: error\n[+]cache ok\nreadyz check failed\n");
    assert.doesNotMatch(body + (await ask("/healthcheck", JSON_FORM)), /secret-host/);
    assert.ok(details.some((detail) => detail?.includes("no replica at secret-host")));
  });

  test("does not take the code or the body of an answer from an error [M3]", async (t) => {
    const { health, clock, get } = await serveApplication(t);
    const error = Object.assign(new Error("teapot"), { statusCode: 418, statusResponse: { teapot: true } });
    health.check("db", () => Promise.reject(error));
    await clock.advance(10_000);
    for (const init of [{}, JSON_FORM]) {
      const { status, body } = await get("/healthcheck", init);
      assert.equal(status, 503);
      assert.doesNotMatch(body, /teapot/);
    }
  });

  test("matches paths to the letter, and further paths as well [M4]", async (t) => {
    const { ask } = await serveApplication(t, { paths: ["/health"] });
    assert.equal(await ask("/health"), "200 OK");
    for (const path of ["/Health", "/HEALTH", "/HealthCheck", "/LIVEZ", "/healthy", "/health/"])
      assert.equal(await ask(path), `200 application ${path}`);
  });

  test("gets every other request untouched: other methods, bodies and queries too [M5]", async (t) => {
    const { server, ask } = await serveApplication(t);
    const seen: string[] = [];
    server.on("request", ({ method, url }) => seen.push(`${method} ${url}`));
    for (const [path, init] of [
      ["/", {}],
      ["/orders?path=/healthcheck", {}],
      ["/orders/healthcheck", {}],
      ["/orders", { method: "POST", body: "x".repeat(100_000) }],
      ["/orders", { method: "DELETE" }],
    ] as const)
      assert.equal(await ask(path, init), `200 application ${path}`);
    await ask("/healthcheck");
    assert.deepEqual(seen, [
      ...["GET /", "GET /orders?path=/healthcheck", "GET /orders/healthcheck"],
      ...["POST /orders", "DELETE /orders"],
    ]);
  });

  test("reports NOT_SERVING during a shutdown: there is no option against it [M7]", async (t) => {
    const { health, clock, ask } = await serveApplication(t);
    const ended = health.shutdown({ drainDelayMs: 5_000 });
    assert.equal(await ask("/healthcheck"), "503 NOT_SERVING");
    assert.equal(await ask("/livez"), "200 OK");
    assert.equal(await ask("/orders"), "200 application /orders");
    await clock.advance(20_000);
    await ended;
    assert.equal(await ask("/healthcheck"), "503 NOT_SERVING");
  });
});

describe("a process that used terminus", () => {
  async function start(t: TestContext, ...args: string[]) {
    const program = await startProgram(t, new URL("terminus-program.ts", import.meta.url), ...args);
    return { ...program, origin: `http://127.0.0.1:${program.port}` };
  }

  for (const [signal, end, expected] of [
    ["SIGTERM", "signal", [null, "SIGTERM"]],
    ["SIGINT", "exit-0", [0, null]],
    ["SIGUSR2", "signal", [null, "SIGUSR2"]],
  ] as const)
    test(`drains at ${signal}, closes, runs its hooks in order and ends: ${end} [M6]`, async (t) => {
      const { child, origin, output } = await start(t, end, "SIGTERM", "SIGINT", "SIGUSR2");
      const ended = once(child, "close");
      child.kill(signal);
      await eventually(() => output().includes("drain"), "the drain");
      const answer = await fetch(`${origin}/healthcheck`, { headers: { connection: "close" } });
      assert.equal(answer.status, 503);
      assert.deepEqual(await inTime(ended, "the process ends"), expected);
      assert.deepEqual(output().split("\n").slice(1, -1), [
        "drain while listening: true",
        "onSignal while listening: false",
        "onShutdown",
      ]);
    });
});
