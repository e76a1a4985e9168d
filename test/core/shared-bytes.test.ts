/** Shared bytes: readers at their own speed, and one bound over all of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BytesReader, SharedBytesPool } from "../../src/core/shared-bytes.js";

const readAll = (reader: BytesReader, step: number): string => {
  const parts: Buffer[] = [];
  while (reader.bytesLeft > 0) parts.push(reader.read(step));
  return Buffer.concat(parts).toString();
};

describe("shared bytes", () => {
  test("each reader gets every byte, in its own steps", () => {
    const bytes = new SharedBytesPool().share([Buffer.from("abc"), Buffer.alloc(0), Buffer.from("defgh")]);
    assert.equal(bytes.byteLength, 8);
    for (const step of [1, 2, 3, 100]) assert.equal(readAll(bytes.open(assert.fail), step), "abcdefgh");
  });

  test("a read at the end is empty", () => {
    const reader = new SharedBytesPool().share([Buffer.from("a")]).open(assert.fail);
    reader.read(5);
    assert.equal(reader.read(5).length, 0);
  });

  test("bytes count once for all their readers, and no longer after the last is closed", () => {
    const pool = new SharedBytesPool();
    const bytes = pool.share([Buffer.alloc(10)]);
    assert.equal(pool.heldBytes, 0);
    const readers = [bytes.open(assert.fail), bytes.open(assert.fail)];
    assert.equal(pool.heldBytes, 10);
    for (const reader of readers) {
      reader.close();
      reader.close();
    }
    assert.equal(pool.heldBytes, 0);
  });

  test("above the bound, the bytes that were read least recently are evicted", () => {
    const pool = new SharedBytesPool(25);
    const evicted: string[] = [];
    const open = (name: string) => pool.share([Buffer.alloc(10)]).open(() => evicted.push(name));
    const a = open("a");
    open("b");
    a.read(1); // a makes progress, b does not
    open("c");
    assert.deepEqual(evicted, ["b"]);
    assert.equal(pool.heldBytes, 20);
  });

  test("bytes above the bound by themselves can still be read, and evict all others", () => {
    const pool = new SharedBytesPool(25);
    const evicted: string[] = [];
    pool.share([Buffer.alloc(10)]).open(() => evicted.push("small"));
    const large = pool.share([Buffer.alloc(100)]).open(() => evicted.push("large"));
    assert.deepEqual(evicted, ["small"]);
    assert.equal(readAll(large, 7).length, 100);
  });

  test("the eviction calls every reader, and its close does nothing more", () => {
    const pool = new SharedBytesPool(10);
    let evictions = 0;
    const bytes = pool.share([Buffer.alloc(8)]);
    const readers = [1, 2, 3].map(() => bytes.open(() => (evictions += 1)));
    pool.share([Buffer.alloc(8)]).open(assert.fail);
    for (const reader of readers) reader.close();
    assert.equal(evictions, 3);
    assert.equal(pool.heldBytes, 8);
  });
});
