/** The limits on connections, and their end. */
import assert from "node:assert/strict";
import { connect as connectSocket, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { subscribe } from "../../src/core/channels.js";
import { ConnectionGate, type ConnectionGateOptions } from "../../src/listener/connection-gate.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { PREFACE } from "../support/raw-http2.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { accepting, Client, pem } from "./fixtures.js";

let instances = 0;

/** A gate with a port, and what it does with its connections. */
async function receiving(t: TestContext, options: Partial<ConnectionGateOptions> = {}, isOpen = true) {
  instances += 1;
  const instance = `gate-${instances}`;
  const ended: { address: string; rule: string }[] = [];
  t.after(
    subscribe("connection-ended", (message) => {
      if (message.instance === instance) ended.push({ address: message.address, rule: message.rule });
    }),
  );
  const http1: Socket[] = [];
  const http2: Socket[] = [];
  const clock = new VirtualClock();
  const gate = new ConnectionGate({
    clock,
    instance,
    sinks: { http1: (socket) => void http1.push(socket), http2: (socket) => void http2.push(socket) },
    ...options,
  });
  if (isOpen) gate.open();
  let received = 0;
  const port = await accepting(t, (socket) => {
    received += 1;
    gate.receive(socket);
  });
  t.after(() => gate.destroyAll());
  const rules = () => ended.map(({ rule }) => rule);
  /** A client that the server has received. */
  const connect = async (from?: string) => {
    const before = received;
    const client = Client.to(port, t, from);
    await eventually(() => received > before, "it is received");
    return client;
  };
  return { gate, clock, http1, http2, ended, rules, connect };
}

describe("the gate", () => {
  test("gives each connection to the transport of its protocol, with all its bytes", async (t) => {
    const { http1, http2, connect, gate } = await receiving(t);
    (await connect()).socket.write("GET / HTTP/1.1\r\n");
    (await connect()).socket.write(PREFACE);
    await eventually(() => http1.length === 1 && http2.length === 1, "both are handed over");
    assert.equal(String(http1[0]?.read()), "GET / HTTP/1.1\r\n");
    assert.equal(String(http2[0]?.read()), String(PREFACE));
    assert.equal(gate.connectionCount, 2);
  });

  test("counts a connection until it is closed", async (t) => {
    const { http1, connect, gate } = await receiving(t);
    const [silent, speaking] = [await connect(), await connect()];
    speaking.socket.write("GET");
    await eventually(() => http1.length === 1, "it is handed over");
    assert.equal(gate.connectionCount, 2);
    silent.socket.destroy();
    await eventually(() => gate.connectionCount === 1, "the silent one is forgotten");
    http1[0]?.destroy();
    await eventually(() => gate.connectionCount === 0, "the other is forgotten");
  });

  test("lets HTTP/1, and not HTTP/2, answer a half-closed connection", async (t) => {
    const { http1, http2, connect } = await receiving(t);
    (await connect()).socket.end("GET / HTTP/1.0\r\n\r\n");
    (await connect()).socket.end(PREFACE);
    await eventually(() => http1.length === 1 && http2.length === 1, "both are handed over");
    assert.deepEqual([http1[0]?.allowHalfOpen, http2[0]?.allowHalfOpen], [true, false]);
  });

  test("closes connections above the limit, and accepts one when another has ended [B76]", async (t) => {
    const { connect, gate, rules } = await receiving(t, { maxConnections: 2 });
    const first = await connect();
    await connect();
    const third = await connect();
    await third.gone();
    assert.deepEqual([gate.connectionCount, rules()], [2, ["max-connections"]]);
    first.socket.resetAndDestroy();
    await eventually(() => gate.connectionCount === 1, "a place is free");
    await connect();
    assert.deepEqual([gate.connectionCount, rules()], [2, ["max-connections"]]);
  });

  test("closes connections above the limit of their address, and no others [B76]", async (t) => {
    const { connect, gate, ended } = await receiving(t, { maxConnectionsPerAddress: 2 });
    const first = await connect();
    await connect();
    await (await connect()).gone();
    const refused = { address: "127.0.0.1", rule: "max-connections-per-address" };
    assert.deepEqual(ended, [refused]);
    await connect("127.0.0.2");
    assert.deepEqual(ended, [refused]);
    first.socket.resetAndDestroy();
    await eventually(() => gate.connectionCount === 2, "a place is free");
    await connect();
    assert.deepEqual([gate.connectionCount, ended.length], [3, 1]);
  });

  test("takes its default limit from the process's limit of open files", async (t) => {
    const { connect, gate } = await receiving(t);
    for (let count = 1; count <= 20; count += 1) {
      await connect();
      assert.equal(gate.connectionCount, count);
    }
  });

  test("closes a silent connection after the configured time, five seconds by default [B75]", async (t) => {
    const usual = await receiving(t);
    const short = await receiving(t, { firstBytesTimeoutMs: 200 });
    const [client, hasty] = [await usual.connect(), await short.connect()];
    await usual.clock.advance(4_999);
    await short.clock.advance(200);
    assert.deepEqual([usual.rules(), short.rules()], [[], ["first-byte-timeout"]]);
    await usual.clock.advance(1);
    assert.deepEqual(usual.ended, [{ address: "127.0.0.1", rule: "first-byte-timeout" }]);
    await Promise.all([client.gone(), hasty.gone()]);
    await eventually(() => usual.gate.connectionCount === 0, "nothing is left");
  });

  test("continues when connections break", async (t) => {
    const { http1, connect, gate } = await receiving(t);
    const [silent, speaking] = [await connect(), await connect()];
    speaking.socket.write("GET");
    await eventually(() => http1.length === 1, "it is handed over");
    silent.socket.resetAndDestroy();
    http1[0]?.on("data", () => {});
    speaking.socket.resetAndDestroy();
    await eventually(() => gate.connectionCount === 0, "both are forgotten");
  });
});

describe("a gate that is not open yet", () => {
  test("holds connections without reading, and serves them with all their bytes when it opens", async (t) => {
    const { http1, http2, clock, connect, gate, rules } = await receiving(t, {}, false);
    const clients = [await connect(), await connect()];
    clients[0]?.socket.write("GET / HTTP/1.1\r\n");
    clients[1]?.socket.write(PREFACE);
    await pause(20);
    await clock.advance(60_000);
    assert.deepEqual([http1.length, http2.length, rules(), gate.connectionCount], [0, 0, [], 2]);
    gate.open();
    await eventually(() => http1.length === 1 && http2.length === 1, "both are handed over");
    assert.equal(String(http1[0]?.read()), "GET / HTTP/1.1\r\n");
    assert.equal(String(http2[0]?.read()), String(PREFACE));
    gate.open();
    assert.equal(http1.length, 1);
  });

  test("holds a TLS connection before its handshake", async (t) => {
    const { gate, http1 } = await receiving(t, {}, false);
    const tls = createTlsServer({ cert: pem("server.crt"), key: pem("server.key") }, (socket) =>
      gate.receiveSecure(socket),
    );
    const port = await accepting(t, (socket) => gate.receiveTls(socket, tls));
    const raw = connectSocket(port, "127.0.0.1");
    t.after(() => void raw.destroy());
    const client = connectTls({ socket: raw, servername: "localhost", ca: pem("ca.crt") });
    await eventually(() => gate.connectionCount === 1, "it is counted");
    await pause(50);
    assert.equal(raw.bytesRead, 0);
    gate.open();
    await new Promise((resolve) => client.once("secureConnect", resolve));
    await eventually(() => http1.length === 1, "it is handed over");
    client.destroy();
  });

  test("sends the held connections away when it closes [A77]", async (t) => {
    const { http1, connect, gate, rules } = await receiving(t, {}, false);
    const clients = [await connect(), await connect()];
    clients[0]?.socket.write("GET");
    gate.close();
    gate.open();
    for (const client of clients) await client.gone();
    assert.deepEqual([http1.length, rules()], [0, ["shutting-down", "shutting-down"]]);
  });

  test("counts held connections, and forgets one that breaks [B76]", async (t) => {
    const { http1, clock, connect, gate, rules } = await receiving(t, { maxConnections: 1 }, false);
    const first = await connect();
    await (await connect()).gone();
    assert.deepEqual([gate.connectionCount, rules()], [1, ["max-connections"]]);
    first.socket.resetAndDestroy();
    await eventually(() => gate.connectionCount === 0, "it is forgotten");
    gate.open();
    assert.deepEqual([http1.length, clock.pendingTimers], [0, 0]);
  });
});

describe("a gate that closes", () => {
  test("closes connections that are not yet assigned, and leaves the others open [A77]", async (t) => {
    const { http1, clock, connect, gate, rules } = await receiving(t);
    const [silent, speaking] = [await connect(), await connect()];
    speaking.socket.write("GET");
    await eventually(() => http1.length === 1, "it is handed over");
    gate.close();
    gate.close();
    await silent.gone();
    await settle();
    assert.deepEqual([rules(), speaking.ended, gate.connectionCount], [["shutting-down"], false, 1]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("accepts no connection [A77]", async (t) => {
    const { connect, gate, rules } = await receiving(t);
    gate.close();
    await (await connect()).gone();
    assert.deepEqual(rules(), ["shutting-down"]);
    await eventually(() => gate.connectionCount === 0, "nothing is left");
  });

  test("assigns no connection whose first bytes arrive in the same turn [A77]", async (t) => {
    const { http1, connect, gate } = await receiving(t);
    const client = await connect();
    client.socket.write("GET / HTTP/1.1\r\n\r\n");
    gate.close();
    await client.gone();
    assert.equal(http1.length, 0);
  });

  test("is idle when the last connection has ended, and at once when there is none", async (t) => {
    const { http1, connect, gate } = await receiving(t);
    await inTime(gate.whenIdle(), "idle without a connection");
    const clients = [await connect(), await connect()];
    for (const { socket } of clients) socket.write("GET");
    await eventually(() => http1.length === 2, "both are handed over");
    let idle = false;
    const waiting = gate.whenIdle().then(() => {
      idle = true;
    });
    http1[0]?.destroy();
    await eventually(() => gate.connectionCount === 1, "one has gone");
    assert.equal(idle, false);
    http1[1]?.destroy();
    await inTime(waiting, "idle");
    assert.equal(gate.connectionCount, 0);
  });

  test("destroys every connection, and reports when all have ended [A75]", async (t) => {
    const { http1, connect, gate, clock } = await receiving(t);
    const clients = [await connect(), await connect(), await connect()];
    clients[0]?.socket.write("GET");
    await eventually(() => http1.length === 1, "one is handed over");
    await inTime(gate.destroyAll(), "all are gone");
    assert.deepEqual([gate.connectionCount, clock.pendingTimers], [0, 0]);
    for (const client of clients) await client.gone();
    await inTime(gate.destroyAll(), "no connection is left");
  });
});
