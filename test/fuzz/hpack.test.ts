/** Node's own encoder, which is nghttp2's, against our decoder: fields of chance, over one connection's tables. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { FrameReader } from "../../src/wire/http2/frame-reader.js";
import { HpackDecoder } from "../../src/wire/http2/hpack-decoder.js";
import { eventually } from "../support/eventually.js";
import { FLAG, h2frame, TYPE } from "../support/raw-http2.js";
import { SeededRandom } from "../support/seeded-random.js";
import { fuzz } from "./budget.js";

const REQUESTS = 60;

type Fields = readonly (readonly [string, string])[];

function drawFields(random: SeededRandom): Fields {
  const name = () =>
    random.pick([
      "accept",
      "user-agent",
      "x-a",
      "x-trace-id",
      "authorization",
      "cookie",
      "grpc-timeout",
      `x-${Math.floor(random.next() * 40)}`,
    ]);
  const value = () => {
    const length = Math.floor(random.next() ** 3 * 600);
    return Array.from({ length }, () =>
      String.fromCharCode(33 + Math.floor(random.next() * (random.next() < 0.9 ? 94 : 220))),
    )
      .join("")
      .replaceAll("\u007f", "");
  };
  const fields = new Map<string, string>();
  for (let count = Math.floor(random.next() * 12); count > 0; count -= 1) fields.set(name(), value());
  return [...fields];
}

/** Header blocks of a connection, in order, as their fields. */
function blocksOf(socket: Socket): Fields[] {
  const decoder = new HpackDecoder();
  const blocks: Fields[] = [];
  let parts: Buffer[] = [];
  const onFrame = (type: number, flags: number, _streamId: number, payload: Buffer) => {
    if (type !== TYPE.HEADERS && type !== TYPE.CONTINUATION) return;
    // what nghttp2 sends has no padding; a priority of 5 bytes when the flag says so
    parts.push(type === TYPE.HEADERS && (flags & 0x20) !== 0 ? payload.subarray(5) : payload);
    if ((flags & FLAG.END_HEADERS) === 0) return;
    const { fields } = decoder.decode(Buffer.concat(parts));
    parts = [];
    blocks.push(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? ""] as const] : [])));
  };
  const reader = new FrameReader(onFrame);
  socket.on("data", (bytes: Buffer) => reader.read(bytes)).on("error", () => {});
  socket.write(h2frame(TYPE.SETTINGS, 0, 0));
  return blocks;
}

test("our decoder reads what nghttp2 encodes", async () => {
  await fuzz(0.05, async (seed) => {
    const random = new SeededRandom(seed);
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).on("error", () => {});
    const [socket] = (await once(server, "connection")) as [Socket];
    try {
      const blocks = blocksOf(socket);
      const sent: Fields[] = [];
      for (let count = 0; count < REQUESTS; count += 1) {
        const fields = drawFields(random);
        sent.push(fields);
        session.request({ ":path": `/${count}`, ...Object.fromEntries(fields) }).on("error", () => {});
      }
      await eventually(() => blocks.length === REQUESTS, "every block has come");
      for (const [index, fields] of sent.entries()) {
        const regular = (blocks[index] ?? []).filter(([name]) => !name.startsWith(":"));
        assert.deepEqual(sorted(regular), sorted(fields));
      }
    } finally {
      session.destroy();
      socket.destroy();
      server.close();
    }
  });
});

const sorted = (fields: Fields): Fields => [...fields].sort(([one], [other]) => (one < other ? -1 : 1));
