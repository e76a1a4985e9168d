/** gracefulShutdown: the order of its steps with real servers, and the end of a process by real signals. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, createServer, get, type Server } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server, createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createTcpServer, type Server as NetServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { type GracefulShutdownOptions, gracefulShutdown, Health } from "../../src/index.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { startProgram } from "../support/listening-program.js";

const tlsFile = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));
const TLS = { key: tlsFile("server.key"), cert: tlsFile("server.crt") };

async function listen(t: TestContext, server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return address.port;
}

/** A shutdown without signals, with the names of its steps in their order. */
function prepare(options: Omit<GracefulShutdownOptions, "health">) {
  const health = new Health();
  const lines: string[] = [];
  const shutdown = gracefulShutdown({
    health,
    signals: [],
    drainDelayMs: 100,
    timeoutMs: 3_000,
    log: (line) => lines.push(line.replace(/ \d+ ms/g, "")),
    ...options,
  });
  return { health, lines, shutdown };
}

function request(port: number, path: string, agent: Agent) {
  return new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
    get({ port, path, agent, host: "127.0.0.1" }, (response) => {
      response
        .resume()
        .once("end", () => resolve({ status: response.statusCode, connection: response.headers.connection }));
    }).once("error", reject);
  });
}

describe("gracefulShutdown", () => {
  test("drains, closes the servers, and then runs the hooks in their order; one that fails does not stop the next [M6] [L4]", async (t) => {
    const server = createServer((_request, response) => void response.end("application"));
    const calls: string[] = [];
    const { health, lines, shutdown } = prepare({
      servers: [server],
      hooks: [
        async function first() {
          await pause(20);
          calls.push("first");
        },
        function failing() {
          throw new Error("disk full");
        },
        () => calls.push("last"),
      ],
      drainDelayMs: 1_500,
    });
    health.attach(server);
    const port = await listen(t, server);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    assert.deepEqual(await request(port, "/orders", agent), { status: 200, connection: "keep-alive" });
    const ended = shutdown.shutdown();
    assert.equal(shutdown.shutdown(), ended, "it runs once");
    assert.deepEqual(await request(port, "/orders", agent), { status: 200, connection: "close" });
    assert.deepEqual(await request(port, "/healthcheck", agent), { status: 503, connection: "close" });
    assert.deepEqual(calls, [], "no hook before the servers are closed");
    await inTime(ended, "the end");
    await assert.rejects(request(port, "/orders", agent), { code: "ECONNREFUSED" });
    assert.deepEqual(calls, ["first", "last"]);
    const [failure = ""] = lines.splice(4, 1);
    assert.match(failure, /^hook failing: failed after: Error: disk full\n +at /);
    assert.deepEqual(lines.splice(1, 2).toSorted(), ["HTTP server: done after", "health: done after"]);
    assert.deepEqual(lines, [
      "shutdown(): every service is NOT_SERVING; servers close in",
      "hook first: done after",
      "hook without a name: done after",
      "shut down after",
    ]);
  });

  test("lets a request finish that began before, on a connection that is kept alive", async (t) => {
    const server = createServer((_request, response) => void setTimeout(() => response.end("slow"), 300));
    const { shutdown } = prepare({ servers: [server], drainDelayMs: 0 });
    const port = await listen(t, server);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const slow = request(port, "/", agent);
    await eventually(async () => (await promisify(server.getConnections.bind(server))()) === 1, "the request");
    await pause(50);
    const startedAt = performance.now();
    await shutdown.shutdown();
    assert.equal((await slow).status, 200);
    assert(performance.now() - startedAt < 1_500, "the connection does not wait for its keep-alive timeout");
  });

  test("ends open Watches of a grpc-js server and of its own, with UNAVAILABLE", async (t) => {
    const server = new GrpcServer();
    const { health, lines, shutdown } = prepare({ servers: [server] });
    health.addToServer(server);
    const own = await health.listen(["127.0.0.1:0"]);
    const bind = promisify(server.bindAsync.bind(server));
    const ports = [await bind("127.0.0.1:0", ServerCredentials.createInsecure())];
    for (const address of own.addresses) if ("port" in address) ports.push(address.port);
    const watches = ports.map((port) => {
      const peer = new GrpcPeer(port);
      t.after(() => peer.close());
      return peer.watch("");
    });
    for (const watch of watches) await watch.saw(1);
    await inTime(shutdown.shutdown(), "the end");
    for (const watch of watches) {
      assert.equal((await watch.ended()).code, 14);
      assert.deepEqual(watch.statuses, [1, 2]);
    }
    assert.deepEqual(lines.filter((line) => /done|given up/.test(line)).toSorted(), [
      "gRPC server: done after",
      "health: done after",
    ]);
  });

  const silent = {
    "a connection without a byte": (port: number) => connect(port, "127.0.0.1"),
    "an HTTP/2 session without a call": (port: number) => connectHttp2(`http://127.0.0.1:${port}`),
  };
  for (const [what, open] of Object.entries(silent)) {
    test(`is not held up by ${what}`, async (t) => {
      const server: NetServer = what.includes("HTTP/2") ? createHttp2Server() : createServer();
      const { lines, shutdown } = prepare({ servers: [server], drainDelayMs: 0 });
      const port = await listen(t, server);
      const client = open(port);
      t.after(() => client.destroy());
      client.on("error", () => {});
      await once(client, "connect");
      await pause(50);
      const startedAt = performance.now();
      await shutdown.shutdown();
      assert(performance.now() - startedAt < 1_200);
      assert(!lines.some((line) => line.includes("given up")), lines.join("\n"));
    });
  }

  test("destroys a connection that does not end in half of the time, such as an upgraded one", async (t) => {
    const server = createServer();
    server.on("upgrade", (_request, socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    const { lines, shutdown } = prepare({ servers: [server], drainDelayMs: 1, timeoutMs: 1_000 });
    const port = await listen(t, server);
    const client = connect(port, "127.0.0.1");
    t.after(() => client.destroy());
    client.on("error", () => {});
    client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await once(client, "data");
    const closed = once(client, "close");
    await shutdown.shutdown();
    await inTime(closed, "the connection is destroyed");
    assert(lines.includes("HTTP server: not done in time, given up after"), lines.join("\n"));
  });

  test("closes anything that has close(), and a server of listen() as part of its Health", async (t) => {
    const health = new Health();
    const own = await health.listen(["127.0.0.1:0"]);
    t.after(() => health.shutdown());
    const closed: string[] = [];
    class Worker {
      async close() {
        closed.push("worker");
      }
    }
    const tcp = createTcpServer();
    await listen(t, tcp);
    const other = new Health();
    const ofOther = await other.listen(["127.0.0.1:0"]);
    t.after(() => other.shutdown());
    const lines: string[] = [];
    const log = (line: string) => lines.push(line.replace(/ \d+ ms/g, ""));
    const servers = [new Worker(), own, tcp, ofOther];
    await gracefulShutdown({ health, servers, signals: [], drainDelayMs: 0, log }).shutdown();
    assert.deepEqual(closed, ["worker"]);
    const steps = ["OpenServer", "Server", "Worker", "health"].map((name) => `${name}: done after`);
    assert.deepEqual(lines.slice(1, -1).toSorted(), steps);
    const [address] = ofOther.addresses;
    assert(address !== undefined && "port" in address);
    await assert.rejects(request(address.port, "/livez", new Agent()), { code: "ECONNREFUSED" });
  });

  test("logs a server without a class of its own as a server", async () => {
    const servers = [
      { close: async () => {} },
      Object.assign(Object.create(null), { close: async () => {} }),
      new (class {
        async close() {}
      })(),
      new (class Worker {
        async close() {}
      })(),
    ];
    const { lines, shutdown } = prepare({ servers, drainDelayMs: 0 });
    await inTime(shutdown.shutdown(), "the end");
    const names = ["Worker", "health", "server", "server", "server"];
    assert.deepEqual(
      lines.filter((line) => line.includes(": done after")).toSorted(),
      names.map((name) => `${name}: done after`),
    );
  });

  test("goes on when a server cannot be destroyed", async () => {
    const server = {
      tryShutdown() {},
      forceShutdown() {
        throw new Error("no channelz");
      },
    };
    const hooks = [function last() {}];
    const { lines, shutdown } = prepare({ servers: [server], hooks, drainDelayMs: 1, timeoutMs: 400 });
    await inTime(shutdown.shutdown(), "the end");
    assert.match(lines.join("\n"), /gRPC server, the rest: failed after: Error: no channelz/);
    assert(lines.includes("hook last: done after"));
  });

  test("goes on when what a server throws cannot be read", async () => {
    const unreadable = () => {
      throw new Error("a getter that throws");
    };
    const errors: readonly unknown[] = [
      Object.create(null),
      { toString: unreadable },
      Object.defineProperty(new Error("x"), "stack", { get: unreadable }),
      new Proxy(new Error("x"), { get: unreadable, getPrototypeOf: unreadable }),
      Object.assign(new Error("its stack is gone"), { stack: undefined }),
      Symbol("stop"),
      undefined,
    ];
    const servers = errors.map((error) => ({ close: () => Promise.reject(error) }));
    const { lines, shutdown } = prepare({ servers, hooks: [function last() {}], drainDelayMs: 0 });
    await inTime(shutdown.shutdown(), "the end");
    assert.equal(lines.filter((line) => line.includes("failed after")).length, errors.length, lines.join("\n"));
    assert.match(lines.join("\n"), /its stack is gone/);
    assert(lines.includes("hook last: done after"));
  });

  test("closes a server by the method that it has, and calls it done without an error", async () => {
    const calls: string[] = [];
    const done = (name: string) => async () => void calls.push(name);
    const withoutPrototype = Object.assign(Object.create(null), { close: done("bare") });
    const servers: unknown[] = [
      withoutPrototype,
      { close: true, stop: done("stop") },
      { tryShutdown: false, close: done("close") },
      { forceShutdown() {}, tryShutdown: (callback: (error: null) => void) => callback(null) },
      { constructor: undefined, stop: done("nameless") },
    ];
    const { lines, shutdown } = Reflect.apply(prepare, undefined, [{ servers, drainDelayMs: 0 }]);
    await inTime(shutdown.shutdown(), "the end");
    assert.deepEqual(calls.toSorted(), ["bare", "close", "nameless", "stop"]);
    assert.doesNotMatch(lines.join("\n"), /failed|given up/);
  });

  for (const [kind, create] of [
    [
      "https",
      (options: object) => createHttpsServer(options, (_request, response) => void response.end("application")),
    ],
    [
      "HTTP/2 over TLS",
      (options: object) =>
        createSecureServer({ ...options, allowHTTP1: true }, (_request, response) =>
          setTimeout(() => response.end("application"), 200),
        ),
    ],
  ] as const)
    test(`is not held up by a connection of ${kind} on which nothing was sent but the handshake`, async (t) => {
      const server = create(TLS);
      const { lines, shutdown } = prepare({ servers: [server] });
      const port = await listen(t, server);
      const idle = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () => {});
      t.after(() => idle.destroy());
      await inTime(once(idle, "secureConnect"), "the handshake");
      await inTime(shutdown.shutdown(), "the end");
      assert(lines.includes("HTTP server: done after"), lines.join("\n"));
    });

  test("lets a call over HTTP/2 and TLS finish that runs when the servers close", async (t) => {
    const server = createSecureServer(TLS, (_request, response) => setTimeout(() => response.end("application"), 400));
    const { shutdown } = prepare({ servers: [server] });
    const port = await listen(t, server);
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    t.after(() => session.destroy());
    const call = session.request({ ":path": "/slow" });
    let body = "";
    call.setEncoding("utf8").on("data", (text) => {
      body += text;
    });
    await once(session, "remoteSettings");
    await pause(50);
    await Promise.all([inTime(once(call, "end"), "the answer"), inTime(shutdown.shutdown(), "the end")]);
    assert.equal(body, "application");
  });

  test("stops anything that has stop(), such as a server of Apollo or hapi, and reports its error", async () => {
    const stopped: string[] = [];
    class ApolloServer {
      readonly name = "apollo";
      async stop() {
        stopped.push(this.name);
      }
    }
    class Broker {
      stop(): Promise<void> {
        throw new Error("no transporter");
      }
    }
    const { lines, shutdown } = prepare({ servers: [new ApolloServer(), new Broker()] });
    await shutdown.shutdown();
    assert.deepEqual(stopped, ["apollo"]);
    assert(lines.includes("ApolloServer: done after"), lines.join("\n"));
    assert.match(lines.join("\n"), /Broker: failed after: Error: no transporter/);
  });

  test("closes a server once that is named twice", async () => {
    let closed = 0;
    const worker = {
      async close() {
        closed += 1;
      },
    };
    await prepare({ servers: [worker, worker] }).shutdown.shutdown();
    assert.equal(closed, 1);
  });

  test("cannot be undone: resume() during the drain delay is refused", async () => {
    const { health, shutdown } = prepare({});
    health.set("a", "SERVING");
    const ended = shutdown.shutdown();
    assert.throws(() => health.resume(), { code: "ALREADY_STOPPED" });
    assert.equal(health.status("a"), "NOT_SERVING");
    await ended;
  });

  test("goes on when its log throws, and publishes the error", async () => {
    const errors: unknown[] = [];
    const onFault = (message: unknown) => errors.push(Object(message).error.message);
    subscribe("healthbridge:fault", onFault);
    const calls: string[] = [];
    const log = () => {
      throw new Error("log is closed");
    };
    const { health, shutdown } = prepare({ log, hooks: [() => calls.push("hook")] });
    await shutdown.shutdown();
    unsubscribe("healthbridge:fault", onFault);
    assert.equal(health.status(""), "NOT_SERVING");
    assert.deepEqual(calls, ["hook"]);
    assert.equal(errors[0], "log is closed");
  });

  test("refuses wrong options, and changes nothing then", () => {
    const server: Server = createServer();
    const base = { health: new Health(), servers: [server], signals: [] };
    const wrong = [{ hook: [] }, { end: "exit" }, { timeoutMs: 5_000 }, { drainDelayMs: -1 }, { timeoutMs: 0 }];
    const ofAnotherType = [
      ...[
        { health: undefined },
        { health: {} },
        { servers: [{}] },
        { servers: [undefined] },
        { servers: [server, () => {}] },
        { servers: server },
      ],
      ...[{ hooks: ["flush"] }, { hooks: server }, { log: "stderr" }],
      ...[{ signals: ["SIGFOO"] }, { signals: ["SIGKILL"] }, { signals: "SIGTERM" }],
    ];
    for (const options of [...wrong, ...ofAnotherType])
      assert.throws(() => Reflect.apply(gracefulShutdown, undefined, [{ ...base, ...options }]), {
        code: "INVALID_OPTION",
      });
    assert.equal(server.listenerCount("request"), 0);
  });
});

describe("a process with gracefulShutdown", () => {
  const start = (t: TestContext, ...args: string[]) =>
    startProgram(t, new URL("graceful-program.ts", import.meta.url), ...args);

  async function endOf(child: ChildProcess): Promise<readonly unknown[]> {
    return inTime(once(child, "exit"), "the process ends", 20_000);
  }

  test("ends by the signal, after its steps", async (t) => {
    const { child, output, port } = await start(t);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const slow = request(port, "/slow", agent);
    await pause(50);
    child.kill("SIGTERM");
    assert.equal((await slow).status, 200);
    assert.deepEqual(await endOf(child), [null, "SIGTERM"]);
    const steps = [...output().matchAll(/^(\S.*?): (?:done|failed)/gm)].map(([, step]) => step);
    assert.deepEqual(new Set(steps.slice(0, 2)), new Set(["HTTP server", "health"]));
    assert.deepEqual(steps.slice(2), ["hook closePool", "hook flush", "hook last"]);
    assert.match(output(), /^SIGTERM: every service is NOT_SERVING; servers close in 200 ms$/m);
  });

  test("ends by itself, where that is wanted", async (t) => {
    const { child } = await start(t, "by-itself");
    child.kill("SIGINT");
    assert.deepEqual(await endOf(child), [0, null]);
  });

  for (const end of ["signal", "by-itself"])
    test(`runs several shutdowns, and ends when the last one is done (the longest ends ${end})`, async (t) => {
      const { child, output } = await start(t, end, "twice");
      child.kill("SIGTERM");
      assert.deepEqual(await endOf(child), [null, "SIGTERM"]);
      const lines = output()
        .split("\n")
        .filter((line) => /hook (?:later|last): done/.test(line));
      assert.deepEqual(
        lines.map((line) => line.replace(/:.*/, "")),
        ["hook last", "hook later"],
      );
    });

  test("ends at once by a second signal, also when there are several shutdowns", async (t) => {
    const { child, output } = await start(t, "hung", "twice");
    child.kill("SIGTERM");
    await eventually(() => output().includes("SIGTERM: every"), "the shutdown begins");
    child.kill("SIGTERM");
    // another shutdown listens to the signal as well
    assert.deepEqual(await endOf(child), [143, null]);
    assert.doesNotMatch(output(), /hook/);
  });

  test("gives up a hook that never ends, and runs no later one without time", async (t) => {
    const { child, output } = await start(t, "hung");
    const startedAt = performance.now();
    child.kill("SIGTERM");
    assert.deepEqual(await endOf(child), [null, "SIGTERM"]);
    assert(performance.now() - startedAt < 5_000);
    assert.match(output(), /^hook without a name: not done in time, given up after \d+ ms$/m);
  });

  test("ends at once by a second signal", async (t) => {
    const { child, output } = await start(t, "hung");
    child.kill("SIGTERM");
    await eventually(() => output().includes("SIGTERM: every"), "the shutdown begins");
    child.kill("SIGINT");
    assert.deepEqual(await endOf(child), [null, "SIGINT"]);
    assert.doesNotMatch(output(), /hook/);
  });
});
