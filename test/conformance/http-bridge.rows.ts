/** Section A6: the HTTP bridge. */
import assert from "node:assert/strict";
import { eventually, PATIENCE_MS } from "../support/eventually.js";
import { RawPeer } from "../support/raw-http2.js";
import { type Rows, row } from "./rows.js";
import { getOnce } from "./wire.rows.js";

/** An answer, read from the socket's text: nothing is hidden by a client library. */
interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

function parse(text: string): Answer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = lines.map(
    (each) => [each.slice(0, each.indexOf(":")).toLowerCase(), each.slice(each.indexOf(":") + 1).trim()] as const,
  );
  return { status: Number(line.split(" ")[1]), headers: new Map(headers), body: rest.join("\r\n\r\n") };
}

async function get(port: number, target: string): Promise<Answer> {
  return parse(await getOnce(port, target));
}

/** Sends text and reads until the server closes. */
async function send(port: number, text: string, withinMs = PATIENCE_MS): Promise<string> {
  const raw = new RawPeer(port);
  raw.write(Buffer.from(text, "latin1"));
  await eventually(() => raw.closed, `the end of ${JSON.stringify(text.slice(0, 40))}`, withinMs);
  return raw.received.toString();
}

export const httpRows: Rows = (factory) => {
  row(factory, "SERVING is 200 and exactly OK [A96]", async ({ server }) => {
    const { status, headers, body } = await get(server.port, "/healthcheck");
    assert.deepEqual([status, body], [200, "OK"]);
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(headers.get("content-length"), "2");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    for (const name of ["x-powered-by", "server", "location", "etag"]) assert.ok(!headers.has(name), name);
  });

  row(factory, "HEAD has the same headers and no body [A97]", async ({ server }) => {
    const head = parse(await send(server.port, "HEAD /healthcheck HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert.deepEqual([head.status, head.body, head.headers.get("content-length")], [200, "", "2"]);
  });

  row(factory, "NOT_SERVING and UNKNOWN are 503 and the name of the status only [A98]", async ({ server }) => {
    for (const status of ["NOT_SERVING", "UNKNOWN"] as const) {
      server.set("", status);
      const answer = await get(server.port, "/healthcheck");
      assert.deepEqual([answer.status, answer.body], [503, status]);
    }
  });

  const pending = { checks: { slow: () => new Promise(() => {}) } };
  row(
    factory,
    "a check without a result is 503 UNKNOWN [A98]",
    async ({ server }) => {
      for (const path of ["/healthcheck", "/healthcheck/slow", "/readyz", "/startupz"]) {
        const { status, body } = await get(server.port, path);
        assert.deepEqual([status, body], [503, "UNKNOWN"], path);
      }
    },
    pending,
  );

  row(factory, "/healthcheck/ is the server as a whole [A99]", async ({ server }) => {
    assert.equal((await get(server.port, "/healthcheck/")).body, "OK");
  });

  row(factory, "a service has its own answer [A100]", async ({ server }) => {
    server.set("a.b.C", "SERVING");
    server.set("a.b.D", "NOT_SERVING");
    const answers = await Promise.all(
      ["a.b.C", "a.b.D", "a.b.E"].map((name) => get(server.port, `/healthcheck/${name}`)),
    );
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      [
        [200, "OK"],
        [503, "NOT_SERVING"],
        [404, "SERVICE_UNKNOWN"],
      ],
    );
    assert.equal((await get(server.port, "/healthcheck?service=a.b.C")).status, 200);
    assert.equal((await get(server.port, "/healthcheck?service=a.b.D")).status, 503);
    assert.equal((await get(server.port, "/healthcheck/a.b.C?service=a.b.D")).status, 400);
  });

  row(factory, "a percent-encoded name is decoded [A101]", async ({ server }) => {
    server.set("a.b", "SERVING");
    assert.equal((await get(server.port, "/healthcheck/a%2Eb")).status, 200);
  });

  row(factory, "a percent-encoded name is decoded once only [A102]", async ({ server }) => {
    server.set("a.b", "SERVING");
    assert.equal((await get(server.port, "/healthcheck/a%252Eb")).status, 404);
    server.set("a%2Eb", "SERVING");
    assert.equal((await get(server.port, "/healthcheck/a%252Eb")).status, 200);
  });

  row(factory, "an unknown parameter is ignored [A103]", async ({ server }) => {
    assert.equal((await get(server.port, "/healthcheck?x=1")).body, "OK");
  });

  row(factory, "no path is answered with a redirect [A104]", async ({ server }) => {
    const paths = [
      "/",
      "",
      "//",
      "/healthcheck//",
      "/livez/",
      "/readyz/",
      "/healthcheck/..",
      "/HEALTHCHECK",
      "/healthcheck%2f",
      "/x/../healthcheck",
      "/index.html",
    ];
    for (const path of paths) {
      const { status } = parse(await send(server.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`));
      assert.ok(status < 300 || status >= 400, `${path}: ${status}`);
    }
  });

  row(factory, "another path is 404 [A105]", async ({ server }) => {
    for (const path of ["/", "/healthcheckx", "/HEALTHCHECK", "/favicon.ico", "/livezz"]) {
      const answer = await get(server.port, path);
      assert.deepEqual(
        [answer.status, answer.body, answer.headers.get("cache-control")],
        [404, "NOT_FOUND", "no-store"],
        path,
      );
    }
  });

  row(factory, "another method is 405, and its body ends the connection [A106]", async ({ server }) => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "TRACE"]) {
      const answer = parse(
        await send(server.port, `${method} /healthcheck HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`),
      );
      assert.deepEqual(
        [answer.status, answer.headers.get("allow"), answer.headers.get("connection")],
        [405, "GET, HEAD, OPTIONS", "close"],
        method,
      );
    }
  });

  row(factory, "two pipelined requests have two answers, in order [A107]", async ({ server }) => {
    server.set("down", "NOT_SERVING");
    const text = await send(
      server.port,
      "GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\nGET /healthcheck/down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      ["200", "503"],
    );
  });

  row(factory, "HTTP/1.0 is answered, and the connection closed [A108]", async ({ server }) => {
    assert.match(await send(server.port, "GET /healthcheck HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nOK$/);
  });

  row(factory, "gRPC and HTTP agree at every moment [A109]", async ({ server, peer }) => {
    for (let round = 0; round < 1000; round += 1) {
      if (round % 3 === 0) server.set("", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
      const [check, answer] = await Promise.all([
        peer.check(""),
        round % 20 === 0 ? get(server.port, "/healthcheck") : undefined,
      ]);
      if (answer !== undefined) assert.equal(answer.status, check.status === 1 ? 200 : 503);
    }
  });

  row(factory, "/livez is 200 while draining, and when everything is NOT_SERVING [A110]", async ({ server }) => {
    server.set("", "NOT_SERVING");
    assert.equal((await get(server.port, "/livez")).status, 200);
    server.drain();
    assert.deepEqual([(await get(server.port, "/livez")).status, (await get(server.port, "/livez")).body], [200, "OK"]);
  });

  row(factory, "/readyz is 503 while draining, with Envoy's header [A111]", async ({ server }) => {
    assert.equal((await get(server.port, "/readyz")).status, 200);
    server.drain();
    for (const path of ["/readyz", "/healthz", "/healthcheck"]) {
      const { status, headers } = await get(server.port, path);
      assert.deepEqual(
        [status, headers.has("x-envoy-immediate-health-check-fail"), headers.has("retry-after")],
        [503, true, true],
        path,
      );
    }
  });

  row(factory, "OPTIONS is answered like GET, also without CORS headers [A112]", async ({ server }) => {
    server.set("down", "NOT_SERVING");
    const preflight = "Origin: http://evil\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n";
    for (const [target, expected] of [
      ["/healthcheck", 200],
      ["/healthcheck/down", 503],
      ["/readyz", 200],
      ["*", 200],
    ] as const) {
      const { status, headers } = parse(
        await send(server.port, `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\n${preflight}`),
      );
      assert.equal(status, expected, target);
      assert.ok(![...headers.keys()].some((name) => name.startsWith("access-control")));
    }
    // HAProxy's bare `option httpchk` has this version and no Host
    assert.match(await send(server.port, "OPTIONS /healthcheck/down HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 503 /);
  });

  row(factory, "a target in absolute form is served, and its Host is ignored [B63]", async ({ server }) => {
    server.set("down", "NOT_SERVING");
    for (const [target, expected] of [
      ["http://flower/healthcheck", 200],
      ["HTTP://flower:8080/healthcheck/down", 503],
      ["https://[::1]:8080/readyz?verbose", 200],
      ["http://flower", 404],
      ["http://flower?x=/healthcheck", 404],
      ["http://user@flower/healthcheck", 400],
      ["http:///healthcheck", 400],
      ["http://flower/healthcheck#x", 400],
      ["http:/healthcheck", 400],
      ["ftp://flower/healthcheck", 400],
      ["flower:8080", 400],
    ] as const) {
      const text = await send(server.port, `GET ${target} HTTP/1.1\r\nHost: another\r\nConnection: close\r\n\r\n`);
      assert.equal(parse(text).status, expected, target);
    }
    assert.match(await send(server.port, "GET http://flower/healthcheck HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });

  row(factory, "a degraded service is 200 with Envoy's header", async ({ server }) => {
    server.set("a", "SERVING", { degraded: true });
    const { status, body, headers } = await get(server.port, "/healthcheck/a");
    assert.deepEqual([status, body, headers.get("x-envoy-degraded")], [200, "OK", "true"]);
  });

  row(
    factory,
    "an ambiguous request is 400 once, and the connection is closed [B61, B62, B63, B64, B65]",
    async ({ server }) => {
      const requests: Readonly<Record<string, string>> = {
        "no Host": "GET /healthcheck HTTP/1.1\r\n\r\n",
        "two Hosts": "GET /healthcheck HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "HTTP/0.9": "GET /healthcheck\r\n\r\n",
        "HTTP/2.0": "GET /healthcheck HTTP/2.0\r\nHost: a\r\n\r\n",
        "HTTP/1.2": "GET /healthcheck HTTP/1.2\r\nHost: a\r\n\r\n",
        "authority form": "GET evil:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        asterisk: "GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        fragment: "GET /healthcheck#x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "TE and CL":
          "POST /healthcheck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "two CL": "GET /healthcheck HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        xchunked: "GET /healthcheck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "chunked, identity": "GET /healthcheck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "signed CL": "GET /healthcheck HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        "huge CL": `GET /healthcheck HTTP/1.1\r\nHost: a\r\nContent-Length: 1${"0".repeat(30)}\r\n\r\n`,
        "bare LF": "GET /healthcheck HTTP/1.1\nHost: a\n\n",
        "folded header": "GET /healthcheck HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "space before colon": "GET /healthcheck HTTP/1.1\r\nHost : a\r\n\r\n",
        "NUL in a header": "GET /healthcheck HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
      };
      for (const [name, text] of Object.entries(requests)) {
        const answers = [...(await send(server.port, text)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
        assert.deepEqual(answers, ["400"], name);
      }
    },
  );

  row(factory, "headers or targets above the limits are 431 or 414, and close [B66]", async ({ server }) => {
    const headers = Array.from({ length: 65 }, (_, index) => `X-${index}: 1\r\n`).join("");
    const requests = {
      "431": [
        `GET /healthcheck HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(9000)}\r\n\r\n`,
        `GET /healthcheck HTTP/1.1\r\nHost: a\r\n${headers}\r\n`,
      ],
      "414": [`GET /healthcheck/${"x".repeat(2100)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`],
    };
    for (const [status, texts] of Object.entries(requests)) {
      for (const text of texts) assert.equal(String(parse(await send(server.port, text)).status), status);
    }
  });

  row(factory, "an invalid target is 400, an unknown one 404 [B67, B68, B69, B70]", async ({ server }) => {
    server.set("a", "SERVING");
    const bad = ["%zz", "%", "%c3%28", "%00", "%0d%0a", "../x", "%2e%2e/x", "/x", "\\", "n".repeat(201), "%7f"];
    for (const name of bad) assert.equal((await get(server.port, `/healthcheck/${name}`)).status, 400, name);
    assert.equal((await get(server.port, "/healthcheck?service=%zz")).status, 400);
    for (const path of ["/HEALTHCHECK", "/healthcheckx"])
      assert.equal((await get(server.port, path)).status, 404, path);
  });

  row(factory, "body, Expect, Upgrade, CONNECT and TRACE are answered [B71, B72, B73]", async ({ server }) => {
    const huge = parse(
      await send(server.port, "GET /healthcheck HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nx"),
    );
    assert.deepEqual([huge.status, huge.headers.get("connection")], [200, "close"]);
    const close = "Host: a\r\nConnection: close\r\n";
    assert.equal(parse(await send(server.port, `GET /healthcheck HTTP/1.1\r\n${close}Expect: x\r\n\r\n`)).status, 417);
    for (const upgrade of ["h2c", "websocket"]) {
      const text = `GET /healthcheck HTTP/1.1\r\nHost: a\r\nUpgrade: ${upgrade}\r\nConnection: Upgrade, close\r\n\r\n`;
      assert.equal(parse(await send(server.port, text)).status, 200, upgrade);
    }
    assert.equal(await send(server.port, `CONNECT a:1 HTTP/1.1\r\n${close}\r\n`), "");
    assert.equal(parse(await send(server.port, `TRACE /healthcheck HTTP/1.1\r\n${close}\r\n`)).status, 405);
  });

  row(factory, "a client of another protocol is closed without an HTTP answer", async ({ server }) => {
    for (const text of [
      "SSH-2.0-OpenSSH_9.2\r\n",
      "INVALID CONNECTION PREFACE\r\n\r\n",
      "HELO there\r\n",
      "\0\0\0\0\r\n",
    ])
      assert.equal(await send(server.port, text), "", text);
    assert.equal(parse(await send(server.port, "FOO /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")).status, 400);
  });

  row(
    factory,
    "headers that come too slowly are 408, on a port that both protocols share [B74]",
    async ({ server }) => {
      const slow = await send(server.port, "GET /healthcheck HTTP/1.1\r\nHost: a\r\n", 30_000);
      assert.match(slow, /^HTTP\/1\.1 408 /);
    },
  );

  row(factory, "a chunked body that never ends is closed [B77]", async ({ server }) => {
    const head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    await send(server.port, `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`, 30_000);
  });
};
