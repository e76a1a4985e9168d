/** The ways by which servers of an application serve a Health, each beside an application of its own. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";

/** Starts a server. */
async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

const application: RequestListener = (request, response) => void response.end(`application ${request.url}`);

async function ask(url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, init);
  return `${response.status} ${await response.text()}`;
}

/** Bytes as a client sends them, and all that comes back. */
function exchange(origin: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(Number(new URL(origin).port), "127.0.0.1", () => void socket.write(bytes));
    socket.setEncoding("utf8").on("data", (text) => {
      received += text;
    });
    socket.on("close", () => resolve(received));
  });
}

describe("attach", () => {
  test("answers before a listener that was there, and leaves every other request to it", async (t) => {
    const server = createServer(application);
    const health = new Health();
    health.set("a", "NOT_SERVING");
    health.attach(server, { paths: ["/api/health"] });
    const origin = await listen(t, server);
    assert.equal(await ask(`${origin}/healthcheck`), "200 OK");
    assert.equal(await ask(`${origin}/api/health?service=a`), "503 NOT_SERVING");
    assert.equal(await ask(`${origin}/livez`), "200 OK");
    assert.equal(await ask(`${origin}/orders?x=1`), "200 application /orders?x=1");
    assert.equal(await ask(`${origin}/Healthcheck`), "200 application /Healthcheck");
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: '{"service":"a"}' };
    assert.equal(await ask(`${origin}/grpc.health.v1.Health/Check`, init), '200 {"status":"NOT_SERVING"}');
  });

  test("answers before listeners that are added later, and the application hears nothing of it", async (t) => {
    const server = createServer();
    new Health().attach(server);
    const heard: unknown[] = [];
    server.on("request", ({ url }: IncomingMessage) => heard.push(url));
    server.on("request", application);
    const origin = await listen(t, server);
    assert.equal(await ask(`${origin}/healthcheck`), "200 OK");
    assert.equal(await ask(`${origin}/orders`), "200 application /orders");
    assert.deepEqual(heard, ["/orders"]);
  });

  test("answers a request that waits for 100 Continue, where the application listens for it", async (t) => {
    const server = createServer(application);
    server.on("checkContinue", (_request: IncomingMessage, response: ServerResponse) => void response.end("continue"));
    new Health().attach(server);
    const origin = await listen(t, server);
    const request = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;
    assert.match(await exchange(origin, request("/healthcheck")), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nOK$/s);
    assert.match(await exchange(origin, request("/orders")), /continue/);
  });

  test("does not touch upgrades", async (t) => {
    const server = createServer();
    new Health().attach(server);
    server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\nupgraded"));
    const origin = await listen(t, server);
    const upgrade = "GET /healthcheck HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert.match(await exchange(origin, upgrade), /upgraded$/);
  });

  test("is possible once for each server", () => {
    const server = createServer();
    new Health().attach(server);
    assert.throws(() => new Health().attach(server), { code: "ALREADY_ADDED", message: /attach one, once/ });
    new Health().attach(createServer());
  });

  test("keeps the drain delay of a shutdown, and answers 503 after it", async (t) => {
    const server = createServer(application);
    const health = new Health();
    health.attach(server);
    const origin = await listen(t, server);
    const startedAt = performance.now();
    await health.shutdown({ drainDelayMs: 100 });
    assert(performance.now() - startedAt >= 95);
    assert.equal(await ask(`${origin}/healthcheck`), "503 NOT_SERVING");
    assert.equal(await ask(`${origin}/orders`), "200 application /orders");
  });
});

