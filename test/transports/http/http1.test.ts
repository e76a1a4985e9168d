/** HTTP/1: large answers, and clients that do not read them. */
import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { endedConnections, MB, METRICS, pageOf, serving } from "./http1-fixture.js";

/** Reads to the end, with a pause after so many bytes. */
async function readSlowly(client: Socket, bytes: number, pauseMs: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sincePause = 0;
  for await (const chunk of client) {
    chunks.push(chunk);
    sincePause += chunk.length;
    if (sincePause < bytes) continue;
    sincePause = 0;
    await pause(pauseMs);
  }
  return Buffer.concat(chunks);
}

const LAST_METRICS = METRICS.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");

describe("a large answer", () => {
  test("arrives whole, also at a client that reads slowly, and no more than 256 KiB wait for it", async (t) => {
    const { open, sockets, pool } = await serving(t, new VirtualClock(), { metrics: pageOf(17 * MB) });
    let most = 0;
    const timer = setInterval(() => {
      for (const socket of sockets) most = Math.max(most, socket.writableLength);
    }, 1);
    t.after(() => clearInterval(timer));
    const text = (await readSlowly(open(LAST_METRICS), 1 * MB, 20)).toString();
    const [head = "", body = ""] = text.split("\r\n\r\n");
    assert.match(head, /content-length: 17000000/i);
    assert.equal(body.length, 17 * MB);
    assert.ok(body.startsWith("17000000x") && body.endsWith("x\n"));
    assert.ok(most > 0 && most <= 256 * 1024, `${most} bytes`);
    assert.equal(pool.heldBytes, 0);
  });

  test("keeps its connection, and HEAD has its length", async (t) => {
    const { port, sockets } = await serving(t, new VirtualClock(), { metrics: pageOf(1 * MB) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const ask = (method: string, path: string) =>
      new Promise<readonly [length: string | undefined, bytes: number]>((resolve, reject) => {
        const request = httpRequest({ port, method, path, agent }, (answer) => {
          let bytes = 0;
          answer.on("data", (chunk) => {
            bytes += chunk.length;
          });
          answer.on("end", () => resolve([answer.headers["content-length"], bytes]));
        });
        request.on("error", reject).end();
      });
    assert.deepEqual(await ask("GET", "/metrics"), ["1000000", 1 * MB]);
    assert.deepEqual(await ask("HEAD", "/metrics"), ["1000000", 0]);
    assert.deepEqual(await ask("GET", "/metrics"), ["1000000", 1 * MB]);
    assert.deepEqual(await ask("GET", "/healthcheck"), ["2", 2]);
    assert.equal(sockets.length, 1);
  });

  test("is shared: a hundred clients that read at their own speed hold its bytes once", async (t) => {
    const { open, pool } = await serving(t, new VirtualClock(), { metrics: pageOf(10 * MB) });
    const clients = Array.from({ length: 100 }, () => open(METRICS).pause());
    await eventually(() => pool.heldBytes > 0, "opened");
    await pause(200);
    assert.equal(pool.heldBytes, 10 * MB);
    for (const client of clients) client.destroy();
    await eventually(() => pool.heldBytes === 0, "closed");
  });

  test("that is not read gives way to newer ones: its connection is closed", async (t) => {
    const { clock, stall, open, pool } = await serving(t, new VirtualClock(), { metrics: pageOf(20 * MB) });
    const { socket } = await stall(METRICS);
    assert.equal(pool.heldBytes, 20 * MB);
    await clock.advance(1_000); // the first page is too old to be shared
    open(METRICS).pause();
    await eventually(() => socket.destroyed, "evicted");
    assert.equal(pool.heldBytes, 20 * MB);
  });
});

describe("a client that does not read", () => {
  test("is ended after 30 s without progress, by the rule unread-answer", async (t) => {
    const { clock, stall, pool } = await serving(t, new VirtualClock(), { metrics: pageOf(17 * MB) });
    const ended = endedConnections(t);
    const { client, socket } = await stall(METRICS);
    await clock.advance(29_000);
    assert.equal(socket.destroyed, false);
    await clock.advance(11_000);
    assert.equal(socket.destroyed, true);
    assert.deepEqual(ended, [{ instance: "http1", address: "127.0.0.1", rule: "unread-answer" }]);
    await eventually(() => pool.heldBytes === 0, "the page is not held any more");
    client.resume();
    await eventually(() => client.closed, "the client sees the end");
    await clock.advance(10_000);
    assert.equal(clock.pendingTimers, 0);
  });

  test("is ended also with many small answers, whatever they are", async (t) => {
    const { clock, open, sockets } = await serving(t, new VirtualClock(), {});
    const ended = endedConnections(t);
    const client = open("").pause();
    await eventually(() => sockets.length === 1, "accepted");
    const request = `GET /readyz?${"x".repeat(200)} HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(500)}\r\n\r\n`.repeat(500);
    // each answer has some 200 bytes: the kernel takes a few MB of them
    await eventually(() => {
      while (client.writableLength < 10 * MB) client.write(request);
      return (sockets[0]?.writableLength ?? 0) > 0;
    }, "stalled");
    const before = sockets[0]?.bytesWritten;
    await pause(200);
    assert.equal(sockets[0]?.bytesWritten, before);
    await clock.advance(40_000);
    assert.deepEqual(
      ended.map(({ rule }) => rule),
      ["unread-answer"],
    );
  });

  test("that goes on reading, however slowly, is not ended", async (t) => {
    const { clock, stall } = await serving(t, new VirtualClock(), { metrics: pageOf(17 * MB) });
    const ended = endedConnections(t);
    const { client, socket } = await stall(LAST_METRICS);
    let received = 0;
    client.on("data", (chunk) => {
      received += chunk.length;
      client.pause();
    });
    for (let seconds = 0; !client.closed && seconds < 10_000; seconds += 20) {
      const written = socket.bytesWritten;
      // reads until the kernel has room again, which is not at each read
      await eventually(() => {
        client.resume();
        return socket.bytesWritten > written || socket.writableLength === 0 || client.closed;
      }, "progress");
      await clock.advance(20_000);
    }
    assert.ok(received > 17 * MB);
    assert.deepEqual(ended, []);
  });

  test("and one that waits for a page that is being made is not ended", async (t) => {
    const { clock, open, sockets } = await serving(t, new VirtualClock(), {});
    open("GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n");
    await eventually(() => (sockets[0]?.bytesWritten ?? 0) > 0, "answered");
    await clock.advance(60_000);
    assert.equal(sockets[0]?.destroyed, false);
  });
});
