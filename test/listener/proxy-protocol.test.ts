/** Connections that begin with a PROXY header: from trusted proxies it is mandatory, from others it is not read. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { subscribe } from "../../src/core/channels.js";
import { type ListenEntry, parseListenEntry } from "../../src/core/listen-point.js";
import { type ListenerOptions, listen } from "../../src/listener/listener.js";
import { eventually } from "../support/eventually.js";
import { PREFACE } from "../support/raw-http2.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { Client, pem } from "./fixtures.js";
import { headerV2, TCP4, TCP6, value } from "./proxy-headers.js";

const TLS = { cert: pem("server.crt"), key: pem("server.key") };
const LINE = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
const LOCAL = headerV2({ command: 0x20, protocol: 0, address: Buffer.alloc(0) });

let instances = 0;

/** A listener for proxies, the clients that its transports have got, and the connections that it has ended. */
async function listening(
  t: TestContext,
  {
    address = "127.0.0.1:0",
    from = ["127.0.0.0/8"],
    ...options
  }: Partial<ListenerOptions> & {
    readonly address?: string;
    readonly from?: readonly string[];
  } = {},
) {
  instances += 1;
  const instance = `proxy-${instances}`;
  const clients: string[] = [];
  const ended: string[] = [];
  t.after(
    subscribe("connection-ended", (message) => {
      if (message.instance === instance) ended.push(`${message.address} ${message.rule}`);
    }),
  );
  t.after(
    subscribe("proxy-header-refused", (message) => {
      if (message.instance === instance) ended.push(`${message.address} proxy-header: ${message.fault}`);
    }),
  );
  const sink = (name: string) => (socket: Socket, client: string) => {
    clients.push(`${name} ${client}`);
    socket.on("data", (bytes) => void socket.write(bytes));
  };
  const entry: ListenEntry = { address, proxyProtocol: { from } };
  const clock = new VirtualClock();
  const sinks = { http1: sink("http1"), http2: sink("http2") };
  const listener = await listen([parseListenEntry(entry)], { clock, instance, sinks, ...options });
  t.after(() => listener.destroy());
  const [bound] = listener.addresses;
  assert.ok(bound !== undefined);
  const connect = () => Client.to("port" in bound ? bound.port : bound.path, t);
  return { listener, clock, clients, ended, connect };
}

