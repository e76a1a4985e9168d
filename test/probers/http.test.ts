import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import type { ProberOptions } from "../../src/probers/options.js";
import type { Prober } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { eventually, inTime } from "../support/eventually.js";
import { contextOf, probe, start, verdict } from "./probing.js";
import { httpTarget, rawTarget, type Target } from "./targets.js";

interface Given {
  readonly path?: string;
  readonly credentials?: string;
  readonly options?: ProberOptions;
}

async function withTarget(
  starting: Promise<Target>,
  body: (prober: Prober, target: Target) => Promise<void>,
  { path = "/health", credentials = "", options = {} }: Given = {},
): Promise<void> {
  const target = await starting;
  const prober = openTarget(`http://${credentials}127.0.0.1:${target.port}${path}`, systemDeps(), options);
  try {
    await body(prober, target);
  } finally {
    await prober.close();
    await target.disconnected();
    await target.stop();
  }
}

const answering = (status: number, headers: Record<string, string> = {}) =>
  httpTarget((_, response) => void response.writeHead(status, headers).end());

/** A target that answers each request by hand. */
const saying = (onRequest: (socket: Socket) => void) =>
  rawTarget((socket) => {
    socket.on("end", () => socket.destroy());
    socket.on("data", () => onRequest(socket));
  });

for (const [status, expected] of [
  [200, "pass"],
  [204, "pass"],
  [299, "pass"],
  [301, "fail redirect"],
  [304, "fail redirect"],
  [404, "fail status"],
  [500, "fail status"],
] as const) {
  test(`HTTP ${status} is ${expected} [A123]`, () =>
    withTarget(answering(status, { location: "/elsewhere" }), async (prober) =>
      assert.equal(await verdict(prober), expected),
    ));
}

test("a 302 to another host fails as a redirect, and no request is sent there [A124]", async () => {
  let asked = 0;
  const elsewhere = await httpTarget((_, response) => {
    asked += 1;
    response.end();
  });
  const location = `http://127.0.0.1:${elsewhere.port}/`;
  await withTarget(answering(302, { location }), async (prober) => {
    assert.equal(await verdict(prober), "fail redirect");
    assert.equal(await verdict(prober), "fail redirect");
  });
  assert.deepEqual([asked, elsewhere.accepted], [0, 0]);
  await elsewhere.stop();
});

test("the request is a GET of path and query, with a user agent and the credentials of the URL", async () => {
  let seen: Parameters<RequestListener>[0] | undefined;
  const target = httpTarget((request, response) => {
    seen = request;
    response.end();
  });
  const given = { path: "/a/b?c=d%20e", credentials: "user:p%40ss@" };
  await withTarget(target, async (prober) => assert.equal(await verdict(prober), "pass"), given);
  assert.deepEqual([seen?.method, seen?.url], ["GET", "/a/b?c=d%20e"]);
  assert.match(seen?.headers["user-agent"] ?? "", /^healthbridge/);
  assert.equal(seen?.headers.authorization, `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
});

test("probes of a healthy target share one connection", () =>
  withTarget(
    httpTarget((_, response) => void response.end("OK")),
    async (prober, target) => {
      for (let round = 0; round < 5; round += 1) assert.equal(await verdict(prober), "pass");
      assert.equal(target.accepted, 1);
    },
  ));

for (const [label, end] of [
  ["closes", (socket: Socket) => void socket.end()],
  ["resets", (socket: Socket) => void socket.resetAndDestroy()],
] as const) {
  test(`a target that ${label} a kept connection just when it is used again has not failed: a new connection decides`, () => {
    const used = new WeakSet<Socket>();
    const target = saying((socket) => {
      if (used.has(socket)) {
        end(socket);
        return;
      }
      used.add(socket);
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK");
    });
    return withTarget(target, async (prober) => {
      for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    });
  });

  test(`a target that ${label} a new connection has failed, and is asked once`, () =>
    withTarget(saying(end), async (prober, target) => {
      assert.equal(await verdict(prober), label === "closes" ? "fail closed" : "fail reset");
      assert.equal(target.accepted, 1);
    }));
}

test("a body beyond 64 KiB is not read: the status decides, and the connection is closed", () => {
  let written = 0;
  const target = httpTarget((_, response) => {
    response.writeHead(200);
    const more = () => {
      if (response.destroyed) return;
      written += 16_384;
      if (response.write(Buffer.alloc(16_384))) setImmediate(more);
      else response.once("drain", more);
    };
    more();
  });
  return withTarget(target, async (prober, { connections }) => {
    assert.equal(await inTime(verdict(prober), "an endless body is not waited for"), "pass");
    await eventually(() => connections.size === 0, "the connection is closed");
    // what was written beyond stands in the buffers of the two ends
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes`);
  });
});

test("a body that comes byte by byte is read", () => {
  const target = httpTarget((_, response) => {
    response.writeHead(200, { "content-length": "5" });
    let sent = 0;
    const more = () => {
      response.write("x");
      sent += 1;
      if (sent < 5) setTimeout(more, 5);
      else response.end();
    };
    more();
  });
  return withTarget(target, async (prober) => assert.equal(await verdict(prober), "pass"));
});

