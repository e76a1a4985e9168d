/** The one message of a request, however it comes: rows B9 to B18 of docs/conformance.md at their source. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { KNOWN_ENCODINGS, MessageReader, type Refusal } from "../../../src/transports/grpc/message-reader.js";
import { frame } from "../../support/grpc-peer.js";

/** A message with a flag, whose length may lie. */
function prefixed(flag: number, length: number, content: Uint8Array = Buffer.alloc(0)): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, content]);
}

/** What comes of a request: its message, or why it is refused. */
function outcome(parts: readonly Buffer[], encoding?: string): Buffer | Refusal {
  const reader = new MessageReader(encoding, false);
  for (const part of parts) {
    const refusal = reader.read(part);
    if (refusal !== undefined) return refusal;
  }
  return reader.end();
}

const MESSAGE = Buffer.from("0a03612e42", "hex");

test("a message is the same in one part and byte by byte", () => {
  const request = frame(MESSAGE);
  const bytes = [...request].map((byte) => Buffer.from([byte]));
  assert.deepEqual(outcome([request]), MESSAGE);
  assert.deepEqual(outcome(bytes), MESSAGE);
  assert.deepEqual(outcome([frame(Buffer.alloc(0))]), Buffer.alloc(0));
});

test("gzip and deflate are read, and an empty message is empty however it is compressed [B13]", () => {
  const gzip = gzipSync(MESSAGE);
  const deflate = deflateSync(MESSAGE);
  assert.deepEqual(outcome([prefixed(1, gzip.length, gzip)], "gzip"), MESSAGE);
  assert.deepEqual(outcome([prefixed(1, deflate.length, deflate)], "deflate"), MESSAGE);
  assert.deepEqual(outcome([prefixed(0, 5, MESSAGE)], "gzip"), MESSAGE, "not every message has to be compressed");
  assert.deepEqual(outcome([prefixed(1, 0)], "gzip"), Buffer.alloc(0));
  assert.equal(KNOWN_ENCODINGS, "identity,deflate,gzip");
});

const BOMB = gzipSync(Buffer.alloc(10 * 1024 * 1024));
const FULL = gzipSync(Buffer.alloc(4_096));
const OVERFULL = gzipSync(Buffer.alloc(4_097));

test("4,096 bytes are accepted, compressed or not", () => {
  assert.equal((outcome([frame(Buffer.alloc(4_096))]) as Buffer).length, 4_096);
  assert.equal((outcome([prefixed(1, FULL.length, FULL)], "gzip") as Buffer).length, 4_096);
});

/** Requests that are refused: code and text. */
const REFUSED: readonly (readonly [
  label: string,
  parts: readonly Buffer[],
  encoding: string | undefined,
  string,
  string,
])[] = [
  [
    "a length of 4,097, before its bytes [B9]",
    [prefixed(0, 4_097)],
    undefined,
    "RESOURCE_EXHAUSTED",
    "message too large",
  ],
  ["a length of 2^32-1 [B10]", [prefixed(0, 2 ** 32 - 1)], undefined, "RESOURCE_EXHAUSTED", "message too large"],
  ["a bomb [B11]", [prefixed(1, 1_000, BOMB.subarray(0, 1_000))], "gzip", "RESOURCE_EXHAUSTED", "message too large"],
  [
    "one byte too much [B11]",
    [prefixed(1, OVERFULL.length, OVERFULL)],
    "gzip",
    "RESOURCE_EXHAUSTED",
    "message too large",
  ],
  ["garbage as gzip [B12]", [prefixed(1, 3, MESSAGE.subarray(0, 3))], "gzip", "INTERNAL", "failed to decompress"],
  ["garbage as deflate [B12]", [prefixed(1, 3, MESSAGE.subarray(0, 3))], "deflate", "INTERNAL", "failed to decompress"],
  ["no encoding [B14]", [prefixed(1, 5, MESSAGE)], undefined, "INTERNAL", "compressed flag set without encoding"],
  ["identity [B14]", [prefixed(1, 5, MESSAGE)], "identity", "INTERNAL", "compressed flag set without encoding"],
  ["flag 2 [B15]", [prefixed(2, 5, MESSAGE)], "gzip", "INTERNAL", "bad compression flag"],
  ["snappy [B16]", [prefixed(1, 5, MESSAGE)], "snappy", "UNIMPLEMENTED", "unknown message encoding"],
  [
    "a name that every object has [B16]",
    [prefixed(1, 5, MESSAGE)],
    "constructor",
    "UNIMPLEMENTED",
    "unknown message encoding",
  ],
  ["two messages [B17]", [frame(MESSAGE), frame(MESSAGE)], undefined, "INTERNAL", "too many messages"],
  ["a byte too much [B17]", [frame(MESSAGE), Buffer.from([0])], undefined, "INTERNAL", "too many messages"],
  ["nothing [B18]", [], undefined, "INTERNAL", "no request message"],
  ["half a prefix [B18]", [Buffer.alloc(4)], undefined, "INTERNAL", "no request message"],
  ["half a message [B18]", [prefixed(0, 6, MESSAGE)], undefined, "INTERNAL", "no request message"],
];

for (const [label, parts, encoding, code, text] of REFUSED)
  test(`refuses ${label}`, () => {
    const refusal = outcome(parts, encoding);
    assert.ok("code" in refusal, "it was taken");
    assert.deepEqual([refusal.code, refusal.text], [code, text]);
    assert.equal(refusal.tellsEncodings === true, code === "UNIMPLEMENTED");
  });

describe("a stream of messages", () => {
  const two = Buffer.concat([frame(MESSAGE), frame(Buffer.from("xyz"))]);

  test("gives each message once it is complete, in order", () => {
    const reader = new MessageReader(undefined, true);
    const taken: string[] = [];
    for (const byte of two) {
      assert.equal(reader.read(Buffer.from([byte])), undefined);
      for (let next = reader.take(); next !== undefined; next = reader.take()) {
        assert.ok(Buffer.isBuffer(next));
        taken.push(next.toString("latin1"));
      }
    }
    assert.deepEqual(taken, [MESSAGE.toString("latin1"), "xyz"]);
    assert.ok(reader.isEmpty);
  });

  test("gives both messages of one read", () => {
    const reader = new MessageReader(undefined, true);
    reader.read(two);
    assert.deepEqual([reader.take(), reader.take(), reader.take()], [MESSAGE, Buffer.from("xyz"), undefined]);
  });

  test("refuses a second message that is too large, after the first", () => {
    const reader = new MessageReader(undefined, true);
    assert.equal(reader.read(Buffer.concat([frame(MESSAGE), prefixed(0, 5_000)])), undefined);
    assert.deepEqual(reader.take(), MESSAGE);
    assert.deepEqual(reader.take(), { code: "RESOURCE_EXHAUSTED", text: "message too large" });
  });

  test("is not empty when its last message is cut", () => {
    const reader = new MessageReader(undefined, true);
    reader.read(two.subarray(0, two.length - 1));
    reader.take();
    assert.equal(reader.take(), undefined);
    assert.equal(reader.isEmpty, false);
  });
});
