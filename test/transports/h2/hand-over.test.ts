/** A connection that turns out to be the other engine's: what the client sees, frame by frame, and with grpc-js. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { Health } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { frame, request } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE } from "../../support/raw-http2.js";

const CHECK = "/grpc.health.v1.Health/Check";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/** Asks for the list of services. */
const LIST_SERVICES = Buffer.from([0x3a, 0]);

const SETTINGS = h2frame(TYPE.SETTINGS, 0, 0);
const ACKNOWLEDGED = h2frame(TYPE.SETTINGS, FLAG.ACK, 0);

async function serve(t: TestContext): Promise<{ readonly health: Health; readonly port: number }> {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"], { engine: "native" });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return { health, port: portOf(server) };
}

/** A connection that is closed with its test. */
function peerOf(t: TestContext, port: number): RawPeer {
  const peer = new RawPeer(port);
  t.after(() => peer.close());
  return peer;
}

/** A call with one message, as bytes. */
function call(streamId: number, path: string, message: Buffer): Buffer {
  const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS, streamId, headerBlock(callHeaders(path)));
  return Buffer.concat([head, h2frame(TYPE.DATA, FLAG.END_STREAM, streamId, frame(message))]);
}

const settingsOf = (peer: RawPeer, flags: number) =>
  peer.frames().filter((frame) => frame.type === TYPE.SETTINGS && frame.flags === flags).length;
const goAways = (peer: RawPeer) =>
  peer
    .frames()
    .filter(({ type }) => type === TYPE.GOAWAY)
    .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);
const isListed = (peer: RawPeer, streamId: number) => () => peer.data(streamId).includes("grpc.health.v1.Health");

describe("a connection whose first request is for the other engine", () => {
  test("is answered there; the client sees its SETTINGS acknowledged once", async (t) => {
    const { port } = await serve(t);
    const peer = peerOf(t, port);
    peer.write(PREFACE, SETTINGS, ACKNOWLEDGED, call(1, REFLECTION, LIST_SERVICES));
    await eventually(isListed(peer, 1), "the services are listed");
    assert.equal(settingsOf(peer, FLAG.ACK), 1);
    assert.equal(settingsOf(peer, 0), 2, "ours, and the other engine's");
    peer.write(call(3, CHECK, request("")));
    await eventually(() => peer.data(3).length > 0, "a Check is answered there too");
    assert.deepEqual(goAways(peer), []);
  });

  test("waits for the client to acknowledge our SETTINGS, whatever comes before that", async (t) => {
    const { port } = await serve(t);
    const peer = peerOf(t, port);
    peer.write(PREFACE, SETTINGS, call(1, REFLECTION, LIST_SERVICES));
    await eventually(() => settingsOf(peer, 0) === 1, "our SETTINGS");
    for (const part of call(3, CHECK, request(""))) peer.write(Buffer.from([part]));
    peer.write(h2frame(TYPE.WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 1, 0])));
    peer.write(ACKNOWLEDGED);
    await eventually(isListed(peer, 1), "the services are listed");
    await eventually(() => peer.data(3).length > 0, "the Check after it is answered");
    assert.equal(settingsOf(peer, FLAG.ACK), 1);
  });

  test("has its fields in many frames, and its bytes one by one", async (t) => {
    const { port } = await serve(t);
    const peer = peerOf(t, port);
    const block = headerBlock(callHeaders(REFLECTION));
    const parts = [
      h2frame(TYPE.HEADERS, 0, 1, block.subarray(0, 10)),
      h2frame(TYPE.CONTINUATION, 0, 1, block.subarray(10, 50)),
      h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 1, block.subarray(50)),
      h2frame(TYPE.DATA, FLAG.END_STREAM, 1, frame(LIST_SERVICES)),
    ];
    for (const byte of Buffer.concat([PREFACE, SETTINGS, ACKNOWLEDGED, ...parts])) peer.write(Buffer.from([byte]));
    await eventually(isListed(peer, 1), "the services are listed");
  });

  test("has a PING before it, which is answered once", async (t) => {
    const { port } = await serve(t);
    const peer = peerOf(t, port);
    const pongs = () => peer.frames().filter(({ type }) => type === TYPE.PING).length;
    peer.write(PREFACE, SETTINGS, h2frame(TYPE.PING, 0, 0, Buffer.from("12345678")));
    await eventually(() => pongs() === 1, "the PING is answered before anything is asked");
    peer.write(ACKNOWLEDGED, call(1, REFLECTION, LIST_SERVICES));
    await eventually(isListed(peer, 1), "the services are listed");
    assert.equal(pongs(), 1);
  });

  test("ends when the client never acknowledges our SETTINGS", async (t) => {
    const health = new Health();
    const server = await health.listen(["127.0.0.1:0"], { engine: "native", firstBytesTimeoutMs: 200 });
    t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
    const peer = peerOf(t, portOf(server));
    peer.write(PREFACE, SETTINGS, call(1, REFLECTION, LIST_SERVICES));
    await eventually(() => peer.closed, "it is closed");
    assert.equal(server.connectionCount, 0);
  });
});

