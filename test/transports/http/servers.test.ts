import assert from "node:assert/strict";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { connect, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { systemClock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { Registry } from "../../../src/registry/registry.js";
import { Http1Server } from "../../../src/transports/http/http1.js";
import { createMiddleware } from "../../../src/transports/http/middleware.js";
import { eventually, inTime } from "../../support/eventually.js";
import { bridgeAt } from "./bridge-fixture.js";

const portOf = (server: { address(): unknown }): number => Object(server.address()).port;
const JSON_POST = { method: "POST", body: '{"service":""}', headers: { "content-type": "application/json" } };

describe("the middleware", () => {
  const registry = new Registry({ clock: systemClock, instance: "middleware" });
  const middleware = createMiddleware(bridgeAt(systemClock, { registry, paths: ["/health"] }).bridge);
  const server = createHttpServer((request, response) =>
    middleware(request, response, () => {
      response.end(`application: ${request.method} ${request.url}`);
    }),
  );
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`http://127.0.0.1:${portOf(server)}${path}`, init);
    return [answer.status, await answer.text()];
  };
  before(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve)));
  after(() => new Promise((resolve) => void server.close(resolve)));

  test("answers its own routes", async () => {
    assert.deepEqual(await ask("/healthcheck"), [200, "OK"]);
    assert.deepEqual(await ask("/health"), [200, "OK"]);
    assert.deepEqual(await ask("/healthcheck", { method: "POST" }), [405, "METHOD_NOT_ALLOWED"]);
    assert.deepEqual(await ask("/healthcheck", { method: "OPTIONS" }), [200, "OK"]);
    assert.deepEqual(await ask("/grpc.health.v1.Health/Check", JSON_POST), [200, '{"status":"SERVING"}']);
  });

  test("answers a target in absolute form, and leaves the server as a whole to the application", async () => {
    for (const [target, expected] of [
      ["GET http://flower/healthcheck", "OK"],
      ["GET http://flower/orders", "application: GET http://flower/orders"],
      ["OPTIONS *", "application: OPTIONS *"],
    ] as const) {
      const socket = connect(portOf(server), "127.0.0.1");
      socket.write(`${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      let text = "";
      for await (const bytes of socket) text += bytes;
      assert.ok(text.includes(expected), `${target}: ${text}`);
    }
  });

  test("leaves everything else to the application, also /metrics without metrics", async () => {
    assert.deepEqual(await ask("/metrics"), [200, "application: GET /metrics"]);
    assert.deepEqual(await ask("/orders"), [200, "application: GET /orders"]);
    assert.deepEqual(await ask("/orders/%zz"), [200, "application: GET /orders/%zz"]);
    assert.deepEqual(await ask("/orders", { method: "POST" }), [200, "application: POST /orders"]);
  });
});

/** A body parser as those of Express: it reads the stream, and leaves what it read in `request.body`. */
type Parser = (request: IncomingMessage & { body?: unknown }, next: () => void) => void;

const reading =
  (parse: (bytes: Buffer) => unknown): Parser =>
  (request, next) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      request.body = parse(Buffer.concat(chunks));
      next();
    });
  };

const PARSERS: Readonly<Record<string, Parser>> = {
  "express.json()": reading((bytes) => JSON.parse(bytes.toString() || "{}")),
  "express.raw()": reading((bytes) => bytes),
  "express.text()": reading((bytes) => bytes.toString()),
  "a parser that leaves an empty object and does not read": (request, next) => {
    request.body = {};
    next();
  },
  "no parser": (_, next) => next(),
};

describe("Check as JSON behind a body parser", () => {
  const registry = new Registry({ clock: systemClock, instance: "parsers" });
  registry.set("down", "NOT_SERVING");
  const middleware = createMiddleware(bridgeAt(systemClock, { registry }).bridge);
  const post = async (parser: Parser, body: string) => {
    const server = createHttpServer((request, response) =>
      parser(request, () => middleware(request, response, () => response.end("application"))),
    );
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    try {
      const init = { ...JSON_POST, body };
      const url = `http://127.0.0.1:${portOf(server)}/grpc.health.v1.Health/Check`;
      const answer = await inTime(fetch(url, init), "an answer");
      return [answer.status, await answer.text()];
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    }
  };

  for (const [label, parser] of Object.entries(PARSERS))
    test(label, async () => {
      assert.deepEqual(await post(parser, '{"service":"down"}'), [200, '{"status":"NOT_SERVING"}']);
      assert.deepEqual(await post(parser, "{}"), [200, '{"status":"SERVING"}']);
      assert.deepEqual(await post(parser, '{"service":"unknown"}'), [
        404,
        '{"code":"not_found","message":"unknown service"}',
      ]);
      for (const malformed of ['{"service":5}', "[]", '{"service":{"a":1}}'])
        assert.equal((await post(parser, malformed))[0], 400, malformed);
      assert.equal((await post(parser, `{"service":"${"x".repeat(20_000)}"}`))[0], 429);
    });

  test("a parser that read the body and left nothing, or a value that throws, gives 400", async () => {
    assert.equal(
      (
        await post(
          reading(() => undefined),
          '{"service":"down"}',
        )
      )[0],
      400,
    );
    const throwing = {
      get service() {
        throw new Error("no");
      },
    };
    assert.equal(
      (
        await post(
          reading(() => throwing),
          '{"service":"down"}',
        )
      )[0],
      400,
    );
  });
});

