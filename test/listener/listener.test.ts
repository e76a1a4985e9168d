/** A set of addresses: all bound or none, clear text and TLS, and its end. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { subscribe } from "../../src/core/channels.js";
import { HealthError } from "../../src/core/health-error.js";
import { type ListenEntry, parseListenEntry } from "../../src/core/listen-point.js";
import { type Listener, type ListenerOptions, listen } from "../../src/listener/listener.js";
import { eventually, inTime } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { holdLookups } from "../support/host-names.js";
import { PREFACE } from "../support/raw-http2.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { Client, pem } from "./fixtures.js";

const TLS = { cert: pem("server.crt"), key: pem("server.key") };

/** A listener whose transports send their name and keep the connection. */
async function listening(t: TestContext, addresses: readonly ListenEntry[], options: Partial<ListenerOptions> = {}) {
  const taken: string[] = [];
  const sink = (name: string) => (socket: Socket) => {
    taken.push(name);
    socket.write(name);
    socket.resume();
  };
  const listener = await listen(addresses.map(parseListenEntry), {
    clock: new VirtualClock(),
    instance: "listener-test",
    sinks: { http1: sink("http1"), http2: sink("http2") },
    ...options,
  });
  t.after(() => listener.destroy());
  return { listener, taken, port: portOf(listener) };
}

function portOf(listener: Listener, index = 0): number {
  const address = listener.addresses[index];
  return address !== undefined && "port" in address ? address.port : 0;
}

/** A TLS client. */
function tlsClient(t: TestContext, port: number, options: ConnectionOptions = {}): Client {
  const socket = connectTls({ port, host: "localhost", ca: pem("ca.crt"), ...options });
  t.after(() => void socket.destroy());
  return new Client(socket);
}

