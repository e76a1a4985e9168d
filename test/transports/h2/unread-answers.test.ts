/** Answers that the client does not take: each has a deadline, a connection has a bound, a Watch costs one slot. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Health, type ListenOptions } from "../../../src/index.js";
import { eventually, pause } from "../../support/eventually.js";
import { frame, GrpcPeer, HEALTH, request } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";

const INITIAL_WINDOW = Buffer.from([0, 4]);

async function serve(t: TestContext, options: ListenOptions = {}) {
  const health = new Health({ listLimit: 100_000 });
  const server = await health.listen(["127.0.0.1:0"], { engine: "native", ...options });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return { health, server, port: portOf(server) };
}

/** A client whose streams begin with a window of `octets`. */
async function peerWithWindow(t: TestContext, port: number, octets: number): Promise<RawPeer> {
  const peer = new RawPeer(port);
  t.after(() => peer.close());
  await peer.greet();
  peer.write(h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([INITIAL_WINDOW, uint32(octets)])));
  return peer;
}

function call(stream: number, method: string, service = ""): Buffer {
  const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, headerBlock(callHeaders(`${HEALTH}/${method}`)));
  return Buffer.concat([head, h2frame(TYPE.DATA, FLAG.END_STREAM, stream, frame(request(service)))]);
}

function get(stream: number, path: string): Buffer {
  const fields = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
  ] as const;
  return h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, headerBlock(fields));
}

const widen = (stream: number, octets: number) => h2frame(TYPE.WINDOW_UPDATE, 0, stream, uint32(octets));

/** As many names as make a List of about `bytes`. */
function fill(health: Health, bytes: number): void {
  for (let index = 0; index < bytes / 210; index += 1) health.set(`${index}`.padEnd(200, "x"), "SERVING");
}

describe("an answer that the client does not take", () => {
  const answers: Readonly<Record<string, Buffer>> = {
    "a Check": call(1, "Check"),
    "a List": call(1, "List"),
    "plain HTTP": get(1, "/healthcheck"),
  };
  for (const [what, ask] of Object.entries(answers))
    test(`is reset after its deadline: ${what}`, async (t) => {
      const { port } = await serve(t, { answerTimeoutMs: 100 });
      const peer = await peerWithWindow(t, port, 0);
      peer.write(ask);
      await eventually(() => peer.reset(1) === "CANCEL", "the reset");
      peer.write(widen(1, 100), call(3, "Check"), widen(3, 7));
      await eventually(() => peer.data(3).length === 7, "the connection serves on");
      assert.equal(peer.data(1).length, 0);
    });

  test("leaves a Watch open, which has the newest status when the client reads on", async (t) => {
    const { health, port } = await serve(t, { answerTimeoutMs: 50 });
    const peer = await peerWithWindow(t, port, 0);
    peer.write(call(1, "Watch", "a"));
    await eventually(() => health.watcherCount === 1, "the Watch is open");
    await pause(200);
    health.set("a", "NOT_SERVING");
    health.set("a", "SERVING");
    peer.write(widen(1, 100));
    await eventually(() => peer.data(1).length === 14, "the first status and the newest");
    assert.equal(peer.data(1).subarray(7).toString("hex"), "00000000020801");
    assert.equal(peer.reset(1), undefined);
  });

  test("may make progress as slowly as it likes, a little within each deadline", async (t) => {
    const { health, port } = await serve(t, { answerTimeoutMs: 400 });
    fill(health, 2_000);
    const peer = await peerWithWindow(t, port, 0);
    peer.write(call(1, "List"));
    for (let step = 0; step < 20; step += 1) {
      await pause(60);
      peer.write(widen(1, 110));
    }
    await eventually(() => peer.data(1).length > 2_000, "the whole list");
    assert.equal(peer.reset(1), undefined);
  });
});

test("a connection whose unread answers are too large has its next requests refused, and is served when it reads", async (t) => {
  const { health, port } = await serve(t);
  fill(health, 100_000);
  const peer = await peerWithWindow(t, port, 0);
  for (let index = 0; index < 10; index += 1) peer.write(call(2 * index + 1, "List"));
  await eventually(() => peer.reset(19) === "REFUSED_STREAM", "the last is refused");
  assert.equal(peer.reset(1), undefined);
  for (let index = 0; index < 10; index += 1)
    if (peer.reset(2 * index + 1) === undefined) peer.write(widen(2 * index + 1, 1_000_000));
  peer.write(widen(0, 10_000_000));
  await eventually(() => peer.data(1).length > 100_000, "the first list");
  peer.write(call(21, "List"), widen(21, 1_000_000));
  await eventually(() => peer.data(21).length > 100_000, "a later list");
});

test("17 MB arrive whole, and other connections are answered meanwhile", async (t) => {
  const { health, port } = await serve(t);
  fill(health, 17_500_000);
  const [peer, other] = [new GrpcPeer(port), new GrpcPeer(port)];
  t.after(() => {
    for (const { session } of [peer, other]) session.destroy();
  });
  const list = peer.call(`${HEALTH}/List`, frame(Buffer.alloc(0)));
  assert.equal((await other.check("")).status, 1);
  const { code, messages } = await list;
  assert.equal(code, 0);
  assert.ok((messages[0]?.length ?? 0) > 17_000_000, `${messages[0]?.length} bytes`);
});
