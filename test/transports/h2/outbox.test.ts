/** What is written in one go leaves in one write. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox, type Sender } from "../../../src/transports/h2/outbox.js";
import { frameOf } from "../../../src/wire/http2/frames.js";

class Recorder implements Sender {
  readonly writes: Buffer[] = [];

  transmit(bytes: Buffer): void {
    this.writes.push(bytes);
  }
}

test("frames of one turn are one write, in order", async () => {
  const outbox = new Outbox();
  const sender = new Recorder();
  outbox.frame(sender, 6, 1, 0, Buffer.from("12345678"));
  outbox.frames(sender, Buffer.from("abc"));
  outbox.answer(sender, { bytes: Buffer.from("____...____"), idOffsets: [0, 7] }, 0x01020304);
  assert.equal(sender.writes.length, 0);
  await Promise.resolve();
  assert.deepEqual(sender.writes, [
    Buffer.concat([
      frameOf(6, 1, 0, Buffer.from("12345678")),
      Buffer.from("abc"),
      Buffer.from([1, 2, 3, 4, ...Buffer.from("..."), 1, 2, 3, 4]),
    ]),
  ]);
});

test("while it is held it waits, however long; what is released leaves at once", async () => {
  const outbox = new Outbox();
  const sender = new Recorder();
  outbox.hold();
  outbox.frames(sender, Buffer.from("a"));
  await Promise.resolve();
  assert.equal(sender.writes.length, 0);
  outbox.frames(sender, Buffer.from("b"));
  outbox.release();
  assert.deepEqual(sender.writes.map(String), ["ab"]);
  outbox.release();
  assert.equal(sender.writes.length, 1);
});

test("who writes while it holds another's bytes has those sent first", async () => {
  const outbox = new Outbox();
  const [one, two] = [new Recorder(), new Recorder()];
  outbox.frames(one, Buffer.from("1"));
  outbox.frames(two, Buffer.from("2"));
  assert.deepEqual([one.writes.length, two.writes.length], [1, 0]);
  outbox.frames(one, Buffer.from("3"));
  await Promise.resolve();
  assert.deepEqual([...one.writes, ...two.writes].map(String), ["1", "3", "2"]);
});

test("what is more than it holds leaves in as many writes as it must, nothing lost", async () => {
  const outbox = new Outbox();
  const sender = new Recorder();
  for (let index = 0; index < 10; index += 1) outbox.frames(sender, Buffer.alloc(16_384, index));
  await Promise.resolve();
  const all = Buffer.concat(sender.writes);
  assert.equal(all.length, 163_840);
  for (let index = 0; index < 10; index += 1) assert.equal(all[index * 16_384], index);
  assert.equal(sender.writes.length, 3);
});

test("more at once than it holds is refused, and what it holds stays as it is", () => {
  const outbox = new Outbox();
  const sender = new Recorder();
  outbox.frames(sender, Buffer.from("before"));
  assert.throws(() => outbox.frames(sender, Buffer.alloc(65_537)), RangeError);
  outbox.frames(sender, Buffer.from(", after"));
  outbox.flush();
  assert.deepEqual(sender.writes.map(String), ["before, after"]);
});

test("a write is not changed by what comes after it", async () => {
  const outbox = new Outbox();
  const sender = new Recorder();
  outbox.frames(sender, Buffer.from("first"));
  outbox.flush();
  outbox.frames(sender, Buffer.from("later"));
  outbox.flush();
  assert.deepEqual(sender.writes.map(String), ["first", "later"]);
});
