/** Sockets that no HTTP/2 session watches any more. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { closeWhenSilent } from "../../../src/transports/grpc-js/silence.js";
import { eventually } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const SILENCE_MS = 40_000;

/** A client, and the socket of the server, which reads nothing but counts what comes. */
async function connected(t: TestContext): Promise<{ readonly client: Socket; readonly socket: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await once(server, "connection")) as [Socket];
  socket.on("error", () => {});
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { client, socket };
}

test("a connection whose client is silent for the time of a keepalive is closed", async (t) => {
  const { socket } = await connected(t);
  const clock = new VirtualClock();
  closeWhenSilent(socket, SILENCE_MS, clock);
  await clock.advance(SILENCE_MS - 1);
  assert.equal(socket.destroyed, false);
  await clock.advance(1);
  assert.equal(socket.destroyed, true);
});

test("a connection whose client sends a byte in each time stays open", async (t) => {
  const { client, socket } = await connected(t);
  socket.resume();
  const clock = new VirtualClock();
  closeWhenSilent(socket, SILENCE_MS, clock);
  for (let sent = 1; sent <= 5; sent += 1) {
    client.write("x");
    await eventually(() => socket.bytesRead === sent, "the byte has come");
    await clock.advance(SILENCE_MS);
    assert.equal(socket.destroyed, false);
  }
});

test("a connection whose client falls silent is closed a quarter of the time late at most", async (t) => {
  const { client, socket } = await connected(t);
  socket.resume();
  const clock = new VirtualClock();
  closeWhenSilent(socket, SILENCE_MS, clock);
  await clock.advance(1);
  client.write("x");
  await eventually(() => socket.bytesRead === 1, "the byte has come");
  await clock.advance(SILENCE_MS - 1);
  assert.equal(socket.destroyed, false);
  await clock.advance(SILENCE_MS / 4);
  assert.equal(socket.destroyed, true);
});

test("a connection that is closed leaves no timer", async (t) => {
  const { socket } = await connected(t);
  const clock = new VirtualClock();
  closeWhenSilent(socket, SILENCE_MS, clock);
  socket.destroy();
  await once(socket, "close");
  assert.equal(clock.pendingTimers, 0);
});
