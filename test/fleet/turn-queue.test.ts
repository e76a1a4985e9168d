import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Steps } from "../../src/core/turns.js";
import { TurnQueue } from "../../src/fleet/turn-queue.js";
import { VirtualClock } from "../support/virtual-clock.js";

/** Work in steps of one millisecond. */
function* work(done: string[], name: string, steps: number, clock: VirtualClock): Steps<string> {
  for (let step = 0; step < steps; step += 1) {
    clock.stall(1);
    done.push(name);
    yield;
  }
  return name;
}

describe("long work of a fleet", () => {
  const bench = () => {
    const [clock, done] = [new VirtualClock(), [] as string[]];
    const publish = <Done>(turn: () => Done): Done => {
      const result = turn();
      done.push("published");
      return result;
    };
    return { clock, done, queue: new TurnQueue(clock, publish), signal: new AbortController().signal };
  };

  test("goes one after the other, and publishes once a turn, of 8 ms", async () => {
    const { clock, done, queue, signal } = bench();
    const results = [queue.run(work(done, "a", 12, clock), signal), queue.run(work(done, "b", 1, clock), signal)];
    assert.deepEqual(await Promise.all(results), ["a", "b"]);
    const turns = [...Array(8).fill("a"), "published", ...Array(4).fill("a"), "published", "b", "published"];
    assert.deepEqual(done, turns);
  });

  test("waits for urgent work, which has turns of 20 ms", async () => {
    const { clock, done, queue, signal } = bench();
    await Promise.all([
      queue.run(work(done, "a", 16, clock), signal),
      queue.runFirst(work(done, "urgent", 19, clock), signal),
    ]);
    const turns = [...Array(19).fill("urgent"), "published", ...Array(8).fill("a"), "published"];
    assert.deepEqual(done, [...turns, ...Array(8).fill("a"), "published", "published"]);
  });
});
