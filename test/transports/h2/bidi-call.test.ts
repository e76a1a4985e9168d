/** A reflection stream on the native engine: it may stay open, send ahead, and stall, each within its bounds. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Health, type ListenOptions } from "../../../src/index.js";
import { eventually, pause } from "../../support/eventually.js";
import { collect, frame, GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";
import { methodOf, readAnswer, writeRequest } from "../../support/reflection.js";

const LIST = frame(writeRequest({ list_services: "" }));

async function serve(t: TestContext, options: ListenOptions = {}): Promise<number> {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"], { engine: "native", ...options });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return portOf(server);
}

async function open(t: TestContext, options: ListenOptions = {}) {
  const peer = new GrpcPeer(await serve(t, options));
  t.after(() => peer.close());
  const stream = peer.open(methodOf("v1"));
  const answers: Buffer[] = [];
  const end = collect(stream, (message) => answers.push(message));
  return { peer, stream, answers, end };
}

describe("a reflection stream", () => {
  test("stays open without a request for longer than a unary request may take", async (t) => {
    const { stream, answers, end } = await open(t, { requestTimeoutMs: 50 });
    stream.write(LIST);
    await eventually(() => answers.length === 1, "the first answer");
    await pause(200);
    stream.end(LIST);
    assert.equal((await end).code, 0);
    assert.equal(answers.length, 2);
  });

  test("may send more than the window of a stream, since answered requests give it back", async (t) => {
    const { stream, answers, end } = await open(t);
    const long = frame(writeRequest({ host: "x".repeat(3_000), list_services: "" }));
    for (let count = 0; count < 60; count += 1) stream.write(long);
    stream.end();
    assert.equal((await end).code, 0);
    assert.equal(answers.length, 60);
    assert.equal(readAnswer(answers[59] ?? Buffer.alloc(0)).valid_host.length, 3_000);
  });

  test("answers many small requests of one write, in order", async (t) => {
    const { stream, answers, end } = await open(t);
    const requests = Array.from({ length: 500 }, (_, index) =>
      frame(writeRequest({ file_containing_symbol: `no.such.Symbol${index}` })),
    );
    stream.end(Buffer.concat(requests));
    assert.equal((await end).code, 0);
    const symbols = answers.map((answer) => readAnswer(answer).original_request.file_containing_symbol);
    assert.deepEqual(
      symbols,
      requests.map((_, index) => `no.such.Symbol${index}`),
    );
  });

  test("that is cut in a message ends with an error", async (t) => {
    const { stream, answers, end } = await open(t);
    stream.end(Buffer.concat([LIST, LIST.subarray(0, 6)]));
    assert.deepEqual([(await end).code, answers.length], [13, 1]);
  });

  test("ends at its deadline", async (t) => {
    const peer = new GrpcPeer(await serve(t));
    t.after(() => peer.close());
    const stream = peer.open(methodOf("v1alpha"), { "grpc-timeout": "100m" });
    const end = collect(stream, () => {});
    stream.write(LIST);
    assert.equal((await end).code, 4);
  });

  test("that the server ends is closed, although the client leaves its side open", async (t) => {
    const peer = new RawPeer(await serve(t));
    t.after(() => peer.close());
    await peer.greet();
    const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(callHeaders(methodOf("v1"))));
    peer.write(head, h2frame(TYPE.DATA, 0, 1, frame(Buffer.from([0xff]))));
    await eventually(() => peer.reset(1) === "NO_ERROR", "the stream is closed after its status");
    assert.equal(peer.goAway(), undefined);
  });

  test("whose client takes no answer is reset after the deadline of an answer", async (t) => {
    const peer = new RawPeer(await serve(t, { answerTimeoutMs: 100 }));
    t.after(() => peer.close());
    await peer.greet();
    peer.write(h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])));
    const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(callHeaders(methodOf("v1"))));
    peer.write(head, h2frame(TYPE.DATA, 0, 1, Buffer.concat([LIST, LIST, LIST])));
    await eventually(() => peer.reset(1) === "CANCEL", "the reset");
  });

  test("whose client sends more than the window allows is reset", async (t) => {
    const peer = new RawPeer(await serve(t));
    t.after(() => peer.close());
    await peer.greet();
    // the client takes no answer, so no request after the first is answered
    peer.write(h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])));
    peer.write(h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(callHeaders(methodOf("v1")))));
    const request = frame(writeRequest({ host: "x".repeat(3_000), list_services: "" }));
    const sent = h2frame(TYPE.DATA, 0, 1, request);
    for (let octets = 0; octets + request.length <= 65_535; octets += request.length) peer.write(sent);
    await pause(50);
    assert.equal(peer.reset(1), undefined);
    peer.write(sent);
    await eventually(() => peer.reset(1) === "FLOW_CONTROL_ERROR", "the reset");
    assert.equal(peer.goAway(), undefined);
  });

  test("beyond a hundred open ones is refused, and the place of a closed one is free again", async (t) => {
    const peer = new GrpcPeer(await serve(t));
    t.after(() => peer.close());
    const streams = Array.from({ length: 100 }, () => peer.open(methodOf("v1")));
    for (const stream of streams) void collect(stream, () => {});
    const refused = await peer.call(methodOf("v1"), LIST);
    assert.equal(refused.code, 8);
    for (const stream of streams) stream.end();
    await eventually(async () => (await peer.call(methodOf("v1"), LIST)).code === 0, "it is served again");
  });
});
