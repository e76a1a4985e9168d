/** Frames however they come: RFC 9113, sections 3.4 and 4.1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, PREFACE } from "../../../src/wire/http2/frame-reader.js";
import { ConnectionError, frameOf, MAX_FRAME_BYTES } from "../../../src/wire/http2/frames.js";

type Read = readonly [type: number, flags: number, streamId: number, payload: string];

function reader(): { readonly frames: Read[]; readonly reader: FrameReader } {
  const frames: Read[] = [];
  const onFrame = (...[type, flags, streamId, payload]: [number, number, number, Buffer]) =>
    frames.push([type, flags, streamId, payload.toString()]);
  return { frames, reader: new FrameReader(onFrame) };
}

const BYTES = Buffer.concat([
  PREFACE,
  frameOf(4, 0, 0, Buffer.alloc(0)),
  frameOf(1, 5, 1, Buffer.from("head")),
  frameOf(0x77, 0xff, 0x7fff_ffff, Buffer.from("what is this?")),
]);

const FRAMES: readonly Read[] = [
  [4, 0, 0, ""],
  [1, 5, 1, "head"],
  [0x77, 0xff, 0x7fff_ffff, "what is this?"],
];

test("frames do not depend on how their bytes are split", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 100 }), (sizes) => {
      const { frames, reader: here } = reader();
      let at = 0;
      for (const size of [...sizes, BYTES.length]) {
        if (at < BYTES.length) here.read(BYTES.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(frames, FRAMES);
    }),
  );
});

test("the reserved bit of a stream identifier is ignored", () => {
  const { frames, reader: here } = reader();
  const frame = frameOf(8, 0, 0, Buffer.alloc(0));
  frame[5] = 0x80;
  here.read(Buffer.concat([PREFACE, frame]));
  assert.deepEqual(frames, [[8, 0, 0, ""]]);
});

test("a frame of 16,384 bytes is read, and one more byte is refused by its header", () => {
  const { frames, reader: here } = reader();
  here.read(Buffer.concat([PREFACE, frameOf(0, 0, 1, Buffer.alloc(MAX_FRAME_BYTES, "x"))]));
  assert.equal(frames[0]?.[3].length, MAX_FRAME_BYTES);
  const header = frameOf(0, 0, 1, Buffer.alloc(MAX_FRAME_BYTES + 1)).subarray(0, 9);
  assert.throws(
    () => here.read(header),
    (error) => error instanceof ConnectionError && error.code === "FRAME_SIZE_ERROR",
  );
});

test("a wrong preface is refused at its first wrong byte", () => {
  for (let length = 1; length <= PREFACE.length; length += 1) {
    const wrong = Buffer.from(PREFACE.subarray(0, length));
    wrong[length - 1] = 0x21;
    assert.throws(
      () => reader().reader.read(wrong),
      (error) => error instanceof ConnectionError && error.code === "PROTOCOL_ERROR",
    );
  }
});

test("a reader that its listener stops hands on no frame after that one", () => {
  const frames: number[] = [];
  const onFrame = (type: number) => {
    frames.push(type);
    if (type === 1) here.stop();
  };
  const here = new FrameReader(onFrame);
  here.read(BYTES);
  assert.deepEqual(frames, [4, 1]);
});

test("a server sends no preface", () => {
  const frames: number[] = [];
  new FrameReader((type) => frames.push(type), "server").read(BYTES.subarray(PREFACE.length));
  assert.deepEqual(frames, [4, 1, 0x77]);
});

test("reading stops before a frame that may not be read yet, and goes on there with a call without bytes", () => {
  const { frames, reader: here } = reader();
  let left = 1;
  const mayContinue = () => {
    left -= 1;
    return left >= 0;
  };
  assert.equal(here.read(BYTES, mayContinue), false);
  assert.deepEqual(frames, FRAMES.slice(0, 1));
  left = 1;
  assert.equal(here.read(undefined, mayContinue), false);
  assert.deepEqual(frames, FRAMES.slice(0, 2));
  left = 1;
  assert.equal(here.read(undefined, mayContinue), true);
  assert.deepEqual(frames, FRAMES);
});
