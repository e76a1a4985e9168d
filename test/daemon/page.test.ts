/** The status page of a `Health`, over every way in which it is served. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as requestHttp1 } from "node:http";
import { connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { HealthOptions, ListenOptions } from "../../src/index.js";
import { Health } from "../support/built-library.js";
import { portOf } from "../support/port-of.js";

type Ask = (
  path: string,
  headers?: Record<string, string>,
) => Promise<{ readonly status: number; readonly body: string }>;

const BROWSER = { accept: "text/html" };

type BuiltHealth = InstanceType<typeof Health>;

function healthOf(t: TestContext, options: HealthOptions = { page: true }): BuiltHealth {
  const health = new Health(options);
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return health;
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function http1(port: number): Ask {
  return async (path, headers = {}) => {
    const request = requestHttp1({ host: "127.0.0.1", port, path, headers, agent: false }).end();
    const [response] = await once(request, "response");
    return { status: response.statusCode, body: await textOf(response) };
  };
}

function http2(port: number): Ask {
  return async (path, { host, ...headers } = {}) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const authority = host === undefined ? {} : { ":authority": host };
    const stream = session.request({ ":path": path, ...authority, ...headers });
    const [answered] = await once(stream, "response");
    const body = await textOf(stream);
    session.close();
    return { status: answered[":status"], body };
  };
}

function fetchOf(health: BuiltHealth): Ask {
  return async (path, { host = "localhost", ...headers } = {}) => {
    const response = await health.fetch(new Request(`http://${host}${path}`, { headers }));
    return { status: response.status, body: await response.text() };
  };
}

/** The page, its style, and what is refused, over one carrier. */
async function checkPage(health: BuiltHealth, ask: Ask): Promise<void> {
  health.set("orders", "SERVING");
  const { status, body } = await ask("/", BROWSER);
  assert.equal(status, 200);
  assert.match(body, /<h1 id="overall" data-status="SERVING">Serving<\/h1>/);
  assert.match(body, /data-name="orders"/);
  assert.match(body, /class="strip" role="img"/);
  assert.equal((await ask("/?service=orders", BROWSER)).status, 200);
  const [, style = ""] = /href="(healthbridge\/page-[^"]*\.css)"/.exec(body) ?? [];
  assert.equal((await ask(`/${style}`, { accept: "text/css" })).status, 200);
  assert.notEqual((await ask("/", { accept: "*/*" })).status, 200);
  for (const path of ["/", "/history/orders", "/events?service=orders"])
    assert.equal((await ask(path, { ...BROWSER, host: "evil.example" })).status, 421, path);
  assert.equal((await ask("/healthcheck", { host: "evil.example" })).status, 200);
}

describe("the status page of a Health", () => {
  const servers: readonly (readonly [string, ListenOptions, (port: number) => Ask])[] = [
    ["HTTP/1", {}, http1],
    ["HTTP/2, engine native", {}, http2],
    ["HTTP/2, engine grpc-js", { engine: "grpc-js" }, http2],
  ];
  for (const [name, options, carrier] of servers)
    test(`is served over ${name}`, async (t) => {
      const health = healthOf(t);
      const server = await health.listen(["127.0.0.1:0"], options);
      await checkPage(health, carrier(portOf(server)));
    });

  test("is served in a thread", async (t) => {
    const health = healthOf(t);
    health.set("orders", "SERVING");
    const server = await health.listen(["127.0.0.1:0"], { thread: true });
    await checkPage(health, http1(portOf(server)));
  });

  test("is served to web requests", async (t) => {
    const health = healthOf(t);
    await checkPage(health, fetchOf(health));
  });

  test("is served beside an application, which keeps what is not for a browser", async (t) => {
    const health = healthOf(t);
    const server = createServer((_, response) => response.writeHead(201).end("application"));
    t.after(() => server.close());
    health.attach(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const ask = http1(address.port);
    await checkPage(health, ask);
    assert.deepEqual(await ask("/", { accept: "application/json" }), { status: 201, body: "application" });
  });

  test("is not served without page: true, and / belongs to the application", async (t) => {
    const health = healthOf(t, { history: true });
    const server = await health.listen(["127.0.0.1:0"]);
    const ask = http1(portOf(server));
    assert.equal((await ask("/", BROWSER)).status, 404);
    assert.equal((await ask("/history", { host: "any.example" })).status, 200, "an application decides on its hosts");
  });

  test("is served to a client of HTTP/1.0 without a host", async (t) => {
    const health = healthOf(t);
    const socket = connectTcp(portOf(await health.listen(["127.0.0.1:0"])), "127.0.0.1");
    socket.end("GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n");
    assert.match(await textOf(socket), /^HTTP\/1\.1 200 OK/);
  });

  test("is served under the configured names", async (t) => {
    const health = healthOf(t, { page: true, hosts: ["status.example.org"] });
    assert.equal((await fetchOf(health)("/", { ...BROWSER, host: "status.example.org" })).status, 200);
    assert.equal((await fetchOf(health)("/", { ...BROWSER, host: "other.example.org" })).status, 421);
  });

  test("needs the history, and valid options", () => {
    assert.throws(
      () => new Health({ page: true, history: false }),
      /page: true needs the history; remove history: false/,
    );
    assert.throws(() => new Health({ hosts: ["http://a.b"] }), /hosts: must be a host name without scheme and port/);
    // @ts-expect-error: callers may have no types
    assert.throws(() => new Health({ page: "yes" }), /page must be true or false; got yes/);
  });

  test("is in the list of routes, for routers", (t) => {
    assert.deepEqual(
      healthOf(t)
        .routePaths()
        .filter((path) => /^\/(?:$|healthbridge)/.test(path)),
      ["/", "/healthbridge/*"],
    );
    assert.ok(!healthOf(t, { history: true }).routePaths().includes("/"));
  });
});
