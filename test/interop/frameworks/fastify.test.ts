/** The plugin for Fastify, registered on real applications. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { healthbridge } from "../../../src/fastify.js";
import * as library from "../../../src/index.js";
import { blocksOf } from "../../docs/pages.js";
import { pause } from "../../support/eventually.js";
import { npmFrameworks } from "../npm-packages.js";

const { Health } = library;
const fastify = (options: object = {}) => npmFrameworks()("fastify")(options);

test("answers every route, whatever parsers the application has, and long names", async () => {
  const health = new Health({ metrics: true });
  const longName = "a".repeat(200);
  health.set(longName, "NOT_SERVING");
  health.set("a/b", "SERVING");
  const app = fastify();
  await app.register(healthbridge, { health, paths: ["/api/health"] });
  const ask = async (url: string, method = "GET", payload?: string, type = "application/json") => {
    const headers = payload === undefined ? {} : { "content-type": type };
    const { statusCode, body } = await app.inject({ method, url, payload, headers });
    return `${statusCode} ${body}`;
  };
  assert.equal(app.health, health);
  for (const url of ["/healthcheck", "/healthcheck/", "/healthcheck/a%2Fb", "/livez", "/readyz", "/api/health"])
    assert.equal(await ask(url), "200 OK", url);
  assert.equal(await ask(`/healthcheck/${longName}`), "503 NOT_SERVING");
  assert.match(await ask("/metrics"), /^200 .*healthbridge_/s);
  assert.equal(await ask("/healthcheck", "POST", "x", "a/b"), "405 METHOD_NOT_ALLOWED");
  const check = "/grpc.health.v1.Health/Check";
  assert.equal(await ask(check, "POST", '{"service":"a/b"}'), '200 {"status":"SERVING"}');
  assert.match(await ask(check, "POST", '{"service'), /^400 .*malformed request/);
  assert.match(await ask("/nope"), /^404 .*Route GET:/);
});

test("logs no request for a route, and hides the routes from API documentation", async () => {
  const lines: string[] = [];
  const app = fastify({ logger: { stream: { write: (line: string) => lines.push(line) } } });
  const hidden: unknown[] = [];
  app.addHook("onRoute", ({ schema }: { schema?: { hide?: boolean } }) => void hidden.push(schema?.hide));
  await app.register(healthbridge, { health: new Health() });
  await app.inject({ url: "/healthcheck" });
  assert.deepEqual(lines, []);
  assert.ok(hidden.length > 10);
  assert.ok(hidden.every((each) => each === true));
});

test("has its routes under the prefix of the plugin that registers it", async () => {
  const app = fastify();
  const health = new Health();
  app.register(async (api: ReturnType<typeof fastify>) => void api.register(healthbridge, { health }), {
    prefix: "/internal",
  });
  assert.equal((await app.inject({ url: "/internal/healthcheck?service=" })).body, "OK");
  assert.equal((await app.inject({ url: "/healthcheck" })).statusCode, 404);
});

for (const kind of ["a promise", "a callback"]) {
  test(`app.close() with ${kind} answers for the drain delay, NOT_SERVING, before it refuses anything`, async () => {
    const health = new Health();
    const app = fastify();
    await app.register(healthbridge, { health, drainDelayMs: 2_000 });
    app.get("/orders", async () => "application");
    const origin = await app.listen({ host: "127.0.0.1", port: 0 });
    const startedAt = performance.now();
    const closed = kind === "a promise" ? app.close() : new Promise<void>((resolve) => app.close(() => resolve()));
    await pause(100);
    const orders = await fetch(`${origin}/orders`);
    assert.deepEqual([orders.status, orders.headers.get("connection")], [200, "close"]);
    assert.equal((await fetch(`${origin}/healthcheck`)).status, 503);
    await closed;
    assert.ok(performance.now() - startedAt >= 1_995);
    await assert.rejects(health.listen(["127.0.0.1:0"]), { code: "ALREADY_STOPPED" });
  });
}

test("app.close() does not wait when the application does not listen, or drains already", async () => {
  for (const isListening of [false, true]) {
    const health = new Health();
    const app = fastify();
    await app.register(healthbridge, { health, drainDelayMs: 20_000 });
    if (isListening) {
      await app.listen({ host: "127.0.0.1", port: 0 });
      health.drain();
    }
    const startedAt = performance.now();
    await app.close();
    assert.ok(performance.now() - startedAt < 10_000);
  }
});

test("app.close() answers for the drain delay of a shutdown that runs", async () => {
  const health = new Health();
  const app = fastify();
  await app.register(healthbridge, { health, drainDelayMs: 20_000 });
  app.get("/orders", async () => "application");
  const origin = await app.listen({ host: "127.0.0.1", port: 0 });
  const startedAt = performance.now();
  const shutdown = health.shutdown({ drainDelayMs: 2_000 });
  const closed = app.close();
  await pause(200);
  assert.equal((await fetch(`${origin}/orders`)).status, 200);
  await Promise.all([closed, shutdown]);
  assert.ok(performance.now() - startedAt < 15_000);
});

test("refuses wrong options, naming them", async () => {
  const wrong = [{ health: new Health(), path: [] }, { health: {} }, {}, { health: new Health(), drainDelayMs: -1 }];
  for (const options of wrong)
    await assert.rejects(async () => fastify().register(healthbridge, options), { code: "INVALID_OPTION" });
});

test("the example in docs/library/fastify.md runs", async () => {
  const page = readFileSync(new URL("../../../docs/library/fastify.md", import.meta.url), "utf8");
  const [example = ""] = blocksOf(page, "js");
  const code = example
    .replaceAll(/^import (.*) from (".*");$/gm, "const $1 = load($2);")
    .replace("port: 3000", "port: 0");
  const modules: Readonly<Record<string, unknown>> = {
    fastify: npmFrameworks()("fastify"),
    healthbridge: { ...library, gracefulShutdown: () => {} },
    "healthbridge/fastify": { healthbridge },
  };
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const app = await new AsyncFunction("load", `${code}\nreturn app;`)((name: string) => modules[name]);
  assert.equal((await app.inject({ url: "/healthcheck" })).body, "OK");
  app.health.drain();
  await app.close();
});
