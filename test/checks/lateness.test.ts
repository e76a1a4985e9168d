import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Lateness } from "../../src/checks/lateness.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import { TimerQueue } from "../../src/core/timer-queue.js";
import { VirtualClock } from "../support/virtual-clock.js";

describe("late probes", () => {
  /** What is published, as `time: lag`. */
  function measuring(t: { after(action: () => void): void }) {
    const clock = new VirtualClock();
    const lateness = new Lateness({ clock, timers: new TimerQueue(clock), instance: "lateness-test" });
    const told: string[] = [];
    const unsubscribe = subscribe("probes-late", ({ instance, lagMs }: Published<"probes-late">) => {
      if (instance === "lateness-test") told.push(`${clock.now()}: ${lagMs}`);
    });
    t.after(unsubscribe);
    /** A probe starts each second. */
    const start = async (seconds: number, lagMs: number) => {
      for (let second = 0; second < seconds; second += 1) {
        lateness.started(lagMs);
        await clock.advance(1_000);
      }
    };
    return { clock, lateness, told, start };
  }

  test("are told once after 10 s, and their end after 10 s without one", async (t) => {
    const { clock, told, start } = measuring(t);
    await start(60, 1_500);
    assert.deepEqual(told, ["10000: 1500"]);
    await start(20, 1_000);
    assert.deepEqual(told, ["10000: 1500", "69000: 0"]);
    await start(11, 4_000);
    assert.deepEqual(told, ["10000: 1500", "69000: 0", "90000: 4000"]);
    await clock.advance(60_000);
    assert.deepEqual([told.at(-1), clock.pendingTimers], ["100000: 0", 0]);
  });

  test("of a moment are not told, also when it comes again", async (t) => {
    const { told, start } = measuring(t);
    for (let round = 0; round < 5; round += 1) {
      await start(9, 30_000);
      await start(11, 0);
    }
    assert.deepEqual(told, []);
  });

  test("between others that are in time are told too", async (t) => {
    const { told, start } = measuring(t);
    for (let round = 0; round < 6; round += 1) {
      await start(1, 20_000);
      await start(3, 0);
    }
    assert.deepEqual(told, ["12000: 20000"]);
  });

  test("are over when no check runs any more", async (t) => {
    const { clock, lateness, told, start } = measuring(t);
    await start(11, 2_000);
    lateness.stop();
    lateness.stop();
    assert.deepEqual([told, clock.pendingTimers], [["10000: 2000", "11000: 0"], 0]);
  });
});