describe("a listener", () => {
  test("serves every address, and returns the bound addresses [A91]", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "healthbridge-listener-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "health.sock");
    const { listener, port } = await listening(t, ["127.0.0.1:0", `unix:${path}`, "127.0.0.1:0"]);
    assert.deepEqual(listener.addresses[1], { path });
    assert.notEqual(portOf(listener, 2), port);
    const clients = [Client.to(port, t), Client.to(path, t), Client.to(portOf(listener, 2), t)];
    for (const { socket } of clients) socket.write("GET");
    await eventually(() => clients.every(({ received }) => received === "http1"), "each is served");
    assert.equal(listener.connectionCount, 3);
  });

  test("serves no address when one cannot be bound, and names that one [B98]", async (t) => {
    const first = await listening(t, ["127.0.0.1:0"]);
    const free = await freePort();
    await assert.rejects(listening(t, [`127.0.0.1:${free}`, `127.0.0.1:${first.port}`, "127.0.0.1:0"]), (error) => {
      assert.ok(error instanceof HealthError);
      assert.equal(error.code, "LISTEN_FAILED");
      assert.match(error.message, new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${first.port}: `));
      return true;
    });
    const client = Client.to(free, t);
    await eventually(() => client.closed, "the connection is refused");
    assert.deepEqual([client.received, client.socket.bytesRead], ["", 0]);
  });

  test("serves no address while the host name of another is looked up", async (t) => {
    const lookups = holdLookups(t);
    const free = await freePort();
    const starting = listening(t, [`127.0.0.1:${free}`, "slow.example:0"]);
    await eventually(() => lookups.asked.length === 1, "the name is looked up");
    const early = Client.to(free, t);
    await eventually(() => early.closed, "a connection is refused");
    lookups.resolve();
    const { listener } = await starting;
    const clients = [Client.to(free, t), Client.to(portOf(listener, 1), t)];
    for (const { socket } of clients) socket.write("GET");
    await eventually(() => clients.every(({ received }) => received === "http1"), "each is served");
  });

  test("serves no address when the host name of another is not found", async (t) => {
    const free = await freePort();
    const starting = assert.rejects(listening(t, [`127.0.0.1:${free}`, "no-such-host.invalid:0"]), {
      code: "LISTEN_FAILED",
      message: /^cannot listen on no-such-host\.invalid:0: /,
    });
    let ended = false;
    const end = starting.then(() => {
      ended = true;
    });
    const received: string[] = [];
    for (let first = true; first || !ended; first = false) {
      const client = Client.to(free, t);
      client.socket.write("GET");
      await eventually(() => client.closed || client.received !== "", "the connection is refused");
      received.push(client.received);
    }
    await end;
    assert.deepEqual(new Set(received), new Set([""]));
  });

  test("stops waiting for a host name when its signal is aborted", async (t) => {
    const lookups = holdLookups(t);
    const free = await freePort();
    const stop = new AbortController();
    const starting = listening(t, [`127.0.0.1:${free}`, "slow.example:0"], { signal: stop.signal });
    await eventually(() => lookups.asked.length === 1, "the name is looked up");
    stop.abort(new Error("not needed any more"));
    await assert.rejects(starting, /not needed any more/);
    lookups.resolve();
    await settle();
    await assert.rejects(listening(t, ["127.0.0.1:0"], { signal: stop.signal }), /not needed any more/);
    const client = Client.to(free, t);
    await eventually(() => client.closed, "a connection is refused");
  });

  test("names the first of several addresses that cannot be bound", async (t) => {
    await assert.rejects(listening(t, ["192.0.2.1:1", "192.0.2.2:2"]), /192\.0\.2\.1:1/);
  });

  test("gives clients of an open address nothing without transports of its own", async (t) => {
    await assert.rejects(listening(t, ["127.0.0.1:0", "open://127.0.0.1:0"]), /^Error: .*openSinks/);
  });

  test("refuses an address that is given twice", async (t) => {
    const free = await freePort();
    await assert.rejects(listening(t, [`127.0.0.1:${free}`, `127.0.0.1:${free}`]), /EADDRINUSE/);
  });

  test("releases the port at its end", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"]);
    await listener.destroy();
    assert.equal((await listening(t, [`127.0.0.1:${port}`])).port, port);
  });

  test("stops accepting, and keeps open connections [A77]", async (t) => {
    const { listener, port, taken } = await listening(t, ["127.0.0.1:0"]);
    const [served, silent] = [Client.to(port, t), Client.to(port, t)];
    served.socket.write("GET");
    await eventually(() => served.received === "http1" && listener.connectionCount === 2, "one served, one silent");
    listener.stopAccepting();
    listener.stopAccepting();
    await silent.gone();
    const late = Client.to(port, t);
    await eventually(() => late.closed, "the connection is refused");
    assert.deepEqual([taken, served.ended, listener.connectionCount], [["http1"], false, 1]);
    let idle = false;
    const waiting = listener.whenIdle().then(() => {
      idle = true;
    });
    assert.equal(idle, false);
    served.socket.resetAndDestroy();
    await inTime(waiting, "idle");
  });

  test("destroys every connection, and does nothing the second time [A75]", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"]);
    const clients = [Client.to(port, t), Client.to(port, t)];
    clients[0]?.socket.write("GET");
    await eventually(() => listener.connectionCount === 2, "both are received");
    await inTime(listener.destroy(), "the end");
    for (const client of clients) await client.gone();
    await inTime(listener.destroy(), "the second end");
    assert.equal(listener.connectionCount, 0);
  });

  test("ends open handshakes when it stops accepting: they do not delay the end", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const reported: string[] = [];
    t.after(subscribe("connection-ended", ({ address, rule }) => void reported.push(`${address} ${rule}`)));
    const [silent, half, served] = [Client.to(port, t), Client.to(port, t), tlsClient(t, port)];
    half.socket.write(Buffer.from("16030100f0010000ec0303", "hex"));
    await eventually(() => served.received === "http1" && listener.connectionCount === 3, "all are there");
    listener.stopAccepting();
    await Promise.all([silent.gone(), half.gone()]);
    await eventually(() => listener.connectionCount === 1, "the connection that is served stays");
    assert.deepEqual(reported, ["127.0.0.1 shutting-down", "127.0.0.1 shutting-down"]);
    assert.equal(served.closed, false);
  });

  test("an HTTP/2 connection whose client closes its side is closed", async (t) => {
    const { listener, port, taken } = await listening(t, ["127.0.0.1:0"]);
    const client = Client.to(port, t);
    client.socket.end(PREFACE);
    await eventually(() => taken.length === 1 && listener.connectionCount === 0, "it is served and forgotten");
  });

  test("an HTTP/1 connection whose client closes its side stays open for the answer", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"]);
    const client = Client.to(port, t);
    client.socket.end("GET / HTTP/1.0\r\n\r\n");
    await eventually(() => client.received === "http1", "the answer");
    assert.equal(listener.connectionCount, 1);
  });
});

describe("a listener with TLS", () => {
  const protocols: readonly (readonly [readonly string[], string])[] = [
    [["h2"], "http2"],
    [["h2", "http/1.1"], "http2"],
    [["http/1.1", "h2"], "http2"],
    [["http/1.1"], "http1"],
    [[], "http1"],
  ];
  for (const [offered, expected] of protocols) {
    test(`speaks ${expected} with a client that offers ${offered.join(" and ") || "nothing"} [A90]`, async (t) => {
      const { port } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
      const client = tlsClient(t, port, { ALPNProtocols: [...offered] });
      await eventually(() => client.received === expected, "the transport's word");
    });
  }

  test("serves clear text on an address that is marked plain", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0", "plain://127.0.0.1:0"], { tls: TLS });
    const [plain, secure] = [Client.to(portOf(listener, 1), t), tlsClient(t, port)];
    plain.socket.write("GET");
    await eventually(() => plain.received === "http1" && secure.received === "http1", "both are served");
  });

  test("closes connections with clear text [B58]", async (t) => {
    const { listener, port, taken } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const client = Client.to(port, t);
    client.socket.write("GET / HTTP/1.1\r\n\r\n");
    await client.gone();
    await eventually(() => listener.connectionCount === 0, "it is forgotten");
    assert.deepEqual(taken, []);
  });

  test("refuses an old version of TLS", async (t) => {
    const { port, taken } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const client = tlsClient(t, port, { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" });
    await eventually(() => client.closed, "the handshake fails");
    assert.deepEqual(taken, []);
  });

  const ca = { ...TLS, clientCa: pem("ca.crt") };
  test("with a client CA, accepts its certificates", async (t) => {
    const { port } = await listening(t, ["127.0.0.1:0"], { tls: ca });
    const client = tlsClient(t, port, { cert: pem("client.crt"), key: pem("client.key") });
    await eventually(() => client.received === "http1", "it is served");
  });
  for (const [label, identity] of [
    ["no certificate", {}],
    ["another CA's certificate", { cert: pem("stranger.crt"), key: pem("stranger.key") }],
  ] as const) {
    test(`with a client CA, refuses ${label}, and keeps nothing`, async (t) => {
      const { listener, port, taken } = await listening(t, ["127.0.0.1:0"], { tls: ca });
      const client = tlsClient(t, port, identity);
      await eventually(() => client.closed, "the connection is closed");
      await eventually(() => listener.connectionCount === 0, "it is forgotten");
      assert.deepEqual([taken, client.received], [[], ""]);
    });
  }

  test("keeps nothing of a connection that breaks", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const raw = connectSocket({ port, host: "127.0.0.1" });
    const secure = new Client(connectTls({ socket: raw, servername: "localhost", ca: pem("ca.crt") }));
    await eventually(() => secure.received === "http1", "it is served");
    raw.resetAndDestroy();
    await eventually(() => listener.connectionCount === 0, "it is forgotten");
  });

  test("keeps nothing of a TCP probe of the TLS port", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const client = Client.to(port, t);
    await eventually(() => listener.connectionCount === 1, "it is counted");
    client.socket.end();
    await eventually(() => listener.connectionCount === 0, "it is forgotten", 5_000);
  });

  test("reports a failed handshake with its address, a connection above the limit once, and a peer that has gone not at all", async (t) => {
    const reported: string[] = [];
    t.after(
      subscribe("connection-ended", ({ instance, address, rule }) => {
        if (instance === "listener-test") reported.push(`${address} ${rule}`);
      }),
    );
    const { listener, port } = await listening(t, ["127.0.0.1:0"], { tls: TLS, maxConnections: 1 });
    const first = Client.to(port, t);
    await eventually(() => listener.connectionCount === 1, "the first is counted");
    const second = tlsClient(t, port);
    await eventually(() => second.closed && listener.connectionCount === 1, "the second is refused");
    first.socket.resetAndDestroy();
    await eventually(() => listener.connectionCount === 0, "the first is forgotten");
    Client.to(port, t).socket.write("GET / HTTP/1.1\r\n\r\n");
    await eventually(() => reported.length > 1, "the third is reported");
    assert.deepEqual(reported, ["127.0.0.1 max-connections", "127.0.0.1 tls-handshake: ERR_SSL_HTTP_REQUEST"]);
  });

  test("counts an open handshake, and can destroy it", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const client = Client.to(port, t);
    client.socket.write(Buffer.from("16030100f0010000ec0303", "hex"));
    await eventually(() => listener.connectionCount === 1, "it is counted");
    await inTime(listener.destroy(), "the end");
    await client.gone();
  });

  test("applies the limit of connections before the handshake [B76]", async (t) => {
    const { listener, port } = await listening(t, ["127.0.0.1:0"], { tls: TLS, maxConnections: 1 });
    Client.to(port, t);
    await eventually(() => listener.connectionCount === 1, "the first is counted");
    const second = tlsClient(t, port);
    await eventually(() => second.closed, "the second is closed");
    assert.ok(second.socket instanceof TLSSocket && second.received === "");
  });

  test("closes a connection whose handshake ends after the listener stopped accepting [A77]", async (t) => {
    const { listener, port, taken } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const raw = connectSocket({ port, host: "127.0.0.1" });
    await eventually(() => listener.connectionCount === 1, "it is counted");
    listener.stopAccepting();
    const secure = new Client(connectTls({ socket: raw, servername: "localhost", ca: pem("ca.crt") }));
    await eventually(() => secure.closed, "it is closed");
    await eventually(() => listener.connectionCount === 0, "it is forgotten");
    assert.deepEqual(taken, []);
  });

  test("an HTTP/2 connection whose client closes its side is closed", async (t) => {
    const { listener, port, taken } = await listening(t, ["127.0.0.1:0"], { tls: TLS });
    const client = tlsClient(t, port, { ALPNProtocols: ["h2"] });
    await eventually(() => client.received === "http2", "it is served");
    client.socket.end();
    await eventually(() => listener.connectionCount === 0, "it is forgotten");
    assert.deepEqual(taken, ["http2"]);
  });

  test("refuses a key that does not match, before any address is bound", async (t) => {
    const free = await freePort();
    const tls = { cert: TLS.cert, key: pem("client.key") };
    await assert.rejects(listening(t, [`127.0.0.1:${free}`], { tls }), { code: "TLS_FAILED" });
    assert.equal((await listening(t, [`127.0.0.1:${free}`])).port, free);
  });
});
