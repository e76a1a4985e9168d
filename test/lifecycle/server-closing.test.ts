/** What holds up the closing of a server, and what does not: connections in every state, over every protocol of Node. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, createServer, get, request } from "node:http";
import { createServer as createHttp2Server, createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { gracefulShutdown, Health } from "../../src/index.js";
import { eventually, inTime, pause } from "../support/eventually.js";

const tlsFile = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));
const TLS = { key: tlsFile("server.key"), cert: tlsFile("server.crt"), allowHTTP1: true };

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return address.port;
}

/** A shutdown of servers, without signals and without a drain delay. Servers have 5 s. */
function prepare(...servers: readonly Server[]) {
  const health = new Health();
  const lines: string[] = [];
  const log = (line: string) => lines.push(line.replace(/ \d+ ms/g, ""));
  const shutdown = gracefulShutdown({ health, servers, signals: [], drainDelayMs: 0, timeoutMs: 10_000, log });
  return {
    health,
    /** Shuts down, and returns the milliseconds that it took. */
    async shutDown(): Promise<number> {
      const startedAt = performance.now();
      await inTime(shutdown.shutdown(), "the end");
      assert.doesNotMatch(lines.join("\n"), /given up|failed/);
      return performance.now() - startedAt;
    },
  };
}

async function open(t: TestContext, port: number, options?: { readonly alpn: string }): Promise<Socket> {
  const host = "127.0.0.1";
  const tls = options && { ALPNProtocols: [options.alpn], rejectUnauthorized: false };
  const socket = tls === undefined ? connect(port, host) : connectTls({ port, host, ...tls });
  t.after(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, tls === undefined ? "connect" : "secureConnect");
  return socket;
}

