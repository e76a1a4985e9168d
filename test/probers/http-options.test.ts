/** The options of the HTTP prober, and answers that RFC 9110 and 9112 allow, against servers of Node. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer as createHttp2, createSecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps } from "node:https";
import { describe, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { HealthError } from "../../src/core/health-error.js";
import type { ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";
import { probe, verdict } from "./probing.js";
import { frameTarget, httpTarget, rawTarget, Target } from "./targets.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");
const identity = () => ({ cert: fixture("server.crt"), key: fixture("server.key") });

/** One request as a server of Node saw it. */
interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Answers with `answer`, and keeps each request with its body. */
function recording(answer: (seen: Seen, response: ServerResponse) => void): {
  readonly seen: Seen[];
  readonly listener: RequestListener;
} {
  const seen: Seen[] = [];
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.on("data", (bytes) => {
      body += bytes;
    });
    request.on("end", () => {
      const { method, url, headers } = request;
      const one = { method, url, headers, body };
      seen.push(one);
      answer(one, response);
    });
  };
  return { seen, listener };
}

async function verdictOf(target: Target, path: string, options: ProberOptions, scheme = "http"): Promise<string> {
  const prober = openTarget(`${scheme}://127.0.0.1:${target.port}${path}`, systemDeps(), options);
  try {
    return await verdict(prober);
  } finally {
    prober.close();
  }
}