describe("fetch", () => {
  const origin = "http://localhost:3000";

  test("answers every route, and 404 for another path", async () => {
    const health = new Health({ metrics: true });
    health.set("a", "NOT_SERVING");
    const answer = async (path: string, init?: RequestInit) => {
      const response = await health.fetch(new Request(origin + path, init));
      return `${response.status} ${await response.text()}`;
    };
    assert.equal(await answer("/healthcheck"), "200 OK");
    assert.equal(await answer("/healthcheck/a"), "503 NOT_SERVING");
    assert.equal(await answer("/healthcheck?service=unknown"), "404 SERVICE_UNKNOWN");
    assert.equal(await answer("/orders"), "404 NOT_FOUND");
    assert.match(await answer("/readyz?verbose"), /^200 .*a/s);
    assert.match(await answer("/metrics"), /healthbridge_/);
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: '{"service":"a"}' };
    assert.equal(await answer("/grpc.health.v1.Health/Check", init), '200 {"status":"NOT_SERVING"}');
    const long = { ...init, body: JSON.stringify({ service: "a".repeat(100_000) }) };
    assert.match(await answer("/grpc.health.v1.Health/Check", long), /^4\d\d /);
  });

  test("means /healthcheck by further paths, and refuses an unknown option", async () => {
    const health = new Health();
    const paths = ["/api/health"];
    const response = await health.fetch(new Request(`${origin}/api/health`), { paths });
    assert.equal(await response.text(), "OK");
    assert.equal((await health.fetch(new Request(`${origin}/api/health`))).status, 404);
    const wrong = { paths, path: paths };
    await assert.rejects(health.fetch(new Request(origin), wrong), {
      code: "INVALID_OPTION",
      message: /did you mean paths/,
    });
  });

  test("sends no body for HEAD, and its length", async () => {
    const response = await new Health().fetch(new Request(`${origin}/healthcheck`, { method: "HEAD" }));
    assert.deepEqual([response.status, response.headers.get("content-length"), response.body], [200, "2", null]);
  });

  test("streams a large answer whole", async () => {
    const health = new Health({ listLimit: 20_001 });
    for (let index = 0; index < 20_000; index += 1) health.set(`service-${index}-${"x".repeat(80)}`, "SERVING");
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const response = await health.fetch(new Request(`${origin}/grpc.health.v1.Health/List`, init));
    const text = await response.text();
    assert.equal(String(Buffer.byteLength(text)), response.headers.get("content-length"));
    assert(text.length > 1_000_000);
    assert.match(text, /service-19999-x/);
  });

  test("ends a large answer that is not read for 30 s", async () => {
    const clock = new VirtualClock();
    const health = new Health({ clock, listLimit: 20_001 });
    for (let index = 0; index < 20_000; index += 1) health.set(`service-${index}`, "SERVING");
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const response = await health.fetch(new Request(`${origin}/grpc.health.v1.Health/List`, init));
    const reader = response.body?.getReader();
    assert.equal((await reader?.read())?.done, false);
    await clock.advance(29_000);
    assert.equal((await reader?.read())?.done, false);
    await clock.advance(29_000);
    assert.equal((await reader?.read())?.done, false);
    await clock.advance(40_000);
    await assert.rejects(async () => reader?.read(), /not read for 30 s/);
  });

  test("needs a token where Health does", async () => {
    const health = new Health({ token: "s3cret", metrics: true });
    assert.equal((await health.fetch(new Request(`${origin}/metrics`))).status, 401);
    const headers = { authorization: "Bearer s3cret" };
    assert.equal((await health.fetch(new Request(`${origin}/metrics`, { headers }))).status, 200);
  });
});

describe("paths", () => {
  const WRONG: readonly unknown[] = ["/api/health", ["api/health"], [5], { 0: "/a" }, null];

  test("are a list of paths for each integration; a text, which contains many paths, is refused", async () => {
    const health = new Health();
    for (const paths of WRONG) {
      const options = Object({ paths });
      const invalid = { code: "INVALID_OPTION" };
      assert.throws(() => health.middleware(options), invalid);
      assert.throws(() => health.koa(options), invalid);
      assert.throws(() => health.attach(createServer(), options), invalid);
      await assert.rejects(health.fetch(new Request("http://a/"), options), invalid);
      await assert.rejects(health.listen(["127.0.0.1:0"], options), invalid);
      await assert.rejects(health.listen(["127.0.0.1:0"], { ...options, thread: true }), invalid);
    }
    await health.shutdown();
  });
});