/** All text that arrives until the connection ends. */
async function receive(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  await inTime(once(socket, "close"), "the connection ends");
  return text;
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const APPLICATION = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** A server, and what a client has sent to it: a part of a request. */
const PARTS: Readonly<Record<string, { create(): Server; readonly alpn?: string; readonly bytes: string }>> = {
  "half of a request line": { create: createServer, bytes: "GET /ord" },
  "a request head without its end": { create: createServer, bytes: "GET / HTTP/1.1\r\nHost: a\r\n" },
  "an empty line": { create: createServer, bytes: "\r\n" },
  "a request, and half of the next one": {
    create: () => createServer((_request, response) => void response.end("application")),
    bytes: `${APPLICATION}GET /ord`,
  },
  "half of a request line over TLS": { create: () => createHttpsServer(TLS), alpn: "http/1.1", bytes: "GET /ord" },
  "half of a request line on a server of HTTP/2": {
    create: () => createSecureServer(TLS),
    alpn: "http/1.1",
    bytes: "GET /ord",
  },
  "half of a TLS handshake": { create: () => createHttpsServer(TLS), bytes: "\x16\x03\x01\x02" },
  "half of a TLS handshake on a server of HTTP/2": { create: () => createSecureServer(TLS), bytes: "\x16\x03\x01\x02" },
  "half of a preface of HTTP/2": { create: createHttp2Server, bytes: PREFACE.slice(0, 12) },
  "half of a HEADERS frame": { create: createHttp2Server, bytes: `${PREFACE}\0\0\x20\x01\x05\0\0\0\x01\x82` },
  "half of a HEADERS frame over TLS": {
    create: () => createSecureServer(TLS),
    alpn: "h2",
    bytes: `${PREFACE}\0\0\x20\x01\x05\0\0\0\x01\x82`,
  },
};

describe("the end of a server is not held up by a client that has sent", () => {
  for (const [what, { create, alpn, bytes }] of Object.entries(PARTS))
    test(what, async (t) => {
      const server = create();
      const { shutDown } = prepare(server);
      const socket = await open(t, await listen(t, server), alpn === undefined ? undefined : { alpn });
      socket.write(Buffer.from(bytes, "latin1"));
      socket.resume();
      await pause(100);
      const tookMs = await shutDown();
      assert(tookMs < 3_000, `${tookMs} ms`);
    });

  test("requests whose answer began before the drain, and keeps its connection", async (t) => {
    const server = createServer((_request, response) => {
      response.write("begin ");
      setTimeout(() => response.end("end"), 600);
    });
    const { shutDown } = prepare(server);
    const port = await listen(t, server);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const [response] = await once(get({ port, agent, host: "127.0.0.1" }), "response");
    let text = "";
    response.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    const tookMs = await shutDown();
    await eventually(() => text === "begin end", "the whole answer");
    assert(tookMs < 3_000, `${tookMs} ms`);
  });
});

describe("the end of a server waits for", () => {
  /** Answers when the body has arrived, half a second later. */
  const answerLate = (server: Server) =>
    server.on("request", (request, response) => {
      request.resume().once("end", () => setTimeout(() => response.end("application"), 500));
    });

  for (const [kind, create, alpn] of [
    ["http", createServer, undefined],
    ["https", () => createHttpsServer(TLS), "http/1.1"],
    ["HTTP/1 on a server of HTTP/2", () => createSecureServer(TLS), "http/1.1"],
  ] as const) {
    const begin = async (t: TestContext, bytes: string) => {
      const server = answerLate(create());
      const { shutDown } = prepare(server);
      const socket = await open(t, await listen(t, server), alpn === undefined ? undefined : { alpn });
      const received = receive(socket);
      socket.write(bytes);
      await pause(100);
      return { socket, received, ended: shutDown() };
    };

    test(`a request whose body is on its way (${kind})`, async (t) => {
      const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab";
      const { socket, received, ended } = await begin(t, head);
      await pause(600);
      socket.write("cd");
      assert.match(await received, /^HTTP\/1\.1 200 OK\r\n.*application/s);
      await ended;
    });

    test(`a request whose head is on its way (${kind})`, async (t) => {
      const { socket, received, ended } = await begin(t, "GET / HTTP/1.1\r\nHost");
      await pause(50);
      socket.write(": a\r\n\r\n");
      assert.match(await received, /^HTTP\/1\.1 200 OK\r\n.*application/s);
      await ended;
    });

    test(`a request that is on its way when nothing has arrived yet (${kind})`, async (t) => {
      const { socket, received, ended } = await begin(t, "");
      await pause(50);
      socket.write(APPLICATION);
      assert.match(await received, /^HTTP\/1\.1 200 OK\r\n.*application/s);
      await ended;
    });

    test(`the second of two requests that were sent together (${kind})`, async (t) => {
      const { received, ended } = await begin(t, APPLICATION.repeat(2));
      assert.equal((await received).match(/application/g)?.length, 2);
      await ended;
    });
  }

  test("a request that waits for 100 Continue", async (t) => {
    const server = createServer();
    server.on("checkContinue", (request, response) => {
      response.writeContinue();
      request.resume().once("end", () => setTimeout(() => response.end("application"), 500));
    });
    const { shutDown } = prepare(server);
    const port = await listen(t, server);
    const upload = request({ port, host: "127.0.0.1", method: "POST", headers: { expect: "100-continue" } });
    upload.flushHeaders();
    await once(upload, "continue");
    const ended = shutDown();
    upload.end("body");
    const [response] = await inTime(once(upload, "response"), "the answer");
    assert.equal(response.statusCode, 200);
    response.resume();
    await ended;
  });

  test("a request that another library has taken from the listeners of the server", async (t) => {
    const server = answerLate(createServer());
    const { shutDown } = prepare(server);
    // as Socket.IO does
    const listeners = server.listeners("request");
    server.removeAllListeners("request");
    server.on("request", (request, response) => {
      if (request.url === "/poll") setTimeout(() => response.end("polled"), 800);
      else for (const listener of listeners) Reflect.apply(listener, server, [request, response]);
    });
    const port = await listen(t, server);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const poll = get({ port, agent, path: "/poll", host: "127.0.0.1" });
    await pause(100);
    const [[response]] = await Promise.all([inTime(once(poll, "response"), "the answer"), shutDown()]);
    assert.deepEqual([response.statusCode, response.headers.connection], [200, "close"]);
  });

  test("a connection of node:net on which the server has spoken", async (t) => {
    const server = createTcpServer((socket) => {
      socket.write("220 ready\r\n");
      setTimeout(() => socket.end("bye"), 600);
    });
    const { shutDown } = prepare(server);
    const socket = await open(t, await listen(t, server));
    const received = receive(socket);
    await pause(100);
    await shutDown();
    assert.equal(await received, "220 ready\r\nbye");
  });

  test("a WebSocket, whether its listener was added before or after", async (t) => {
    for (const isBefore of [true, false]) {
      const server = createServer();
      const accept = () =>
        server.on("upgrade", (_request, socket) => {
          socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
          setTimeout(() => socket.end("bye"), 700);
        });
      if (isBefore) accept();
      const { shutDown } = prepare(server);
      if (!isBefore) accept();
      const socket = await open(t, await listen(t, server));
      const received = receive(socket);
      socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      await pause(100);
      await shutDown();
      assert.match(await received, /bye$/);
    }
  });
});

test("a server that two shutdowns name is closed once, and both wait for its calls", async (t) => {
  const server = createServer((_request, response) => void setTimeout(() => response.end("application"), 600));
  const [one, other] = [prepare(server), prepare(server)];
  const port = await listen(t, server);
  const socket = await open(t, port);
  const received = receive(socket);
  socket.write(APPLICATION);
  await pause(100);
  const times = await Promise.all([one.shutDown(), other.shutDown()]);
  assert(Math.min(...times) > 300, `${times}`);
  assert.match(await received, /application/);
});
