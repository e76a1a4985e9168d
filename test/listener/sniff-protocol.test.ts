/** A connection in clear text before a transport gets it: real sockets, a virtual clock. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { sniffProtocol } from "../../src/listener/sniff-protocol.js";
import { eventually } from "../support/eventually.js";
import { PREFACE } from "../support/raw-http2.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { accepting, Client } from "./fixtures.js";

/** One connection with a timeout of five seconds, and its outcome. */
async function sniffing(t: TestContext) {
  const clock = new VirtualClock();
  const heard: string[] = [];
  let accepted: Socket | undefined;
  const port = await accepting(t, (socket) => {
    accepted = socket;
    t.after(() => void socket.destroy());
    socket.on("error", () => {});
    sniffProtocol(socket, {
      clock,
      firstBytesTimeoutMs: 5_000,
      onRefused: (rule) => {
        heard.push(rule);
        socket.destroy();
      },
      onKnown: (protocol) => void heard.push(protocol),
    });
  });
  const client = Client.to(port, t);
  await eventually(() => accepted !== undefined, "the connection is accepted");
  const socket = accepted as Socket;
  /** Sends bytes, and waits until the server has received them. */
  const send = async (bytes: Uint8Array | string) => {
    const before = socket.bytesRead;
    client.socket.write(bytes);
    await eventually(() => socket.bytesRead === before + Buffer.byteLength(bytes), "the bytes arrive");
    await settle();
  };
  const listeners = () => ["readable", "end", "close"].map((event) => socket.listenerCount(event));
  return { clock, heard, client, socket, send, listeners };
}

describe("protocol detection", () => {
  test("recognizes HTTP/2 by its preface, cut at any byte, and puts every byte back [A86]", async (t) => {
    for (let cut = 1; cut < PREFACE.length; cut += 1) {
      const { clock, heard, socket, send } = await sniffing(t);
      await send(PREFACE.subarray(0, cut));
      assert.deepEqual(heard, [], `cut at ${cut}`);
      await send(Buffer.concat([PREFACE.subarray(cut), Buffer.from("frames")]));
      await eventually(() => heard.length > 0, "the protocol is known");
      assert.deepEqual(heard, ["http2"], `cut at ${cut}`);
      assert.equal(String(socket.read()), `${PREFACE}frames`, `cut at ${cut}`);
      assert.equal(clock.pendingTimers, 0);
    }
  });

  test("recognizes a preface that comes byte by byte, and keeps every byte", async (t) => {
    const { heard, socket, send } = await sniffing(t);
    for (const byte of PREFACE) await send(Buffer.from([byte]));
    await eventually(() => heard.length > 0, "the protocol is known");
    assert.deepEqual([heard, String(socket.read())], [["http2"], String(PREFACE)]);
  });

  test("recognizes HTTP/1 by the first byte that differs from the preface", async (t) => {
    const { heard, socket, send } = await sniffing(t);
    await send("P");
    assert.deepEqual(heard, []);
    await send("UT / HTTP/1.1\r\n");
    await eventually(() => heard.length > 0, "the protocol is known");
    assert.deepEqual([heard, String(socket.read())], [["http1"], "PUT / HTTP/1.1\r\n"]);
  });

  test("accepts a client that closes its side after its request", async (t) => {
    const { heard, client, socket } = await sniffing(t);
    client.socket.end("GET / HTTP/1.0\r\n\r\n");
    await eventually(() => heard.length > 0, "the protocol is known");
    assert.deepEqual([heard, String(socket.read())], [["http1"], "GET / HTTP/1.0\r\n\r\n"]);
  });

  test("refuses TLS [B57]", async (t) => {
    const { heard, client, send } = await sniffing(t);
    await send(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
    await client.gone();
    assert.deepEqual(heard, ["tls-on-plain-port"]);
  });

  test("refuses a client that is silent for five seconds, and not earlier [B75]", async (t) => {
    const { clock, heard, client } = await sniffing(t);
    await clock.advance(4_999);
    assert.deepEqual(heard, []);
    await clock.advance(1);
    assert.deepEqual(heard, ["first-byte-timeout"]);
    await client.gone();
  });

  test("refuses a client that does not complete its preface within five more seconds", async (t) => {
    const { clock, heard, send } = await sniffing(t);
    await clock.advance(4_000);
    await send(PREFACE.subarray(0, 1));
    await clock.advance(4_999);
    assert.deepEqual(heard, []);
    await clock.advance(1);
    assert.deepEqual(heard, ["preface-timeout"]);
  });

  test("gives no more time for each byte of a preface", async (t) => {
    const { clock, heard, send } = await sniffing(t);
    for (const byte of PREFACE.subarray(0, 5)) {
      await send(Buffer.from([byte]));
      await clock.advance(1_000);
    }
    assert.deepEqual(heard, ["preface-timeout"]);
  });

  for (const [label, bytes] of [
    ["nothing", ""],
    ["half of a preface", "PRI *"],
  ] as const) {
    test(`reports nothing when a client closes after ${label}, as a TCP probe does, and closes too`, async (t) => {
      const { clock, heard, client, socket } = await sniffing(t);
      client.socket.end(bytes);
      await eventually(() => socket.closed, "the connection is closed");
      assert.deepEqual([heard, clock.pendingTimers], [[], 0]);
    });
  }

  test("reports nothing when a client resets, and keeps nothing", async (t) => {
    const { clock, heard, client, socket } = await sniffing(t);
    assert.equal(clock.pendingTimers, 1);
    client.socket.resetAndDestroy();
    await eventually(() => socket.closed, "the connection is closed");
    await clock.advance(60_000);
    assert.deepEqual([heard, clock.pendingTimers], [[], 0]);
  });

  test("keeps nothing of an accepted client", async (t) => {
    const { clock, heard, send, listeners } = await sniffing(t);
    const before = listeners();
    await send("GET / HTTP/1.1\r\n");
    await eventually(() => heard.length > 0, "the protocol is known");
    assert.deepEqual(
      listeners(),
      before.map((count) => count - 1),
    );
    await clock.advance(60_000);
    assert.deepEqual([heard, clock.pendingTimers], [["http1"], 0]);
  });
});
