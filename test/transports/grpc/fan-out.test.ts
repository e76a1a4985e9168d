/** Flushing watchers in slices. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FanOut } from "../../../src/transports/grpc/fan-out.js";
import { collectFaults } from "../../support/faults.js";
import { settle } from "../../support/virtual-clock.js";
import { Turns } from "./fake-call.js";

const streams = (count: number, flushed: number[]) =>
  Array.from({ length: count }, (_, index) => ({ flush: () => void flushed.push(index) }));

describe("the fan-out", () => {
  test("flushes in a later turn than the one that added", () => {
    const turns = new Turns();
    const flushed: number[] = [];
    const fanOut = new FanOut("test", turns.defer);
    for (const stream of streams(3, flushed)) fanOut.add(stream);
    assert.deepEqual([flushed, turns.waiting], [[], 1]);
    turns.next();
    assert.deepEqual([flushed, turns.waiting], [[0, 1, 2], 0]);
  });

  test("yields to the event loop after 256 streams, and keeps the order", () => {
    const turns = new Turns();
    const flushed: number[] = [];
    const fanOut = new FanOut("test", turns.defer);
    for (const stream of streams(600, flushed)) fanOut.add(stream);
    const done: number[] = [];
    for (; turns.waiting > 0; done.push(flushed.length)) {
      assert.equal(turns.waiting, 1, "one slice waits at a time");
      turns.next();
    }
    assert.deepEqual(done, [256, 512, 600]);
    assert.deepEqual(
      flushed,
      Array.from({ length: 600 }, (_, index) => index),
    );
  });

  test("flushes streams that are added while it flushes, each once", () => {
    const turns = new Turns();
    const flushed: string[] = [];
    const fanOut = new FanOut("test", turns.defer);
    const late = { flush: () => void flushed.push("late") };
    fanOut.add({
      flush: () => {
        flushed.push("first");
        fanOut.add(late);
      },
    });
    turns.all();
    assert.deepEqual(flushed, ["first", "late"]);
  });

  test("starts again after it was empty", () => {
    const turns = new Turns();
    const flushed: number[] = [];
    const fanOut = new FanOut("test", turns.defer);
    for (const stream of streams(2, flushed)) {
      fanOut.add(stream);
      turns.all();
    }
    assert.deepEqual(flushed, [0, 1]);
  });

  for (const broken of [0, 1, 255, 256, 299]) {
    test(`flushes every other stream when stream ${broken} of 300 throws, and publishes the fault`, (t) => {
      const faults = collectFaults(t, `fan-out-${broken}`);
      const turns = new Turns();
      const flushed: number[] = [];
      const fanOut = new FanOut(`fan-out-${broken}`, turns.defer);
      const error = new Error("broken stream");
      const all = streams(300, flushed);
      all[broken] = {
        flush: () => {
          throw error;
        },
      };
      for (const stream of all) fanOut.add(stream);
      turns.next();
      assert.equal(flushed.length, broken < 256 ? 255 : 256);
      turns.all();
      const others = Array.from({ length: 300 }, (_, index) => index).filter((index) => index !== broken);
      assert.deepEqual(flushed, others);
      assert.deepEqual(faults, [{ instance: `fan-out-${broken}`, where: "watch fan-out", error }]);
    });
  }

  test("flushes every other stream when all streams of a slice throw", (t) => {
    const faults = collectFaults(t, "fan-out-slice");
    const turns = new Turns();
    const flushed: number[] = [];
    const fanOut = new FanOut("fan-out-slice", turns.defer);
    const flush = () => {
      throw new Error("broken stream");
    };
    for (let count = 0; count < 256; count += 1) fanOut.add({ flush });
    for (const stream of streams(2, flushed)) fanOut.add(stream);
    turns.all();
    assert.deepEqual([flushed, faults.length], [[0, 1], 256]);
  });

  test("keeps only waiting streams, however long it is busy", () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const turns = new Turns();
    const fanOut = new FanOut("test", turns.defer);
    const busy = { flush: () => fanOut.add(busy) };
    for (let index = 0; index < 300; index += 1) fanOut.add(busy);
    turns.next();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let turn = 0; turn < 10_000; turn += 1) turns.next();
    collect();
    const grown = process.memoryUsage().heapUsed - before;
    // a queue that keeps flushed entries would have 2,560,000 of them, 20 MB
    assert.ok(grown < 5_000_000, `grown by ${grown} bytes`);
  });

  test("schedules itself on the event loop", async () => {
    const flushed: number[] = [];
    const fanOut = new FanOut("test");
    for (const stream of streams(300, flushed)) fanOut.add(stream);
    assert.equal(flushed.length, 0);
    for (let turn = 0; turn < 4; turn += 1) await settle();
    assert.equal(flushed.length, 300);
  });
});
