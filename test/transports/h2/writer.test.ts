/** What is written in one turn leaves in one write, and a connection that fails harms no other. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, test } from "node:test";
import { FrameWriter, Outbox } from "../../../src/transports/h2/writer.js";
import { frameOf } from "../../../src/wire/http2/frames.js";

/** A socket that keeps each write. With `stuck`, it never takes the first one. */
class Recorder extends Duplex {
  readonly writes: Buffer[] = [];
  stuck = false;
  #release = () => {};

  override _write(bytes: Buffer, _encoding: unknown, done: () => void): void {
    this.writes.push(bytes);
    if (this.stuck) this.#release = done;
    else done();
  }

  override _read(): void {}

  unstick(): void {
    this.stuck = false;
    this.#release();
  }
}

const noError = (error: unknown) => assert.fail(String(error));

function writerOn(outbox: Outbox, onError: (error: unknown) => void = noError): [FrameWriter, Recorder] {
  const socket = new Recorder();
  return [new FrameWriter(socket, outbox, { onFull: () => {}, onError }), socket];
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("the outbox", () => {
  test("sends the frames of one turn in one write, in order", async () => {
    const [writer, socket] = writerOn(new Outbox());
    writer.frame(6, 1, 0, Buffer.from("12345678"));
    writer.frames(Buffer.from("abc"));
    writer.answer({ bytes: Buffer.from("____...____"), idOffsets: [0, 7] }, 0x01020304);
    assert.equal(socket.writes.length, 0);
    await Promise.resolve();
    assert.deepEqual(socket.writes, [
      Buffer.concat([
        frameOf(6, 1, 0, Buffer.from("12345678")),
        Buffer.from("abc"),
        Buffer.from([1, 2, 3, 4, ...Buffer.from("..."), 1, 2, 3, 4]),
      ]),
    ]);
  });

  test("waits while it is held, and sends at once when it is released", async () => {
    const outbox = new Outbox();
    const [writer, socket] = writerOn(outbox);
    outbox.hold();
    writer.frames(Buffer.from("a"));
    await Promise.resolve();
    assert.equal(socket.writes.length, 0);
    writer.frames(Buffer.from("b"));
    outbox.release();
    assert.deepEqual(socket.writes.map(String), ["ab"]);
    outbox.release();
    assert.equal(socket.writes.length, 1);
  });

  test("sends the bytes of one connection before it takes those of another", async () => {
    const outbox = new Outbox();
    const [one, oneSocket] = writerOn(outbox);
    const [two, twoSocket] = writerOn(outbox);
    one.frames(Buffer.from("1"));
    two.frames(Buffer.from("2"));
    assert.deepEqual([oneSocket.writes.length, twoSocket.writes.length], [1, 0]);
    one.frames(Buffer.from("3"));
    await Promise.resolve();
    assert.deepEqual([...oneSocket.writes, ...twoSocket.writes].map(String), ["1", "3", "2"]);
  });

  test("sends more than it holds in several writes, and loses nothing", async () => {
    const [writer, socket] = writerOn(new Outbox());
    for (let index = 0; index < 10; index += 1) writer.frames(Buffer.alloc(16_384, index));
    await Promise.resolve();
    const all = Buffer.concat(socket.writes);
    assert.equal(all.length, 163_840);
    for (let index = 0; index < 10; index += 1) assert.equal(all[index * 16_384], index);
    assert.equal(socket.writes.length, 3);
  });

  test("refuses a write that does not fit, and keeps what it holds", () => {
    const outbox = new Outbox();
    const [writer, socket] = writerOn(outbox);
    writer.frames(Buffer.from("before"));
    assert.throws(() => writer.frames(Buffer.alloc(65_537)), RangeError);
    writer.frames(Buffer.from(", after"));
    outbox.flush();
    assert.deepEqual(socket.writes.map(String), ["before, after"]);
  });

  test("does not change a write by what comes after it", () => {
    const outbox = new Outbox();
    const [writer, socket] = writerOn(outbox);
    writer.frames(Buffer.from("first"));
    outbox.flush();
    writer.frames(Buffer.from("later"));
    outbox.flush();
    assert.deepEqual(socket.writes.map(String), ["first", "later"]);
  });
});

describe("a write that throws", () => {
  const broken = (outbox: Outbox, errors: unknown[]): FrameWriter => {
    const [writer, socket] = writerOn(outbox, (error) => errors.push(error));
    socket.write = () => {
      throw new Error("broken");
    };
    return writer;
  };

  test("is reported to its connection, and the others go on: at the end of a turn", async () => {
    const outbox = new Outbox();
    const errors: unknown[] = [];
    broken(outbox, errors).frames(Buffer.from("x"));
    const [writer, socket] = writerOn(outbox);
    writer.frames(Buffer.from("y"));
    await Promise.resolve();
    assert.equal(errors.length, 1);
    assert.deepEqual(socket.writes.map(String), ["y"]);
  });

  test("is reported to its connection, and the others go on: at a release", () => {
    const outbox = new Outbox();
    const errors: unknown[] = [];
    outbox.hold();
    broken(outbox, errors).frames(Buffer.from("x"));
    outbox.release();
    const [writer, socket] = writerOn(outbox);
    outbox.hold();
    writer.frames(Buffer.from("y"));
    outbox.release();
    assert.equal(errors.length, 1);
    assert.deepEqual(socket.writes.map(String), ["y"]);
  });

  test("leaves the other waiting actions of its connection to run", async () => {
    const errors: unknown[] = [];
    const [writer, socket] = writerOn(new Outbox(), (error) => errors.push(error));
    socket.stuck = true;
    writer.frames(Buffer.alloc(60_000));
    await turn();
    let ran = 0;
    writer.whenWritable(() => {
      throw new Error("one action fails");
    });
    writer.whenWritable(() => (ran += 1));
    socket.unstick();
    await turn();
    assert.deepEqual([errors.length, ran], [1, 1]);
  });
});

test("a socket that is not read is full, which its owner hears, and takes more when it has drained", async () => {
  const socket = new Recorder();
  let full = 0;
  const onFull = () => {
    full += 1;
  };
  const writer = new FrameWriter(socket, new Outbox(), { onFull, onError: noError });
  socket.stuck = true;
  socket.resume();
  for (let index = 0; index < 20; index += 1) writer.frames(Buffer.alloc(16_384));
  await turn();
  assert.deepEqual([writer.isFull, full > 0], [true, true]);
  let writable = false;
  writer.whenWritable(() => (writable = true));
  await turn();
  assert.equal(writable, false);
  socket.unstick();
  await turn();
  assert.deepEqual([writer.isFull, writable], [false, true]);
});
