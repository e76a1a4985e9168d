/**
 * `health.handler()` in each of its protocols, over HTTP/2 and HTTP/1. The rules of gRPC are in the conformance suite, and
 * real clients in the interop suite.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type ServerResponse } from "node:http";
import { type ClientSessionOptions, createServer as createHttp2Server, type Http2ServerResponse } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Health } from "../../../src/index.js";
import { readHealthListResponse } from "../../../src/wire/health-messages.js";
import { eventually, pause } from "../../support/eventually.js";
import { frame, GrpcPeer, HEALTH, request, statusIn } from "../../support/grpc-peer.js";
import { VirtualClock } from "../../support/virtual-clock.js";

function portOf(server: { address(): string | AddressInfo | null }): number {
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return address.port;
}

/** A server of node:http. */
async function http1(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${portOf(server)}`;
}

/** A client of a server of node:http2. */
async function http2(t: TestContext, health: Health, options: ClientSessionOptions = {}): Promise<GrpcPeer> {
  const server = createHttp2Server(health.handler());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const peer = new GrpcPeer(portOf(server), options);
  t.after(() => {
    peer.close();
    server.close();
  });
  return peer;
}

const post = (url: string, contentType: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", headers: { "content-type": contentType, ...headers }, body });

/** Messages with their flags. */
function partsOf(bytes: Buffer): readonly { readonly flag: number; readonly content: Buffer }[] {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt32BE(at + 1))
    parts.push({ flag: bytes[at] ?? -1, content: bytes.subarray(at + 5, at + 5 + bytes.readUInt32BE(at + 1)) });
  return parts;
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

/** An application's health: "a" is SERVING. */
function served(): Health {
  const health = new Health();
  health.set("a", "SERVING");
  return health;
}

describe("handler() by gRPC-Web", () => {
  test("over HTTP/1 the status is the last part of the body, with flag 0x80", async (t) => {
    const origin = await http1(t, served().handler());
    for (const type of ["application/grpc-web", "application/grpc-web+proto", "Application/gRPC-Web+proto; x=1"]) {
      const response = await post(`${origin}${HEALTH}/Check`, type, frame(request("a")));
      assert.equal(response.headers.get("content-type"), "application/grpc-web+proto");
      const [message, end] = partsOf(await bytesOf(response));
      assert.deepEqual([message?.flag, statusIn(message?.content)], [0, 1]);
      assert.deepEqual([end?.flag, end?.content.toString()], [0x80, "grpc-status: 0\r\n"]);
    }
  });

  test("an error has no message, and the same text as by gRPC", async (t) => {
    const origin = await http1(t, served().handler());
    const rows: readonly (readonly [Buffer, string])[] = [
      [frame(request("x")), "grpc-status: 5\r\ngrpc-message: unknown service\r\n"],
      [frame(Buffer.from("0a50", "hex")), "grpc-status: 3\r\ngrpc-message: malformed request\r\n"],
      [Buffer.alloc(0), "grpc-status: 13\r\ngrpc-message: no request message\r\n"],
      [frame(Buffer.alloc(5_000)), "grpc-status: 8\r\ngrpc-message: message too large\r\n"],
    ];
    for (const [body, status] of rows) {
      const response = await post(`${origin}${HEALTH}/Check`, "application/grpc-web", body);
      assert.equal(response.status, 200);
      const parts = partsOf(await bytesOf(response));
      assert.deepEqual(
        parts.map(({ flag, content }) => [flag, content.toString()]),
        [[0x80, status]],
      );
    }
  });

  test("as text, body and answer are base64, which a client may cut anywhere and pad in parts", async (t) => {
    const origin = await http1(t, served().handler());
    const message = frame(request("a"));
    const parts = `${message.subarray(0, 4).toString("base64")}${message.subarray(4).toString("base64")}`;
    for (const body of [message.toString("base64"), parts]) {
      const response = await post(`${origin}${HEALTH}/Check`, "application/grpc-web-text", body);
      assert.equal(response.headers.get("content-type"), "application/grpc-web-text+proto");
      const text = await response.text();
      const bytes = Buffer.concat((text.match(/[^=]+=*/g) ?? []).map((part) => Buffer.from(part, "base64")));
      assert.deepEqual(
        partsOf(bytes).map(({ flag }) => flag),
        [0, 0x80],
      );
      assert.equal(statusIn(partsOf(bytes)[0]?.content), 1);
    }
    for (const body of ["AAAA*AAA", "AAAAA", "A=AA", "===="]) {
      const text = await (await post(`${origin}${HEALTH}/Check`, "application/grpc-web-text", body)).text();
      assert.match(Buffer.from(text, "base64").toString(), /grpc-status: 13\r\ngrpc-message: body is not valid base64/);
    }
  });

  test("a Watch over HTTP/1 goes on until shutdown ends it with UNAVAILABLE", async (t) => {
    const health = served();
    const origin = await http1(t, health.handler());
    const response = await post(`${origin}${HEALTH}/Watch`, "application/grpc-web", frame(request("a")));
    assert(response.body !== null);
    let bytes = Buffer.alloc(0);
    const reader = response.body.getReader();
    const read = async () => {
      const { done, value } = await reader.read();
      if (!done) bytes = Buffer.concat([bytes, value]);
      return done;
    };
    await read();
    health.set("a", "NOT_SERVING");
    await read();
    assert.deepEqual(
      partsOf(bytes).map(({ content }) => statusIn(content)),
      [1, 2],
    );
    assert.equal(health.watcherCount, 1);
    await health.shutdown({ drainDelayMs: 0 });
    while (!(await read()));
    assert.match(
      partsOf(bytes).at(-1)?.content.toString() ?? "",
      /grpc-status: 14\r\ngrpc-message: server is shutting down/,
    );
    assert.equal(health.watcherCount, 0);
  });
});

describe("handler() by Connect", () => {
  test("a unary call in protobuf has the bare message, an error an HTTP status and JSON", async (t) => {
    const origin = await http1(t, served().handler());
    const check = (body: Buffer, headers?: Record<string, string>) =>
      post(`${origin}${HEALTH}/Check`, "application/proto", body, headers);
    const answer = await check(request("a"));
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/proto"]);
    assert.equal(statusIn(await bytesOf(answer)), 1);
    const packed = await check(gzipSync(request("a")), { "content-encoding": "gzip" });
    assert.equal(statusIn(await bytesOf(packed)), 1);
    const rows: readonly (readonly [Promise<Response>, string])[] = [
      [check(request("x")), '404 {"code":"not_found","message":"unknown service"}'],
      [check(Buffer.alloc(5_000)), '429 {"code":"resource_exhausted","message":"message too large"}'],
      [
        check(request("a"), { "content-encoding": "br" }),
        '501 {"code":"unimplemented","message":"unknown message encoding"}',
      ],
      [
        check(request("a"), { "connect-timeout-ms": "x" }),
        '400 {"code":"invalid_argument","message":"invalid connect-timeout-ms"}',
      ],
      [
        check(request("a"), { "connect-timeout-ms": "0" }),
        '504 {"code":"deadline_exceeded","message":"deadline exceeded"}',
      ],
      [
        check(request("a"), { "connect-protocol-version": "2" }),
        '400 {"code":"invalid_argument","message":"unknown connect-protocol-version"}',
      ],
    ];
    for (const [response, expected] of rows) {
      const { status, headers } = await response;
      assert.equal(headers.get("content-type"), "application/json");
      assert.equal(`${status} ${await (await response).text()}`, expected);
    }
    const list = await post(`${origin}${HEALTH}/List`, "application/proto", "");
    assert.equal(readHealthListResponse(await bytesOf(list))?.get("a"), 1);
  });

  test("a unary call in JSON is answered as by the routes, with other methods refused", async (t) => {
    const origin = await http1(t, served().handler());
    const json = await post(`${origin}${HEALTH}/Check`, "application/json", '{"service":"a"}');
    assert.equal(await json.text(), '{"status":"SERVING"}');
    assert.equal((await fetch(`${origin}${HEALTH}/Check?message=e30&encoding=json`)).status, 405);
    assert.equal((await fetch(`${origin}${HEALTH}/Watch`)).status, 405);
    const wrong = await post(`${origin}${HEALTH}/Watch`, "application/json", "{}");
    assert.equal(wrong.status, 415);
    assert.match(wrong.headers.get("accept-post") ?? "", /application\/connect\+json/);
    assert.equal(
      (await post(`${origin}${HEALTH}/Check`, "application/connect+json", frame(Buffer.from("{}")))).status,
      415,
    );
  });

  for (const [type, body, notServing] of [
    ["application/connect+json", Buffer.from('{"service":"a"}'), '{"status":"NOT_SERVING"}'],
    ["application/connect+proto", request("a"), "\u0008\u0002"],
  ] as const) {
    test(`a Watch as ${type} streams statuses, and ends with JSON`, async (t) => {
      const health = served();
      const peer = await http2(t, health);
      const stream = peer.open(`${HEALTH}/Watch`, { "content-type": type });
      let bytes = Buffer.alloc(0);
      stream.on("data", (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
      });
      stream.end(frame(body));
      await eventually(() => partsOf(bytes).length === 1, "the first status");
      health.set("a", "NOT_SERVING");
      await eventually(() => partsOf(bytes).length === 2, "the change");
      assert.equal(partsOf(bytes)[1]?.content.toString("latin1"), notServing);
      await health.shutdown({ drainDelayMs: 0 });
      await eventually(() => partsOf(bytes).length === 3, "the end");
      const end = partsOf(bytes)[2];
      assert.equal(end?.flag, 2);
      assert.deepEqual(JSON.parse(end?.content.toString() ?? ""), {
        error: { code: "unavailable", message: "server is shutting down" },
      });
    });
  }
});

describe("handler() by gRPC", () => {
  test("JSON messages are read and written where the media type says so", async (t) => {
    const peer = await http2(t, served());
    const headers = { "content-type": "application/grpc+json" };
    const check = await peer.call(`${HEALTH}/Check`, frame(Buffer.from('{"service":"a"}')), headers);
    assert.deepEqual([check.code, String(check.messages[0])], [0, '{"status":"SERVING"}']);
    const list = await peer.call(`${HEALTH}/List`, frame(Buffer.from("{}")), headers);
    assert.match(String(list.messages[0]), /"a":\{"status":"SERVING"\}/);
    const wrong = await peer.call(`${HEALTH}/Check`, frame(Buffer.from('{"service":5}')), headers);
    assert.deepEqual([wrong.code, wrong.text], [3, "malformed request"]);
  });

  test("a Watch is never UNIMPLEMENTED, which clients would take for healthy; a Check in an unknown encoding is", async (t) => {
    const peer = await http2(t, served());
    const ask = async (method: string) => {
      const body = frame(request("a"), 1);
      const { code, text, headers } = await peer.call(`${HEALTH}/${method}`, body, { "grpc-encoding": "snappy" });
      return [code, text, headers["grpc-accept-encoding"]];
    };
    assert.deepEqual(await ask("Check"), [12, "unknown message encoding", "identity,deflate,gzip"]);
    assert.deepEqual(await ask("Watch"), [13, "unknown message encoding", "identity,deflate,gzip"]);
  });

  test("over HTTP/1 it is 505", async (t) => {
    const origin = await http1(t, served().handler());
    assert.equal((await post(`${origin}${HEALTH}/Check`, "application/grpc", frame(request("a")))).status, 505);
  });

  test("a List of 20,000 services arrives whole", async (t) => {
    const health = new Health({ listLimit: 20_001 });
    for (let index = 0; index < 20_000; index += 1) health.set(`service-${index}-${"x".repeat(80)}`, "SERVING");
    const peer = await http2(t, health);
    const { code, messages } = await peer.call(`${HEALTH}/List`, frame(Buffer.alloc(0)));
    assert.equal(code, 0);
    assert((messages[0]?.length ?? 0) > 1_000_000);
  });

  test("a call that is refused while its request still comes gets its status, and then RST_STREAM(NO_ERROR)", async (t) => {
    const peer = await http2(t, served());
    const rows: readonly (readonly [string, Record<string, string>, number])[] = [
      [`${HEALTH}/Chek`, {}, 12],
      [`${HEALTH}/Check`, { "grpc-timeout": "x" }, 13],
      [`${HEALTH}/Watch`, { "grpc-timeout": "0S" }, 4],
    ];
    for (let round = 0; round < 50; round += 1)
      for (const [path, headers, code] of rows) {
        const stream = peer.open(path, headers);
        let trailers = {};
        stream.on("trailers", (received) => {
          trailers = received;
        });
        stream.on("error", () => {}).resume();
        stream.write(frame(request("a"))); // and no end
        await new Promise((resolve) => stream.once("close", resolve));
        assert.deepEqual([stream.rstCode, Reflect.get(trailers, "grpc-status")], [0, String(code)], path);
      }
    assert.equal((await peer.check("a")).status, 1);
  });

  test("a client that takes no message: its deadline resets the stream, and 40 s end a Watch without one", async (t) => {
    const clock = new VirtualClock();
    const health = new Health({ clock });
    const peer = await http2(t, health, { settings: { initialWindowSize: 0 } });
    const watch = peer.watch("a", { "grpc-timeout": "2S" });
    await eventually(() => health.watcherCount === 1, "the Watch");
    await pause(50); // its message is written in a later turn
    await clock.advance(2_000);
    assert.equal((await watch.ended()).rstCode, 8);
    peer.watch("a");
    await eventually(() => health.watcherCount === 1, "the next Watch");
    await pause(50);
    await clock.advance(39_000);
    assert.equal(health.watcherCount, 1);
    await clock.advance(1_000);
    assert.equal(health.watcherCount, 0);
  });

  test("all handlers of one health share the bound of Watches, and a place is free again", async (t) => {
    const health = new Health({ maxWatchers: 2 });
    const [one, two] = [await http2(t, health), await http2(t, health)];
    const [first, second] = [one.watch("a"), two.watch("a")];
    await Promise.all([first.saw(3), second.saw(3)]);
    const { code, text } = await two.watch("a").ended();
    assert.deepEqual([code, text], [8, "too many watchers"]);
    health.set("a", "SERVING");
    await Promise.all([first.saw(3, 1), second.saw(3, 1)]);
    first.cancel();
    await eventually(() => health.watcherCount === 1, "a place is free");
    await one.watch("a").saw(1);
  });

  test("a deadline ends a Watch with DEADLINE_EXCEEDED", async (t) => {
    const clock = new VirtualClock();
    const health = new Health({ clock });
    const peer = await http2(t, health);
    const watch = peer.watch("a", { "grpc-timeout": "2S" });
    await watch.saw(3);
    await clock.advance(2_000);
    assert.equal((await watch.ended()).code, 4);
    assert.equal(health.watcherCount, 0);
  });

  test("clients that leave at any moment leave no Watch, and the server goes on", async (t) => {
    const health = served();
    const peer = await http2(t, health);
    for (let round = 0; round < 200; round += 1) {
      const stream = peer.open(`${HEALTH}/Watch`).on("error", () => {});
      stream.end(frame(request("a")));
      if (round % 3 === 0) await pause(0);
      if (round % 3 === 1) await new Promise((resolve) => stream.once("response", resolve));
      health.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
      stream.close([8, 2, 1, 11][round % 4]);
    }
    await eventually(() => health.watcherCount === 0, "no Watch is left");
    assert.equal((await peer.check("a")).code, 0);
  });
});

describe("handler() over HTTP/1", () => {
  test("clients that leave at any moment leave no Watch, and the server goes on", async (t) => {
    const health = served();
    const origin = await http1(t, health.handler());
    const body = frame(request("a")).toString("latin1");
    const head = `POST ${HEALTH}/Watch HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (let round = 0; round < 60; round += 1) {
      const socket = connect(Number(new URL(origin).port), "127.0.0.1").on("error", () => {});
      socket.write(round % 4 === 0 ? head + body.slice(0, 3) : head + body, "latin1");
      if (round % 3 > 0) await new Promise((resolve) => socket.once(round % 4 === 0 ? "connect" : "data", resolve));
      health.set("a", round % 2 === 0 ? "NOT_SERVING" : "SERVING");
      if (round % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
      health.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
    }
    await eventually(() => health.watcherCount === 0, "no Watch is left");
    assert.equal(await (await fetch(`${origin}/livez`)).text(), "OK");
  });
});