describe("from a trusted proxy, a header", () => {
  const headers: readonly (readonly [string, Buffer, string])[] = [
    ["of version 1", Buffer.from(LINE), "192.0.2.1"],
    ["of version 2", headerV2({ address: TCP4 }), "192.0.2.1"],
    ["of version 2 over IPv6", headerV2({ protocol: 0x21, address: TCP6 }), "2001:db8::1"],
    ["with AWS's values", headerV2({ address: TCP4, values: [value(0xea, "\x01vpce-1")] }), "192.0.2.1"],
    ["of an unknown client", Buffer.from("PROXY UNKNOWN\r\n"), "127.0.0.1"],
    ["of the proxy's own health check", LOCAL, "127.0.0.1"],
  ];
  for (const [name, header, client] of headers) {
    test(`${name} names the client, and the protocol begins after it`, async (t) => {
      const { clients, connect } = await listening(t);
      const http1 = connect();
      http1.socket.write(Buffer.concat([header, Buffer.from("GET / HTTP/1.1\r\n")]));
      await eventually(() => http1.received === "GET / HTTP/1.1\r\n", "the bytes after the header are all there");
      const http2 = connect();
      http2.socket.write(header);
      await settle();
      http2.socket.write(PREFACE);
      await eventually(() => http2.received === PREFACE.toString("latin1"), "they are of HTTP/2 as well");
      assert.deepEqual(clients, [`http1 ${client}`, `http2 ${client}`]);
    });
  }

  test("may come byte by byte", async (t) => {
    const { clients, connect } = await listening(t);
    const client = connect();
    for (const byte of Buffer.concat([headerV2({ address: TCP4 }), Buffer.from("GET ")])) {
      client.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await eventually(() => clients.length === 1 && client.received === "GET ", "it is served");
    assert.deepEqual(clients, ["http1 192.0.2.1"]);
  });

  const faulty: readonly (readonly [string, string | Buffer, string])[] = [
    ["that is missing", "GET / HTTP/1.1\r\n\r\n", "missing"],
    ["that is missing, before TLS", Buffer.from([0x16, 3, 1, 2, 0, 1]), "missing"],
    ["that is missing, before HTTP/2", PREFACE, "missing"],
    ["that is malformed", "PROXY TCP4 here there 1 2\r\n", "malformed"],
    ["that is too long", `PROXY UNKNOWN ${"x".repeat(200)}`, "too-long"],
    ["with a wrong checksum", headerV2({ address: TCP4, values: [value(3, "1234")] }), "checksum"],
  ];
  for (const [name, bytes, fault] of faulty) {
    test(`${name} ends the connection without an answer`, async (t) => {
      const { clients, ended, connect } = await listening(t);
      const client = connect();
      client.socket.write(bytes);
      await client.gone();
      assert.deepEqual([client.received, clients, ended], ["", [], [`127.0.0.1 proxy-header: ${fault}`]]);
    });
  }

  test("must come in time: nothing, and a part of it, end the connection", async (t) => {
    const { clock, listener, ended, connect } = await listening(t, { firstBytesTimeoutMs: 3_000 });
    const [silent, slow] = [connect(), connect()];
    slow.socket.write("PROXY TCP4");
    await eventually(() => listener.connectionCount === 2, "both are there");
    await settle();
    clock.advance(3_000);
    await silent.gone();
    await slow.gone();
    assert.deepEqual(ended, ["127.0.0.1 proxy-header: timeout", "127.0.0.1 proxy-header: timeout"]);
  });

  test("must be whole when the stream ends; a probe that connects and closes breaks no rule", async (t) => {
    const { listener, ended, connect } = await listening(t);
    connect().socket.end("PROXY TCP4");
    connect().socket.end();
    await eventually(() => ended.length === 1 && listener.connectionCount === 0, "both are closed");
    assert.deepEqual(ended, ["127.0.0.1 proxy-header: cut"]);
  });

  test("comes before TLS, also in the packet of its first bytes", async (t) => {
    const { clients, connect } = await listening(t, { tls: TLS });
    for (const isOnePacket of [true, false]) {
      const { socket } = connect();
      let header: Buffer | undefined = headerV2({ address: TCP4 });
      if (!isOnePacket) socket.write(header);
      const below = new Duplex({
        read() {},
        write(bytes: Buffer, _, done) {
          socket.write(isOnePacket && header !== undefined ? Buffer.concat([header, bytes]) : bytes, done);
          header = undefined;
        },
      });
      socket.on("data", (bytes) => void below.push(bytes));
      const secure = connectTls({ socket: below, ALPNProtocols: ["h2"], rejectUnauthorized: false });
      await new Promise((resolve) => void secure.once("secureConnect", resolve));
    }
    await eventually(() => clients.length === 2, "both are served");
    assert.deepEqual(clients, ["http2 192.0.2.1", "http2 192.0.2.1"]);
  });

  test("names the client of a TLS handshake that fails", async (t) => {
    const { ended, connect } = await listening(t, { tls: TLS });
    const client = connect();
    client.socket.write(`${LINE}GET / HTTP/1.1\r\n\r\n`);
    await client.gone();
    assert.match(ended.join(), /^192\.0\.2\.1 tls-handshake: /);
  });

  test("is read on a unix socket, whose peers are all proxies", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "proxy-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const { clients, ended, connect } = await listening(t, { address: `unix:${folder}/s`, from: ["unix"] });
    connect().socket.write(`${LINE}GET /`);
    connect().socket.write("GET /");
    await eventually(() => clients.length + ended.length === 2, "both are judged");
    assert.deepEqual([clients, ended], [["http1 192.0.2.1"], ["unix proxy-header: missing"]]);
  });

  test("counts for the limit of its client's address, and the proxy has no such limit", async (t) => {
    const { clients, ended, connect } = await listening(t, { maxConnectionsPerAddress: 1 });
    for (const host of [1, 2, 3, 3]) connect().socket.write(`PROXY TCP4 192.0.2.${host} 198.51.100.7 1 2\r\nGET`);
    await eventually(() => clients.length + ended.length === 4, "all are judged");
    assert.deepEqual(clients.sort(), ["http1 192.0.2.1", "http1 192.0.2.2", "http1 192.0.2.3"]);
    assert.deepEqual(ended, ["192.0.2.3 max-connections-per-address"]);
  });
});

describe("from any other peer, a header", () => {
  test("is not read: it is a bad request, and its address is not taken", async (t) => {
    const { clients, connect } = await listening(t, { from: ["10.0.0.0/8", "fd00::/8"] });
    const client = connect();
    client.socket.write(LINE);
    await eventually(() => client.received === LINE, "its transport gets the header as it came");
    assert.deepEqual(clients, ["http1 127.0.0.1"]);
  });

  test("is not read before TLS: the handshake fails", async (t) => {
    const { clients, ended, connect } = await listening(t, { from: ["10.0.0.1"], tls: TLS });
    const client = connect();
    client.socket.write(LINE);
    await client.gone();
    assert.deepEqual(clients, []);
    assert.match(ended.join(), /^127\.0\.0\.1 tls-handshake: /);
  });
});

test("a proxy over IPv4 is known on an address that takes IPv4 and IPv6", async (t) => {
  const { clients, connect } = await listening(t, { address: ":0" });
  connect().socket.write(`${LINE}GET`);
  await eventually(() => clients.length === 1, "the header is read");
  assert.deepEqual(clients, ["http1 192.0.2.1"]);
});