describe("the method and the body", () => {
  const rows: readonly (readonly [
    options: ProberOptions,
    method: string,
    body: string,
    headers: Record<string, string>,
  ])[] = [
    [{}, "GET", "", {}],
    [{ method: "HEAD" }, "HEAD", "", {}],
    [{ method: "options" }, "OPTIONS", "", {}],
    [{ method: "PROPFIND" }, "PROPFIND", "", {}],
    [{ method: "POST" }, "POST", "", { "content-length": "0" }],
    [{ body: "grün" }, "POST", "grün", { "content-length": "5", "content-type": "text/plain; charset=utf-8" }],
    [
      { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } },
      "PUT",
      "{}",
      { "content-length": "2", "content-type": "application/json" },
    ],
    [{ method: "GET", body: "q" }, "GET", "q", { "content-length": "1", "content-type": "text/plain; charset=utf-8" }],
  ];
  for (const [options, method, body, headers] of rows)
    test(JSON.stringify(options), async () => {
      const { seen, listener } = recording(
        (_, response) => void response.writeHead(200, { "content-length": 2 }).end("OK"),
      );
      const target = await httpTarget(listener);
      const prober = openTarget(`http://127.0.0.1:${target.port}/a`, systemDeps(), options);
      for (let round = 0; round < 2; round += 1) assert.equal(await verdict(prober), "pass");
      prober.close();
      assert.deepEqual([seen[1]?.method, seen[1]?.body, target.accepted], [method, body, 1]);
      for (const name of ["content-length", "content-type"]) assert.equal(seen[1]?.headers[name], headers[name], name);
      assert.equal(seen[0]?.headers["accept-encoding"], "identity");
      await target.stop();
    });

  for (const [options, message] of [
    [{ method: "GET /" }, /method must be a method of HTTP/],
    [{ method: "" }, /method must be a method of HTTP/],
    [{ method: "connect" }, /must not be CONNECT/],
    [{ method: "HEAD", body: "x" }, /body cannot be sent with the method HEAD/],
    [{ method: "trace", body: "x" }, /body cannot be sent with the method TRACE/],
  ] as const)
    test(`${JSON.stringify(options)} is refused when the check is declared`, () =>
      assert.throws(
        () => openTarget("http://127.0.0.1:1/", systemDeps(), options),
        (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && message.test(error.message),
      ));

  test("values that only JavaScript can give are refused too", () => {
    for (const [options, message] of [
      [{ method: 5 }, /method must be/],
      [{ body: 5 }, /body must be text/],
      [{ http2: "h2" }, /http2 must be/],
      [{ followRedirects: true }, /followRedirects must be same-origin; got true/],
      [{ expect: { headers: { a: 5 } } }, /expect\.headers\.a must be text/],
      [{ auth: {} }, /auth\.tokenUrl must be/],
      [{ auth: { tokenUrl: "http://a/" } }, /auth\.clientId must be text/],
      [
        { auth: { tokenUrl: "http://a/", clientId: "a", clientSecret: "b", method: "x" } },
        /auth\.method must be one of client_secret_basic/,
      ],
    ] as const)
      assert.throws(
        // TypeScript refuses these values
        () => openTarget("http://127.0.0.1:1/", systemDeps(), options as unknown as ProberOptions),
        (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && message.test(error.message),
        JSON.stringify(options),
      );
  });

  test("another scheme refuses the options of HTTP", () => {
    for (const options of [
      { method: "HEAD" },
      { body: "x" },
      { http2: true },
      { followRedirects: "same-origin" },
    ] as const)
      for (const url of ["tcp://127.0.0.1:1", "flower+http://127.0.0.1:1", "grpc://127.0.0.1:1"])
        assert.throws(() => openTarget(url, systemDeps(), options), /is not an option of this scheme/);
  });
});

describe("an encoded body", () => {
  const gzipped = (response: ServerResponse, body: Buffer, coding: string) =>
    void response.writeHead(200, { "content-encoding": coding }).end(body);

  test("gzip and br are decoded for body and json", async () => {
    const text = '{"status":"up"}';
    for (const [coding, body] of [
      ["gzip", gzipSync(text)],
      ["br", brotliCompressSync(text)],
    ] as const) {
      const target = await httpTarget((_, response) => gzipped(response, body, coding));
      assert.equal(await verdictOf(target, "/", { expect: { json: { status: "up" }, body: "up" } }), "pass");
      await target.stop();
    }
  });

  test("a coding that cannot be decoded is a failure only if the body is needed", async () => {
    const target = await httpTarget((_, response) => gzipped(response, Buffer.from("x"), "zstd"));
    assert.equal(await verdictOf(target, "/", {}), "pass");
    assert.equal(await verdictOf(target, "/", { expect: { body: "x" } }), "fail body");
    assert.equal(await verdictOf(target, "/", { expect: { json: { a: 1 } } }), "fail json");
    assert.equal(await verdictOf(target, "/", { expect: { status: [404], body: "x" } }), "fail status");
    await target.stop();
  });

  test("a text at byte 70,000 of the decoded body is not found", async () => {
    const body = gzipSync(`${"x".repeat(60_000)}near${"x".repeat(9_996)}far`);
    const target = await httpTarget((_, response) => gzipped(response, body, "gzip"));
    assert.equal(await verdictOf(target, "/", { expect: { body: "near" } }), "pass");
    assert.equal(await verdictOf(target, "/", { expect: { body: "far" } }), "fail body");
    await target.stop();
  });
});

test("text in ISO-8859-1, and JSON with a byte order mark, are read", async () => {
  const target = await httpTarget((request, response) => {
    if (request.url === "/json") response.end('\ufeff{"ok":true}');
    else
      response.writeHead(200, { "content-type": "text/html; charset=iso-8859-1" }).end(Buffer.from("läuft", "latin1"));
  });
  assert.equal(await verdictOf(target, "/", { expect: { body: "läuft" } }), "pass");
  assert.equal(await verdictOf(target, "/json", { expect: { json: { ok: true } } }), "pass");
  await target.stop();
});

describe("redirects to the same server", () => {
  const following = { followRedirects: "same-origin" } as const;
  const redirecting = async (status: number, locations: Readonly<Record<string, string>>) => {
    const { seen, listener } = recording(({ url = "" }, response) => {
      const location = locations[url];
      if (location === undefined) response.end("OK");
      else response.writeHead(status, { location }).end();
    });
    return { seen, target: await httpTarget(listener) };
  };

  for (const [status, method, then] of [
    [301, "GET", "GET"],
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [302, "PUT", "PUT"],
    [303, "PUT", "GET"],
    [303, "HEAD", "HEAD"],
    [307, "POST", "POST"],
    [308, "POST", "POST"],
  ] as const)
    test(`${status} after ${method} is followed with ${then}`, async () => {
      const { seen, target } = await redirecting(status, { "/a": "/b?c=d" });
      const body = method === "GET" || method === "HEAD" ? {} : { body: "text" };
      const credentials = { headers: { authorization: "Bearer x" } };
      assert.equal(await verdictOf(target, "/a", { ...following, method, ...body, ...credentials }), "pass");
      assert.deepEqual([seen.length, target.accepted], [2, 1], "on the same connection");
      assert.deepEqual([seen[1]?.method, seen[1]?.url, seen[1]?.headers.authorization], [then, "/b?c=d", "Bearer x"]);
      assert.equal(seen[1]?.body, then === "GET" || then === "HEAD" ? "" : "text");
      await target.stop();
    });

  test("absolute and relative locations of the target are followed, also those of its header Host", async () => {
    const target = await httpTarget((request, response) => {
      const self = `127.0.0.1:${target.port}`;
      const locations: Readonly<Record<string, string>> = {
        "/a/b": `http://${self}/c`,
        "/c": "d/e",
        "/d/e": `//${self}/f#part`,
        "/f": "http://SHOP.example/g%20h",
      };
      const location = locations[request.url ?? ""];
      if (location === undefined) response.writeHead(request.url === "/g%20h" ? 200 : 500).end();
      else response.writeHead(302, { location }).end();
    });
    assert.equal(await verdictOf(target, "/a/b", { ...following, headers: { host: "shop.example" } }), "pass");
    await target.stop();
  });

  for (const [label, location, why] of [
    ["another host", "http://localhost:PORT/", /on another server/],
    ["another port", "http://127.0.0.1:1/", /on another server/],
    ["another scheme", "https://127.0.0.1:PORT/", /on another server/],
    ["a metadata service", "http://169.254.169.254/latest", /on another server/],
    ["a URL without a host", "http://", /not a URL/],
    ["a very long location", `/${"x".repeat(9_000)}`, /more than 8000 bytes/],
    ["itself, without end", "/a", /there were 5 before it/],
  ] as const)
    test(`a redirect to ${label} is not followed, and the detail says why`, async () => {
      const { seen, listener } = recording((_, response) => {
        response.writeHead(302, { location: location.replace("PORT", String(target.port)) }).end();
      });
      const target = await httpTarget(listener);
      const prober = openTarget(`http://127.0.0.1:${target.port}/a`, systemDeps(), following);
      const { reason, detail } = await probe(prober);
      prober.close();
      assert.equal(reason, "redirect");
      assert.match(detail ?? "", why);
      assert.equal(seen.length, location === "/a" ? 6 : 1);
      await target.stop();
    });

  test("of two locations none is followed; the same one twice is followed", async () => {
    const answers = { "/two": "location: /b\r\nlocation: /c", "/same": "location: /b\r\nLocation: /b" };
    const target = await rawTarget((socket) =>
      socket.on("data", (bytes) => {
        const [, path = ""] = bytes.toString().split(" ");
        const location = Object.entries(answers).find(([from]) => from === path)?.[1];
        socket.write(
          location === undefined
            ? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            : `HTTP/1.1 302 Found\r\n${location}\r\ncontent-length: 0\r\n\r\n`,
        );
      }),
    );
    assert.equal(await verdictOf(target, "/same", following), "pass");
    const prober = openTarget(`http://127.0.0.1:${target.port}/two`, systemDeps(), following);
    const { reason, detail } = await probe(prober);
    prober.close();
    assert.equal(
      `${reason} | ${detail}`,
      'redirect | HTTP status 302, expected 200-299; its location is "/b\\n/c"; the redirect was not followed: it has two locations',
    );
    await target.stop();
  });

  for (const status of [300, 304, 305, 306])
    test(`${status} is no redirect to follow, so the detail says nothing about that`, async () => {
      const target = await httpTarget((_, response) => void response.writeHead(status, { location: "/b" }).end());
      const prober = openTarget(`http://127.0.0.1:${target.port}/a`, systemDeps(), following);
      assert.equal((await probe(prober)).detail, `HTTP status ${status}, expected 200-299`);
      prober.close();
      await target.stop();
    });

  test("a redirect without a location is an answer; by default none is followed", async () => {
    const { target } = await redirecting(302, { "/a": "/b" });
    assert.equal(await verdictOf(target, "/a", {}), "fail redirect");
    assert.equal(await verdictOf(target, "/a", { expect: { status: [302] } }), "pass");
    await target.stop();
    const bare = await httpTarget((_, response) => void response.writeHead(304).end());
    assert.equal(await verdictOf(bare, "/a", { ...following, expect: { status: [304] } }), "pass");
    await bare.stop();
  });

  test("a redirect is followed on a new connection when the target closes the first", async () => {
    const target = await httpTarget((request, response) => {
      if (request.url === "/a") response.writeHead(302, { location: "/b", connection: "close" }).end();
      else response.end("OK");
    });
    assert.equal(await verdictOf(target, "/a", following), "pass");
    assert.equal(target.accepted, 2);
    await target.stop();
  });
});

describe("HTTP/2", () => {
  const onStream =
    (seen: Record<string, unknown>[]) => (stream: ServerHttp2Stream, headers: Record<string, unknown>) => {
      stream.on("error", () => {});
      let body = "";
      stream.on("data", (bytes) => {
        body += bytes;
      });
      stream.on("end", () => {
        seen.push({ ...headers, body });
        if (headers[":path"] === "/a") stream.respond({ ":status": 302, location: "/b" }, { endStream: true });
        else if (headers[":path"] === "/long") {
          stream.respond({ ":status": 200 });
          stream.end(Buffer.alloc(200_000, "x"));
        } else {
          stream.additionalHeaders({ ":status": 103 });
          stream.respond({
            ":status": 200,
            "content-length": 2,
            "x-state": ["down", "up"],
            "content-type": "text/plain",
          });
          stream.end("OK");
        }
      });
    };

  test("prior-knowledge: one connection, the same expectations, redirects, methods and bodies", async () => {
    const seen: Record<string, unknown>[] = [];
    const target = await Target.start(createHttp2().on("stream", onStream(seen)));
    const options = {
      http2: "prior-knowledge",
      followRedirects: "same-origin",
      method: "PUT",
      body: "text",
      headers: { "x-a": "b", Host: "shop.example" },
      expect: { body: "OK", headers: { "x-state": "up", "content-type": "text/plain" } },
    } as const;
    const prober = openTarget(`http://127.0.0.1:${target.port}/a`, systemDeps(), options);
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    prober.close();
    assert.deepEqual([seen.length, target.accepted], [6, 1]);
    const { ":method": method, ":authority": authority, ":path": path, "x-a": a, body } = seen[1] ?? {};
    assert.deepEqual([method, authority, path, a, body], ["PUT", "shop.example", "/b", "b", "text"]);
    for (const [method, path] of [
      ["HEAD", "/"],
      ["GET", "/long"],
      ["GET", "/long"],
    ] as const)
      assert.equal(await verdictOf(target, path, { http2: "prior-knowledge", method }), "pass");
    await target.stop();
  });

  test("true: ALPN over TLS; a target without HTTP/2 fails", async () => {
    const tls = { ca: fixture("ca.crt"), serverName: "localhost" };
    const secure = await Target.start(createSecureServer(identity()).on("stream", onStream([])));
    assert.equal(await verdictOf(secure, "/", { http2: true, tls, expect: { body: "OK" } }, "https"), "pass");
    await secure.stop();
    const http1 = await Target.start(createHttps(identity(), (_, response) => void response.end("OK")));
    assert.match(await verdictOf(http1, "/", { http2: true, tls }, "https"), /^fail (protocol|tls|reset)$/);
    await http1.stop();
    const plain = await httpTarget((_, response) => void response.end("OK"));
    assert.equal(await verdictOf(plain, "/", { http2: "prior-knowledge" }), "fail protocol");
    await plain.stop();
  });

  for (const [length, expected] of [
    ["5", "fail protocol"],
    ["+2", "fail protocol"],
    ["0x2", "fail protocol"],
    ["2, 5", "fail protocol"],
    ["2, 2", "pass"],
  ] as const)
    test(`a body of two bytes with content-length ${length}: ${expected}`, async () => {
      const head = headerBlock([
        [":status", "200"],
        ["content-length", length],
      ]);
      const target = await frameTarget((stream, write) =>
        write(h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, head), h2frame(TYPE.DATA, 1, stream, Buffer.from("OK"))),
      );
      assert.equal(await verdictOf(target, "/", { http2: "prior-knowledge" }), expected);
      await target.stop();
    });

  for (const [url, options, message] of [
    ["http://127.0.0.1:1/", { http2: true }, /prior-knowledge for a target without TLS/],
    ["https://127.0.0.1:1/", { http2: "prior-knowledge" }, /http2 must be true for a target of https/],
    ["http://127.0.0.1:1/", { http2: "prior-knowledge", headers: { a: "b".repeat(17_000) } }, /at most 16384 bytes/],
  ] as const)
    test(`${url} with ${JSON.stringify(options).slice(0, 40)} is refused when the check is declared`, () =>
      assert.throws(
        () => openTarget(url, systemDeps(), options),
        (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && message.test(error.message),
      ));
});

test("answers that RFC 9112 lets a client repair pass", async () => {
  for (const bytes of [
    "HTTP/1.1 200 OK\nX-State: up\nContent-Length: 2\n\nOK",
    "HTTP/1.1 200 OK\r\nX-State:\r\n  up\r\nContent-Length: 2\r\n\r\nOK",
    "HTTP/1.0 200\r\nX-State : up\r\n\r\nOK",
    "HTTP/1.1 103 Early\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\nx-state: up\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nOK\r\n0\r\nx: y\r\n\r\n",
  ]) {
    const target = await rawTarget((socket) => {
      socket.on("end", () => socket.destroy()).once("data", () => void socket.end(bytes));
    });
    assert.equal(await verdictOf(target, "/", { expect: { body: "OK", headers: { "x-state": "up" } } }), "pass", bytes);
    await target.stop();
  }
});
