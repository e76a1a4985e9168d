import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { Prober } from "../../src/probers/prober.js";
import { openTarget } from "../../src/probers/schemes.js";
import { eventually, inTime } from "../support/eventually.js";
import { look, verdict } from "./looking.js";
import { httpTarget, rawTarget, type Target } from "./targets.js";

async function withTarget(
  starting: Promise<Target>,
  body: (prober: Prober, target: Target) => Promise<void>,
  { path = "/health", credentials = "" } = {},
): Promise<void> {
  const target = await starting;
  const prober = openTarget(`http://${credentials}127.0.0.1:${target.port}${path}`);
  try {
    await body(prober, target);
  } finally {
    await prober.close();
    await target.deserted();
    await target.stop();
  }
}

const answering = (status: number, headers: Record<string, string> = {}) =>
  httpTarget((_, response) => void response.writeHead(status, headers).end());

/** Says something to whoever connects and asks. */
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
  test(`A123: HTTP ${status} is ${expected}`, () =>
    withTarget(answering(status, { location: "/elsewhere" }), async (prober) =>
      assert.equal(await verdict(prober), expected),
    ));
}

test("A124: a 302 to another host fails as a redirect, and no request is sent there", async () => {
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

test("the request is a GET of the path and query, with a name of ours and the credentials of the URL", async () => {
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
  test(`a target that ${label} a kept connection just as it is used again has not failed: a fresh one tells`, () => {
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

  test(`a target that ${label} a fresh connection has failed, and is asked once`, () =>
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

test("a body that comes byte by byte is waited for", () => {
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

test("a body that breaks off is a failure, whatever the status", () =>
  withTarget(
    saying((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")),
    async (prober) => assert.equal(await verdict(prober), "fail closed"),
  ));

const NONSENSE: readonly (readonly [label: string, bytes: string])[] = [
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.6\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"],
  ["headers beyond 16 KiB", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(20_000)}\r\n\r\n`],
  ["headers without an end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(10_000)}`],
  ["a switch of protocols that nobody asked for", "HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
];

for (const [label, bytes] of NONSENSE) {
  test(`a target that answers ${label} fails, and does us no harm`, () =>
    withTarget(
      saying((socket) => void socket.write(bytes)),
      async (prober) => assert.match(await inTime(verdict(prober), "a verdict"), /^fail (protocol|reset|closed)$/),
    ));
}

test("what a target sends after its answer does us no harm", () =>
  withTarget(
    saying((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOKgarbage\r\n\r\n")),
    async (prober) => {
      for (let round = 0; round < 3; round += 1) assert.match(await verdict(prober), /^(pass|fail protocol)$/);
    },
  ));

test("the reason says what it was: a port where nobody listens, a name that doesn't exist", async () => {
  const target = await answering(200);
  await target.stop();
  const nobody = openTarget(`http://127.0.0.1:${target.port}/`);
  const { reason, detail } = await look(nobody);
  assert.deepEqual([reason, detail?.includes("ECONNREFUSED")], ["refused", true]);
  await nobody.close();
  const nowhere = openTarget("http://does-not-exist.invalid/");
  assert.equal(await verdict(nowhere), "fail dns");
  await nowhere.close();
});

test("an aborted probe gives its connection up, with an answer half read too", () =>
  withTarget(
    httpTarget((_, response) => void response.writeHead(200, { "content-length": "9" }).write("half")),
    async (prober, target) => {
      const abort = new AbortController();
      const probing = prober.probe({ signal: abort.signal, timeoutMs: 60_000 });
      await eventually(() => target.connections.size === 1, "connected");
      abort.abort();
      await inTime(probing, "the probe ends");
      await target.deserted();
    },
  ));