test("an incomplete body is a failure, whatever the status", () =>
  withTarget(
    saying((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")),
    async (prober) => assert.equal(await verdict(prober), "fail closed"),
  ));

const NONSENSE: readonly (readonly [label: string, bytes: string])[] = [
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.6\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"],
  ["headers beyond 64 KiB", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}\r\n\r\n`],
  ["headers without an end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(12_000)}`],
  ["a switch of protocols that was not asked for", "HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
];

for (const [label, bytes] of NONSENSE) {
  test(`a target that answers ${label} fails, and the prober keeps working`, () =>
    withTarget(
      saying((socket) => void socket.write(bytes)),
      async (prober) => assert.match(await inTime(verdict(prober), "a verdict"), /^fail (protocol|reset|closed)$/),
    ));
}

test("data after an answer does not affect the prober", () =>
  withTarget(
    saying((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOKgarbage\r\n\r\n")),
    async (prober) => {
      for (let round = 0; round < 3; round += 1) assert.match(await verdict(prober), /^(pass|fail protocol)$/);
    },
  ));

test("a port without a listener and a name that does not exist have different reasons", async () => {
  const target = await answering(200);
  await target.stop();
  const refused = openTarget(`http://127.0.0.1:${target.port}/`);
  const { reason, detail } = await probe(refused);
  assert.deepEqual([reason, detail?.includes("ECONNREFUSED")], ["refused", true]);
  await refused.close();
  const nowhere = openTarget("http://does-not-exist.invalid/");
  assert.equal(await verdict(nowhere), "fail dns");
  await nowhere.close();
});

test("an aborted probe closes its connection, also with half an answer read", () =>
  withTarget(
    httpTarget((_, response) => void response.writeHead(200, { "content-length": "9" }).write("half")),
    async (prober, target) => {
      const abort = new AbortController();
      const probing = start(prober, abort.signal, 60_000);
      await eventually(() => target.connections.size === 1, "connected");
      abort.abort();
      await inTime(probing, "the probe ends");
      await target.disconnected();
    },
  ));

const FOUND = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK";

test("a kept connection that the target closed between two probes is replaced, and the target has not failed", () =>
  withTarget(
    saying((socket) => void socket.end(FOUND)),
    async (prober, target) => {
      for (let round = 1; round <= 3; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await target.disconnected();
      }
      assert.equal(target.accepted, 3);
    },
  ));

test("unexpected data on a kept connection ends it", () =>
  withTarget(
    saying((socket) => void socket.write(FOUND)),
    async (prober, target) => {
      assert.equal(await verdict(prober), "pass");
      for (const socket of target.connections) socket.write(FOUND);
      await target.disconnected();
      assert.equal(await verdict(prober), "pass");
      assert.equal(target.accepted, 2);
    },
  ));

test("a target that ends the kept connection and the new one has failed: there is no third attempt", () => {
  let asked = 0;
  const target = saying((socket) => {
    asked += 1;
    if (asked === 1) socket.write(FOUND);
    else socket.end();
  });
  return withTarget(target, async (prober) => {
    assert.equal(await verdict(prober), "pass");
    assert.equal(await verdict(prober), "fail closed");
    assert.equal(asked, 3);
  });
});

test("a kept connection that ends within an answer is a failure", () => {
  let asked = 0;
  const target = saying((socket) => {
    asked += 1;
    if (asked === 1) socket.write(FOUND);
    else socket.end("HTTP/1.1 2");
  });
  return withTarget(target, async (prober) => {
    assert.equal(await verdict(prober), "pass");
    assert.equal(await verdict(prober), "fail closed");
    assert.equal(asked, 2);
  });
});

/** The sockets that keep this process alive: the two ends of each connection, unless one is only kept. */
const liveSockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

test("an aborted probe closes its connection, also with half a request written", () =>
  withTarget(
    rawTarget((socket) => void socket.pause().on("end", () => socket.destroy())),
    async (prober, { connections }) => {
      const abort = new AbortController();
      const probing = start(prober, abort.signal, 60_000);
      await eventually(() => connections.size === 1, "connected");
      abort.abort();
      assert.equal((await inTime(probing, "the probe ends")).reason, "timeout");
      await eventually(() => liveSockets() === 1, "the target's end alone is left");
      for (const socket of connections) socket.resume();
    },
    { options: { headers: { "x-long": "y".repeat(20_000_000) } } },
  ));

test("with reuse: false, every probe opens its own connection, sends connection: close, and closes it", () => {
  const asked: (string | undefined)[] = [];
  const target = httpTarget((request, response) => {
    asked.push(request.headers.connection);
    response.end();
  });
  return withTarget(
    target,
    async (prober, target) => {
      for (let round = 1; round <= 3; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await target.disconnected();
        assert.equal(target.accepted, round);
      }
      assert.deepEqual(asked, ["close", "close", "close"]);
    },
    { options: { reuse: false } },
  );
});

test("with reuse: false, the connection is closed even if the target would keep it", () =>
  withTarget(
    saying((socket) => void socket.write(FOUND)),
    async (prober, target) => {
      for (let round = 1; round <= 2; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await target.disconnected();
        assert.equal(target.accepted, round);
      }
    },
    { options: { reuse: false } },
  ));

test("a probe leaves no listener on its signal", () =>
  withTarget(answering(200), async (prober) => {
    const { signal } = new AbortController();
    for (let round = 0; round < 2; round += 1) await prober.probe(contextOf(60_000, signal));
    assert.equal(getEventListeners(signal, "abort").length, 0);
  }));

test("a kept connection keeps no process alive", () =>
  withTarget(
    saying((socket) => void socket.write(FOUND)),
    async (prober, target) => {
      assert.equal(await verdict(prober), "pass");
      assert.deepEqual([liveSockets(), target.connections.size], [1, 1], "the target's end alone");
    },
  ));

test("probers that read at the same time read their own answers", async () => {
  const targets = await Promise.all(
    ["a", "b", "c"].map((letter) => httpTarget((_, response) => void response.end(letter.repeat(60_000)))),
  );
  const probers = targets.map(({ port }, index) =>
    openTarget(`http://127.0.0.1:${port}/`, systemDeps(), { expect: { body: "abc".charAt(index).repeat(60_000) } }),
  );
  for (let round = 0; round < 5; round += 1)
    assert.deepEqual(await Promise.all(probers.map((prober) => verdict(prober))), ["pass", "pass", "pass"]);
  for (const prober of probers) prober.close();
  for (const target of targets) await target.stop();
});

test("headers are sent as given, also Host", () => {
  let seen: Parameters<RequestListener>[0] | undefined;
  const target = httpTarget((request, response) => {
    seen = request;
    response.end();
  });
  const options = { headers: { Host: "shop.example", "X-Token": "s3cret", "user-agent": "me" } };
  return withTarget(
    target,
    async (prober) => {
      assert.equal(await verdict(prober), "pass");
      const pairs = {
        host: "shop.example",
        accept: "*/*",
        "accept-encoding": "identity",
        "user-agent": "me",
        "x-token": "s3cret",
      };
      assert.deepEqual(seen?.rawHeaders, Object.entries(pairs).flat());
    },
    { options },
  );
});

for (const [label, headers] of [
  ["a second request in a value", { "x-a": "b\r\n\r\nGET / HTTP/1.1" }],
  ["a name that is none", { "x a": "b" }],
  ["a length", { "Content-Length": "5" }],
] as const)
  test(`headers with ${label} are refused when the check is declared, without showing their values`, () =>
    assert.throws(
      () => openTarget("http://127.0.0.1:1/", systemDeps(), { headers }),
      (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && !error.message.includes("GET"),
    ));

test("a name or password with an invalid percent sign is refused when the check is declared, and not shown", () =>
  assert.throws(
    () => openTarget("http://user:s3cret%zz@127.0.0.1:1/"),
    (error) => error instanceof HealthError && error.code === "INVALID_TARGET" && !error.message.includes("s3cret"),
  ));

test("a text at byte 70,000 is not found in the first 65,536, and the connection is closed [A125]", () =>
  withTarget(
    httpTarget((_, response) => void response.end(`${"x".repeat(70_000)}ready`)),
    async (prober, target) => {
      const { outcome, reason, detail } = await probe(prober);
      assert.deepEqual([outcome, reason], ["fail", "body"]);
      assert.match(detail ?? "", /not found in first 65536 bytes$/);
      await target.disconnected();
    },
    { options: { expect: { body: "ready" } } },
  ));

test("headers without an end fail when 64 KiB of them are read [C36]", () => {
  let written = 0;
  const target = saying((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const more = () => {
      if (socket.destroyed) return;
      written += 8_192;
      if (socket.write("a: b\r\n".repeat(1_366))) setImmediate(more);
      else socket.once("drain", more);
    };
    more();
  });
  return withTarget(target, async (prober, { connections }) => {
    const { reason, detail } = await inTime(probe(prober), "a verdict");
    assert.deepEqual([reason, detail], ["protocol", "the head of the answer is longer than 65536 bytes"]);
    await eventually(() => connections.size === 0, "the connection is closed");
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes`); // the rest stands in the buffers of the two ends
  });
});

for (const [label, location] of [
  ["to itself, without end", "/health"],
  ["to a cloud's metadata service", "http://169.254.169.254/latest/meta-data/"],
] as const)
  test(`a redirect ${label} fails as redirect, after one request [C36]`, () => {
    let asked = 0;
    const target = httpTarget((_, response) => {
      asked += 1;
      response.writeHead(302, { location }).end();
    });
    return withTarget(target, async (prober) => {
      assert.equal(await verdict(prober), "fail redirect");
      assert.equal(asked, 1);
    });
  });

test("an endless answer that comes byte by byte fails at the timeout, and the connection is closed [C5]", () =>
  withTarget(
    httpTarget((_, response) => {
      const drip = setInterval(() => response.write("x"), 5);
      response.on("close", () => clearInterval(drip));
    }),
    async (prober, target) => {
      assert.equal(await inTime(verdict(prober, 300), "a verdict"), "fail timeout");
      await target.disconnected();
    },
  ));