describe("handler() beside an application", () => {
  const application = (_request: unknown, response: ServerResponse | Http2ServerResponse) =>
    void response.end("application");

  test("answers health routes, and gives all others to next", async (t) => {
    const handler = served().handler({ paths: ["/api/health"] });
    const origin = await http1(t, (request, response) =>
      handler(request, response, () => application(request, response)),
    );
    for (const [path, body] of [
      ["/healthcheck", "OK"],
      ["/api/health", "OK"],
      ["/orders", "application"],
      [`${HEALTH}/Chek`, "application"],
    ] as const)
      assert.equal(await (await fetch(origin + path)).text(), body, path);
    const unknown = await post(`${origin}/acme.Orders/Get`, "application/grpc-web", frame(Buffer.alloc(0)));
    assert.equal(await unknown.text(), "application");
  });

  test("a request for a status may have any media type: it has no content", async (t) => {
    const origin = await http1(t, served().handler());
    const peer = await http2(t, served());
    for (const type of ["application/grpc", "application/grpc-web+proto", "application/connect+json"]) {
      for (const path of ["/healthcheck/a", "/livez", "/readyz"]) {
        const headers = { "content-type": type };
        assert.equal((await fetch(origin + path, { headers })).status, 200, `${path} ${type}`);
        const { httpStatus } = await peer.call(path, Buffer.alloc(0), { ":method": "GET", ...headers });
        assert.equal(httpStatus, 200, `${path} ${type}`);
      }
    }
  });

  test("isHealthRequest is true for each call that it answered, under any mount path", async (t) => {
    const health = served();
    const handler = health.handler();
    const results: boolean[] = [];
    const origin = await http1(t, (request, response) => {
      // as a framework does that has mounted it
      const { url: originalUrl = "" } = request;
      Object.assign(request, { originalUrl, url: originalUrl.replace(/^\/[a-z]+/, "") });
      response.once("finish", () => results.push(health.isHealthRequest(request)));
      handler(request, response, () => application(request, response));
    });
    const requests = ["application/grpc-web", "application/proto", "application/connect+proto", "text/plain"];
    for (const [index, type] of requests.entries())
      await (await post(`${origin}/${"abcd"[index]}${HEALTH}/Check`, type, frame(request("a")))).arrayBuffer();
    await (await fetch(`${origin}/e/orders`)).arrayBuffer();
    await eventually(() => results.length === 5, "all answers are finished");
    assert.deepEqual(results, [true, true, true, true, false]);
  });

  test("one HTTP/2 connection has at most 100 streams of events, also through the middleware", async (t) => {
    const health = new Health({ history: true });
    const middleware = health.middleware();
    for (const listener of [health.handler(), middleware]) {
      const server = createHttp2Server(listener);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const peers = [new GrpcPeer(portOf(server)), new GrpcPeer(portOf(server))];
      t.after(() => {
        for (const peer of peers) peer.close();
        server.close();
      });
      const [first, second] = peers;
      const statuses: unknown[] = [];
      const open = (peer: GrpcPeer | undefined) => {
        const stream = peer?.session.request({ ":path": "/events" });
        return stream
          ?.on("response", (headers) => statuses.push(headers[":status"]))
          .on("error", () => {})
          .resume();
      };
      const streams = Array.from({ length: 101 }, () => open(first));
      await eventually(() => statuses.length === 101, "101 answers");
      assert.deepEqual([statuses.filter((status) => status === 200).length, statuses.at(-1)], [100, 503]);
      open(second);
      streams[0]?.close();
      await eventually(() => statuses.length === 102, "an answer on another connection");
      open(first);
      await eventually(() => statuses.length === 103, "an answer after the end of a stream");
      assert.deepEqual(statuses.slice(-2), [200, 200]);
    }
  });

  test("without next, an unknown path is 404, and an unknown method UNIMPLEMENTED", async (t) => {
    const health = served();
    const origin = await http1(t, health.handler());
    const other = await fetch(`${origin}/orders`);
    assert.equal(`${other.status} ${await other.text()}`, "404 NOT_FOUND");
    assert.equal((await post(`${origin}/acme.Orders/Get`, "application/json", "{}")).status, 404);
    assert.equal((await post(`${origin}/acme.Orders/Get`, "application/proto", "")).status, 404);
    const web = await post(`${origin}/acme.Orders/Get`, "application/grpc-web", frame(Buffer.alloc(0)));
    assert.match((await bytesOf(web)).toString("latin1"), /grpc-status: 12\r\ngrpc-message: unknown method/);
    const peer = await http2(t, health);
    const call = await peer.call("/acme.Orders/Get", frame(Buffer.alloc(0)));
    assert.deepEqual([call.code, call.text], [12, "unknown method"]);
  });

  test("takes a body that a parser of the application has read", async (t) => {
    const health = served();
    health.set("a", "NOT_SERVING");
    const handler = health.handler();
    const origin = await http1(t, async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      handler(Object.assign(request, { body: Buffer.concat(chunks) }), response);
    });
    const answer = await post(`${origin}${HEALTH}/Check`, "application/proto", request("a"));
    assert.equal(statusIn(await bytesOf(answer)), 2);
  });

  test("takes a body that a parser has read as text, where a text can carry the message", async (t) => {
    const handler = served().handler();
    const origin = await http1(t, async (request, response) => {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += chunk;
      handler(Object.assign(request, { body }), response);
    });
    for (const [type, body, answer] of [
      [
        "application/grpc-web-text",
        frame(request("a")).toString("base64"),
        frame(Buffer.from("0801", "hex")).toString("base64"),
      ],
      ["application/grpc-web+json", frame(Buffer.from('{"service":"a"}')), '{"status":"SERVING"}'],
      ["application/proto", request("a"), "\b\u0001"],
      ["application/json", '{"service":"a"}', '{"status":"SERVING"}'],
    ] as const) {
      const text = await (await post(`${origin}${HEALTH}/Check`, type, body)).text();
      assert.ok(text.includes(answer), `${type}: ${JSON.stringify(text)}`);
    }
  });

  test("a request whose body is lost is never answered as if it had been empty", async (t) => {
    const health = served();
    health.set("a", "NOT_SERVING");
    const handler = health.handler();
    const left: readonly unknown[] = [undefined, {}, { service: "a" }, null, 5];
    for (const body of left) {
      const origin = await http1(t, async (request, response) => {
        for await (const _ of request);
        handler(Object.assign(request, { body }), response);
      });
      const check = `${origin}${HEALTH}/Check`;
      const lost = await post(check, "application/proto", request("a"));
      assert.deepEqual([lost.status, Object(await lost.json()).code], [500, "internal"], JSON.stringify(body));
      const web = await post(check, "application/grpc-web", frame(request("a")));
      assert.match((await bytesOf(web)).toString("latin1"), /grpc-status: 13\r\ngrpc-message: the body of the request/);
      const empty = await post(check, "application/proto", "");
      assert.equal(empty.status, 200, "nothing is lost of an empty body");
    }
    const peer = await http2(t, health);
    const unread = { "content-type": "application/proto" };
    const stream = peer.session.request(
      { ":method": "POST", ":path": `${HEALTH}/Check`, ...unread },
      { endStream: true },
    );
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 200, "a request without content over HTTP/2");
    assert.equal((await peer.call(`${HEALTH}/Check`, Buffer.alloc(0), unread)).httpStatus, 200);
  });

  test("while draining, answers over HTTP/1 close their connections", async (t) => {
    const health = served();
    const origin = await http1(t, health.handler());
    const check = () => post(`${origin}${HEALTH}/Check`, "application/grpc-web", frame(request("a")));
    assert.equal((await check()).headers.get("connection"), "keep-alive");
    health.drain();
    assert.equal((await check()).headers.get("connection"), "close");
  });

  test("pipelined requests have their answers in order", async (t) => {
    const origin = await http1(t, served().handler());
    const body = frame(request("a")).toString("latin1");
    const call = `POST ${HEALTH}/Check HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const end = "GET /healthcheck HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const text = await new Promise<string>((resolve) => {
      let received = "";
      const socket = connect(
        Number(new URL(origin).port),
        "127.0.0.1",
        () => void socket.write(call + call + end, "latin1"),
      );
      socket.setEncoding("latin1").on("data", (part) => {
        received += part;
      });
      socket.once("close", () => resolve(received));
    });
    assert.deepEqual(text.match(/HTTP\/1\.1 200|grpc-status: 0|OK$/g), [
      ...["HTTP/1.1 200", "grpc-status: 0", "HTTP/1.1 200", "grpc-status: 0", "HTTP/1.1 200", "OK"],
    ]);
  });
});
