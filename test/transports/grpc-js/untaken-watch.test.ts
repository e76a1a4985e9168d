/**
 * A Watch on an application's server whose client never takes a message: grpc-js reports no end of such a call, or Node
 * keeps its stream (docs/known-faults.md 0.1). The Watch is closed after 40 s, so that `maxWatchers` stays for others.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Health } from "../../../src/index.js";
import { eventually, pause } from "../../support/eventually.js";
import { frame, GrpcPeer, HEALTH, request } from "../../support/grpc-peer.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const TAKE_MS = 40_000;

async function added(t: TestContext) {
  const clock = new VirtualClock();
  const health = new Health({ clock });
  health.set("a", "SERVING");
  const server = new Server();
  health.addToServer(server);
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", ServerCredentials.createInsecure());
  t.after(() => server.forceShutdown());
  const open = () => {
    const peer = new RawPeer(port);
    t.after(() => peer.close());
    return peer;
  };
  return { clock, health, port, open };
}

function watch(stream: number): Buffer {
  const message = frame(request("a"));
  const head = headerBlock(callHeaders(`${HEALTH}/Watch`));
  return Buffer.concat([
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, head),
    h2frame(TYPE.DATA, FLAG.END_STREAM, stream, message),
  ]);
}

const SETTINGS = h2frame(TYPE.SETTINGS, 0, 0);
const NO_WINDOW = h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)]));
const BAD_PING = h2frame(TYPE.PING, 0, 0, Buffer.alloc(3));
const BAD_SETTINGS = h2frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(5));

const hasTrailers = (peer: RawPeer) =>
  peer.frames().some(({ type, flags }) => type === TYPE.HEADERS && (flags & FLAG.END_STREAM) !== 0);

describe("a Watch whose client never takes a message is closed after 40 s", () => {
  const ERRORS = {
    "a PING of a wrong length": BAD_PING,
    "SETTINGS of a wrong length": BAD_SETTINGS,
    "DATA after the end": h2frame(TYPE.DATA, FLAG.END_STREAM, 1, frame(request("a"))),
  };
  for (const [error, bytes] of Object.entries(ERRORS)) {
    test(`after ${error} by the client, which leaves`, async (t) => {
      const { clock, health, open } = await added(t);
      for (let count = 0; count < 5; count += 1) {
        const peer = open();
        peer.write(PREFACE, SETTINGS, watch(1), bytes);
        await eventually(() => peer.received.length > 0, "an answer");
        peer.close();
      }
      // Node 20 keeps them, Node 22 and 24 nearly never do
      await clock.advance(TAKE_MS);
      await eventually(() => health.watcherCount === 0, "no watcher is left");
    });
  }

  const ENDS = {
    "its deadline had passed": [["grpc-timeout", "20m"]],
    "its deadline was over at once": [["grpc-timeout", "1n"]],
  } as const;
  for (const [end, fields] of Object.entries(ENDS)) {
    test(`when its request ended after ${end}`, async (t) => {
      const { clock, health, open } = await added(t);
      const peer = open();
      const head = headerBlock([...callHeaders(`${HEALTH}/Watch`), ...fields]);
      peer.write(PREFACE, SETTINGS, h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, head));
      peer.write(h2frame(TYPE.DATA, 0, 1, frame(request("a"))));
      await eventually(() => hasTrailers(peer), "DEADLINE_EXCEEDED");
      peer.write(h2frame(TYPE.DATA, FLAG.END_STREAM, 1));
      await pause(50);
      peer.close();
      await clock.advance(TAKE_MS);
      await eventually(() => health.watcherCount === 0, "no watcher is left");
    });
  }

  test("when the client has no window: it gets the message later, and then UNAVAILABLE", async (t) => {
    const { clock, health, open } = await added(t);
    const peer = open();
    peer.write(PREFACE, NO_WINDOW, watch(1));
    await eventually(() => health.watcherCount === 1, "the Watch is open");
    await eventually(() => peer.received.length > 0, "the head of the answer");
    await clock.advance(TAKE_MS - 1);
    assert.equal(health.watcherCount, 1);
    await clock.advance(1);
    await eventually(() => health.watcherCount === 0, "the Watch is closed");
    assert.equal(hasTrailers(peer), false);
    peer.write(h2frame(TYPE.WINDOW_UPDATE, 0, 1, uint32(1_000)));
    await eventually(() => hasTrailers(peer), "the end of the call");
    assert.deepEqual(peer.data(1), frame(Buffer.from([0x08, 1])));
  });

  test("also when the message that it does not take is a later one", async (t) => {
    const { clock, health, open } = await added(t);
    const peer = open();
    const room = h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(7)]));
    peer.write(PREFACE, room, watch(1));
    await eventually(() => peer.data(1).length === 7, "the first message");
    await clock.advance(10 * TAKE_MS);
    assert.equal(health.watcherCount, 1, "a client that has taken everything is not slow");
    health.set("a", "NOT_SERVING");
    await new Promise(setImmediate);
    await clock.advance(TAKE_MS);
    await eventually(() => health.watcherCount === 0, "the Watch is closed");
  });
});

test("a Watch whose client takes each message stays open", async (t) => {
  const { clock, health, port } = await added(t);
  const peer = new GrpcPeer(port);
  t.after(() => peer.close());
  const watched = peer.watch("a");
  for (let count = 1; count <= 4; count += 1) {
    await eventually(() => watched.statuses.length === count, "the status");
    await pause(20);
    await clock.advance(TAKE_MS * 3);
    health.set("a", count % 2 === 1 ? "NOT_SERVING" : "SERVING");
  }
  await eventually(() => watched.statuses.length === 5, "all statuses");
  assert.equal(health.watcherCount, 1);
});