describe("the HTTP/1 server", () => {
  const registry = new Registry({ clock: systemClock, instance: "http1" });
  const http1 = new Http1Server(bridgeAt(systemClock, { registry }).bridge, new FairTurns(systemClock, "servers"));
  const listener = createServer({ allowHalfOpen: true }, (socket) => http1.accept(socket));
  /** Sends text, and answers all that comes until the server closes. */
  const send = (text: string, onData: (all: string) => void = () => {}) =>
    inTime(
      new Promise<string>((resolve) => {
        const socket = connect(portOf(listener), "127.0.0.1");
        let all = "";
        socket.write(text);
        socket.on("data", (bytes) => {
          all += bytes;
          onData(all);
        });
        socket.on("error", () => {}).on("close", () => resolve(all));
      }),
      "the server closes",
      30_000,
    );
  before(() => new Promise<void>((resolve) => void listener.listen(0, "127.0.0.1", resolve)));
  after(async () => {
    await http1.close();
    await new Promise((resolve) => void listener.close(resolve));
  });

  test("reads the body of a call", async () => {
    const answer = await fetch(`http://127.0.0.1:${portOf(listener)}/grpc.health.v1.Health/Check`, JSON_POST);
    assert.deepEqual([answer.status, await answer.json()], [200, { status: "SERVING" }]);
  });

  test("keeps no more of a body than allowed", async () => {
    const long = { ...JSON_POST, body: " ".repeat(100_000) };
    const answer = await fetch(`http://127.0.0.1:${portOf(listener)}/grpc.health.v1.Health/Check`, long).catch(
      () => undefined,
    );
    assert.ok(answer === undefined || answer.status === 429);
  });

  test("a request that is refused unread is reported as a bad request", async () => {
    const published: unknown[] = [];
    const unsubscribe = subscribe("http-request", (message) => published.push(message));
    await send("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    unsubscribe();
    assert.deepEqual(published, [{ instance: "http1", route: "bad-request", status: 400 }]);
  });

  test("while draining, answers close their connection, and idle connections are closed", async () => {
    let answered = false;
    const idle = send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", (all) => {
      answered = all.endsWith("OK");
    });
    await eventually(() => answered, "the answer");
    registry.drain();
    http1.closeIdle();
    assert.doesNotMatch(await idle, /connection: close/i);
    assert.match(await send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"), /200 [\s\S]*connection: close/i);
    registry.resume();
  });
});
