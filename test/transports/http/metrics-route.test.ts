/** One request answered: the page of metrics on every carrier, and what is published about each answer. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { afterEach, beforeEach, describe, test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { Health } from "../../../src/index.js";
import { Registry } from "../../../src/registry/registry.js";
import { METRICS_CONTENT_TYPES } from "../../../src/transports/http/metrics-page.js";
import type { HttpRequest } from "../../../src/wire/http-message.js";
import { portOf } from "../../support/port-of.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { bridgeOf } from "./bridge-fixture.js";

const PAGE = "a_total 1\n";
const metrics = { lines: () => [PAGE] };

const ask = (target: string, more: Partial<HttpRequest> = {}, options: Parameters<typeof bridgeOf>[0] = {}) =>
  bridgeOf({ metrics, ...options }).answer(target, more);

describe("the metrics page", () => {
  test("is 200 with the content type of Prometheus' text format", async () => {
    const { status, headers, body } = await ask("/metrics");
    assert.deepEqual([status, headers["content-type"], body], [200, METRICS_CONTENT_TYPES.text, PAGE]);
    assert.equal(headers["cache-control"], "no-store");
  });

  test("is 200 while everything is NOT_SERVING", async () => {
    const registry = new Registry({ clock: new VirtualClock(), instance: "test" });
    registry.set("", "NOT_SERVING");
    assert.equal((await ask("/metrics", {}, { registry })).status, 200);
    registry.drain();
    assert.equal((await ask("/metrics", {}, { registry })).status, 200);
  });

  test("has GET and HEAD, and no other method", async () => {
    assert.equal((await ask("/metrics", { method: "HEAD" })).status, 200);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const { status, headers } = await ask("/metrics", { method });
      assert.deepEqual([status, headers.allow], [405, "GET, HEAD"], method);
    }
  });

  test("is 404 without metrics, for every method", async () => {
    for (const method of ["GET", "HEAD", "POST"])
      assert.equal((await ask("/metrics", { method }, { metrics: undefined })).status, 404, method);
  });

  test("needs the token if one is configured", async () => {
    const token = "0123456789abcdef";
    const { status, headers } = await ask("/metrics", {}, { token });
    assert.deepEqual(
      [status, headers["www-authenticate"]],
      [401, 'Bearer, Basic realm="healthbridge", charset="UTF-8"'],
    );
    assert.equal((await ask("/metrics", { authorization: "Bearer wrong" }, { token })).status, 401);
    assert.equal((await ask("/metrics", { authorization: `Bearer ${token}` }, { token })).status, 200);
  });

  test("is 500 with one word when rendering fails, and the log has the reason", async () => {
    const faults: unknown[] = [];
    const unsubscribe = subscribe("fault", ({ instance, where, error }) => faults.push([instance, where, error]));
    const error = new Error("secret");
    const lines = (): Iterable<string> => {
      throw error;
    };
    const { status, body } = await ask("/metrics", {}, { metrics: { lines } });
    unsubscribe();
    assert.deepEqual([status, body], [500, "INTERNAL_SERVER_ERROR"]);
    assert.deepEqual(faults, [["test", "metrics", error]]);
  });
});

describe("every answer", () => {
  const rows: readonly (readonly [string, string, number, string])[] = [
    ["GET", "/healthcheck", 200, "healthcheck"],
    ["GET", "/healthcheck/nobody", 404, "healthcheck"],
    ["GET", "/livez?verbose", 200, "livez"],
    ["GET", "/readyz/nobody", 404, "readyz"],
    ["GET", "/healthz", 200, "healthz"],
    ["GET", "/startupz", 200, "startupz"],
    ["POST", "/metrics", 405, "metrics"],
    ["GET", "/metrics", 200, "metrics"],
    ["GET", "/grpc.health.v1.Health/Check", 405, "call"],
    ["POST", "/heartbeat/backup", 404, "heartbeat"],
    ["GET", "/etc/passwd", 404, "none"],
    ["GET", "/%zz", 400, "bad-request"],
    ["GET", `/${"x".repeat(3000)}`, 414, "target-too-long"],
  ];
  for (const [method, target, status, route] of rows) {
    test(`is reported once, by its route: ${method} ${target.slice(0, 30)} is ${route}`, async () => {
      const published: unknown[] = [];
      const unsubscribe = subscribe("http-request", (message) => published.push(message));
      const answer = await ask(target, { method });
      unsubscribe();
      assert.equal(answer.status, status);
      assert.deepEqual(published, [{ instance: "test", route, status }]);
    });
  }
});

describe("with { metrics: true }", () => {
  let health = new Health();
  let port = 0;
  beforeEach(async () => {
    health = new Health({ metrics: true });
    port = portOf(await health.listen(["127.0.0.1:0"]));
  });
  afterEach(() => health.shutdown({ drainDelayMs: 0 }));

  test("HTTP/1 serves the page, and HEAD without a body", async () => {
    const page = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.deepEqual([page.status, page.headers.get("content-type")], [200, METRICS_CONTENT_TYPES.text]);
    assert.match(await page.text(), /^grpc_health_connections 1$/m);
    const head = await fetch(`http://127.0.0.1:${port}/metrics`, { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
    assert.ok(Number(head.headers.get("content-length")) > 1000);
  });

  test("HTTP/2 serves the page", async () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/metrics" });
    let body = "";
    for await (const bytes of stream) body += bytes;
    session.close();
    assert.match(body, /^grpc_health_connections 1$/m);
  });

  test("the middleware serves the page", async (t) => {
    const middleware = health.middleware();
    const server = createServer((request, response) =>
      middleware(request, response, () => response.end("application")),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => new Promise((resolve) => void server.close(resolve)));
    const page = await fetch(`http://127.0.0.1:${Object(server.address()).port}/metrics`);
    assert.equal(page.headers.get("content-type"), METRICS_CONTENT_TYPES.text);
    assert.match(await page.text(), /^grpc_health_draining 0$/m);
  });
});