describe("isHealthRequest", () => {
  test("knows the routes and the gRPC methods, with any query, and is bound", () => {
    const { isHealthRequest, ...rest } = new Health();
    assert(rest !== undefined);
    for (const url of [
      "/healthcheck",
      "/healthcheck/a?x=1",
      "/livez",
      "/readyz/db?verbose",
      "/grpc.health.v1.Health/Watch",
    ])
      assert.equal(isHealthRequest({ url }), true, url);
    for (const url of ["/", "/health", "/orders?path=/healthcheck", "/metrics", undefined])
      assert.equal(isHealthRequest({ url }), false, url);
    assert.equal(isHealthRequest(new Request("http://a/readyz?verbose")), true);
    assert.equal(isHealthRequest(new Request("http://a/orders")), false);
    assert.equal(isHealthRequest({ originalUrl: "/orders/healthcheck", url: "/healthcheck" }), false);
    assert.equal(isHealthRequest(new Request("http://a/grpc.health.v1.Health/Watch")), true);
  });

  test("is false for what is no request: it runs in a logger or a tracer, where an error would end the request", () => {
    const { isHealthRequest } = new Health();
    for (const wrong of [null, undefined, "/healthcheck", 5, {}, { url: 5 }, { url: null }, { originalUrl: {} }])
      assert.equal(Reflect.apply(isHealthRequest, undefined, [wrong]), false, String(wrong));
    assert.equal(Reflect.apply(isHealthRequest, undefined, [{ originalUrl: null, url: "/healthcheck" }]), true);
  });

  test("no request for another path is hidden from a log by the name of the health service in it", () => {
    const health = new Health();
    for (const url of [
      "/admin/delete?x=/grpc.health.v1.Health/Check",
      "/admin/grpc.health.v1.Health/Check",
      "/grpc.health.v1.Health/../admin",
      "/admin#/grpc.health.v1.Health/Check",
      "/grpcXhealth.v1.Health/Check",
      "http://a/?/grpc.health.v1.Health/Check",
      "http://a?/grpc.health.v1.Health/Check",
      "//grpc.health.v1.Health/Check/",
    ])
      assert.equal(health.isHealthRequest({ url }), false, url);
  });

  test("does not take the path of a gRPC method in a query or below another path: a client could hide any request", () => {
    const { isHealthRequest } = new Health();
    for (const url of [
      "/orders?x=/grpc.health.v1.Health/Check",
      "/orders#/grpc.health.v1.Health/Check",
      "/orders/grpc.health.v1.Health/Check",
      "http://a/orders?x=/grpc.health.v1.Health/Check",
      "http://a?/grpc.health.v1.Health/Check",
      "/grpcxhealth.v1.Health/Check",
    ])
      assert.equal(isHealthRequest({ url }), false, url);
    assert.equal(isHealthRequest({ url: "http://a/grpc.health.v1.Health/Watch" }), true);
    assert.equal(isHealthRequest({ url: "/grpc.health.v1.Health/Check?x=1" }), true);
  });

  test("knows the mount path of a middleware from its first answer on, and each request that was answered", async (t) => {
    const health = new Health();
    const answer = health.middleware();
    const seen: [string, boolean, boolean][] = [];
    const server = createServer((request, response) => {
      const { url = "" } = request;
      const before = health.isHealthRequest(request);
      response.on("finish", () => seen.push([url, before, health.isHealthRequest(request)]));
      // as Express does it
      if (!url.startsWith("/internal/")) return void response.end();
      Object.assign(request, { originalUrl: url, url: url.slice("/internal".length) });
      answer(request, response, () => void response.end());
    });
    const origin = await listen(t, server);
    const urls = [
      "/internal/healthcheck?x=1",
      "/internal/livez",
      "/internal/orders",
      "/other/livez",
      "/internalx/livez",
    ];
    for (const url of urls) await ask(origin + url);
    await eventually(() => seen.length === urls.length, "all requests");
    assert.deepEqual(
      seen.map(([, before, afterwards]) => [before, afterwards]),
      [
        [false, true], // the mount path was not known yet
        [true, true],
        [false, false],
        [false, false],
        [false, false],
      ],
    );
    assert.equal(health.isHealthRequest({ url: "/other?x=/internal/livez" }), false);
    assert.equal(health.isHealthRequest(new Request("http://a/internal/readyz")), true);
  });

  test("remembers no more than 100 mount paths: one with a parameter has no end of them", () => {
    const health = new Health();
    const answer = health.middleware();
    const respond = (mount: string) => {
      const response = { socket: null, once() {} };
      Reflect.apply(answer, undefined, [{ url: "/livez", originalUrl: `${mount}/livez`, headers: {} }, response]);
      return health.isHealthRequest({ url: `${mount}/readyz` });
    };
    assert.equal(respond("/?x="), false);
    const known = Array.from({ length: 150 }, (_, index) => respond(`/tenant${index}`));
    assert.equal(known.filter(Boolean).length, 100);
  });

  test("knows the paths of a call of fetch from that call on, and its own paths for a middleware of each request", async () => {
    const health = new Health();
    const request = new Request("http://a/api/health");
    assert.equal(health.isHealthRequest(request), false);
    await health.fetch(request, { paths: ["/api/health"] });
    assert.equal(health.isHealthRequest(request), true);
    assert.equal(health.isHealthRequest({ url: "/api/health?verbose" }), true);
    for (let count = 0; count < 10_000; count += 1) health.middleware({ paths: ["/ping"] });
    const startedAt = performance.now();
    for (let count = 0; count < 100; count += 1) health.isHealthRequest({ url: "/orders" });
    assert(performance.now() - startedAt < 100, "no list of middlewares is searched");
    assert.equal(health.isHealthRequest({ url: "/ping" }), true);
  });

  test("knows further paths of each integration", () => {
    const health = new Health();
    assert.equal(health.isHealthRequest({ url: "/ping" }), false);
    health.middleware({ paths: ["/ping"] });
    health.attach(createServer(), { paths: ["/pong"] });
    assert.deepEqual(
      ["/ping", "/pong", "/other"].map((url) => health.isHealthRequest({ url })),
      [true, true, false],
    );
  });
});

describe("koa", () => {
  test("answers the routes itself, and leaves other requests to the application", async (t) => {
    const health = new Health();
    const middleware = health.koa();
    const responds: unknown[] = [];
    const server = createServer(async (req, res) => {
      const context: Parameters<typeof middleware>[0] = { req, res, request: {} };
      await middleware(context, async () => void res.end("application"));
      responds.push(context.respond);
    });
    const origin = await listen(t, server);
    assert.equal(await ask(`${origin}/healthcheck`), "200 OK");
    assert.equal(await ask(`${origin}/orders`), "200 application");
    await eventually(() => responds.length === 2, "both requests");
    assert.deepEqual(responds, [false, undefined]);
  });
});
