/** SETTINGS of a client are acknowledged at once (RFC 9113, section 6.5.3). */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Health } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE, uint32 } from "../../support/raw-http2.js";

async function greeted(t: TestContext): Promise<RawPeer> {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"]);
  const peer = new RawPeer(portOf(server));
  t.after(() => {
    peer.close();
    return health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 100 });
  });
  return peer;
}

const acknowledgements = (peer: RawPeer) =>
  peer.frames().filter(({ type, flags }) => type === TYPE.SETTINGS && flags === FLAG.ACK).length;

const WINDOW_OF_5 = h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(5)]));
const CHECK = [
  h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(callHeaders("/grpc.health.v1.Health/Check"))),
  h2frame(TYPE.DATA, FLAG.END_STREAM, 1, Buffer.alloc(5)),
];

describe("SETTINGS of a client", () => {
  test("with the preface are acknowledged before anything is asked", async (t) => {
    const peer = await greeted(t);
    peer.write(PREFACE, h2frame(TYPE.SETTINGS, 0, 0));
    await eventually(() => acknowledgements(peer) === 1, "acknowledged");
  });

  test("are acknowledged one by one", async (t) => {
    const peer = await greeted(t);
    peer.write(PREFACE, ...Array(20).fill(h2frame(TYPE.SETTINGS, 0, 0)));
    await eventually(() => acknowledgements(peer) === 20, "all are acknowledged");
  });

  test("are acknowledged while an answer waits for a window", async (t) => {
    const peer = await greeted(t);
    peer.write(PREFACE, WINDOW_OF_5, ...CHECK);
    await eventually(() => peer.data(1).length === 5, "the window is used");
    peer.write(h2frame(TYPE.SETTINGS, 0, 0));
    await eventually(() => acknowledgements(peer) === 2, "acknowledged");
    assert.equal(peer.data(1).length, 5);
  });

  test("are acknowledged before the answer to a request that came after them", async (t) => {
    const peer = await greeted(t);
    peer.write(PREFACE, h2frame(TYPE.SETTINGS, 0, 0), ...CHECK);
    await eventually(() => peer.data(1).length > 0, "answered");
    const kinds = peer.frames().map(({ type, flags }) => (type === TYPE.SETTINGS && flags === FLAG.ACK ? "ack" : type));
    assert.deepEqual(
      kinds.filter((kind) => kind === "ack" || kind === TYPE.HEADERS),
      ["ack", TYPE.HEADERS, TYPE.HEADERS],
    );
  });
});