test("a client that asks nothing has its SETTINGS acknowledged all the same", async (t) => {
  const { port } = await serve(t);
  const [quick, silent] = [peerOf(t, port), peerOf(t, port)];
  quick.write(PREFACE, SETTINGS, ACKNOWLEDGED);
  silent.write(PREFACE, SETTINGS);
  for (const peer of [quick, silent]) await eventually(() => settingsOf(peer, FLAG.ACK) === 1, "the acknowledgement");
  quick.write(call(1, CHECK, request("")));
  await eventually(() => quick.data(1).length > 0, "and is answered when it asks");
});

test("a client that asks for both is sent away after its health call, and served whole when it comes again", async (t) => {
  const { port } = await serve(t);
  const peer = peerOf(t, port);
  peer.write(PREFACE, SETTINGS, ACKNOWLEDGED, call(1, CHECK, request("")));
  await eventually(() => peer.data(1).length > 0, "the Check is answered");
  peer.write(call(3, REFLECTION, LIST_SERVICES));
  await eventually(() => peer.closed, "the connection ends");
  assert.deepEqual(goAways(peer), [[1, 0]], "the call for the other engine was not served");
  const again = peerOf(t, port);
  again.write(PREFACE, SETTINGS, ACKNOWLEDGED, call(1, CHECK, request("")), call(3, REFLECTION, LIST_SERVICES));
  await eventually(isListed(again, 3), "the services are listed");
  assert.ok(again.data(1).length > 0);
  assert.deepEqual(goAways(again), []);
});

test("a Watch lives on beside a call that is sent elsewhere, and the connection ends with it", async (t) => {
  const { health, port } = await serve(t);
  const peer = peerOf(t, port);
  peer.write(PREFACE, SETTINGS, ACKNOWLEDGED, call(1, "/grpc.health.v1.Health/Watch", request("a")));
  await eventually(() => peer.data(1).length === 7, "the first status");
  peer.write(call(3, REFLECTION, LIST_SERVICES));
  await eventually(() => goAways(peer).length === 1, "the other call is sent elsewhere");
  health.set("a", "SERVING");
  await eventually(() => peer.data(1).length === 14, "the Watch has the change");
  assert.equal(peer.closed, false);
  peer.write(h2frame(TYPE.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])));
  await eventually(() => peer.closed, "the connection ends with its last stream");
  assert.equal(health.watcherCount, 0);
});

test("on one channel of grpc-js, calls of both engines mixed at random all succeed", async (t) => {
  const { health, port } = await serve(t);
  health.set("a", "SERVING");
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(() => client.close());
  const asIs = (bytes: Buffer) => bytes;
  const check = () =>
    new Promise<Buffer | undefined>((resolve, reject) => {
      client.makeUnaryRequest(CHECK, asIs, asIs, request("a"), (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  const reflect = () =>
    new Promise<Buffer>((resolve, reject) => {
      const stream = client.makeBidiStreamRequest(REFLECTION, asIs, asIs);
      stream.once("data", resolve).once("error", reject);
      stream.end(LIST_SERVICES);
    });
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => (index % 10 === 7 ? reflect() : check())),
  );
  assert.equal(answers.filter((answer) => answer?.toString("hex") === "0801").length, 180);
  assert.equal(answers.filter((answer) => answer?.includes("grpc.health.v1.Health")).length, 20);
});
