/** The load of a process against limits: in virtual time, and with a real event loop that is blocked. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Health } from "../../src/index.js";
import { type CheckFunction, openFunction } from "../../src/probers/function.js";
import { createPressureCheck, type PressureLimits } from "../../src/probers/pressure-check.js";
import { processPressure } from "../../src/probers/process-pressure.js";
import { eventually, pause } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { contextOf } from "./probing.js";

const MB = 2 ** 20;

/** A check of a process whose load the test decides. */
function pressured(limits: PressureLimits) {
  const clock = new VirtualClock();
  const memory = { heapUsed: 50 * MB, rss: 100 * MB };
  let busyMs = 0;
  const check = createPressureCheck(limits, { clock, memory: () => memory, busyMs: () => busyMs });
  /** Lets time pass, of which the loop is busy for a part. */
  const run = async (ms: number, busyShare = 0) => {
    await clock.advance(ms);
    busyMs += ms * busyShare;
  };
  const block = (ms: number) => {
    clock.stall(ms);
    busyMs += ms;
  };
  return { clock, memory, check, run, block, probe: () => probe(check) };
}

const probe = async (check: CheckFunction) => {
  const { outcome, detail } = await openFunction(check).probe(contextOf(1_000));
  return detail === undefined ? outcome : `${outcome}: ${detail}`;
};

describe("processPressure", () => {
  test("fails for a loop that was blocked for longer since the last probe, and passes again [U1]", async () => {
    const { run, block, probe } = pressured({ maxEventLoopDelay: "1s" });
    assert.equal(await probe(), "pass", "the first probe has nothing to compare");
    await run(10_000);
    assert.equal(await probe(), "pass");
    block(900);
    await run(9_000);
    assert.equal(await probe(), "pass");
    block(1_500);
    await run(8_500);
    assert.equal(await probe(), "fail: status is fail; event loop delay 1480 ms, limit 1000 ms");
    await run(10_000);
    assert.equal(await probe(), "pass");
    await run(5_000);
    block(3_000);
    assert.match(await probe(), /^fail: .*delay 29\d\d ms/, "also before the late timer has fired");
  });

  test("fails for a share of busy time above its limit [U1]", async () => {
    const { run, probe } = pressured({ maxEventLoopUtilization: 0.9 });
    await probe();
    await run(10_000, 0.9);
    assert.equal(await probe(), "pass");
    await run(10_000, 0.95);
    assert.equal(await probe(), "fail: status is fail; event loop utilization 0.95, limit 0.90");
    await run(10_000, 0.1);
    assert.equal(await probe(), "pass");
  });

  test("fails for heap and memory above their limits, and names each [U1]", async () => {
    const { memory, probe } = pressured({ maxHeapUsedBytes: 60 * MB, maxRssBytes: 200 * MB });
    assert.equal(await probe(), "pass");
    memory.heapUsed = 61 * MB;
    assert.equal(await probe(), "fail: status is fail; heap used 61 MB, limit 60 MB");
    memory.rss = 201 * MB;
    assert.match(await probe(), /heap used 61 MB, limit 60 MB; resident memory 201 MB, limit 200 MB$/);
    memory.heapUsed = 60 * MB;
    assert.equal(await probe(), "fail: status is fail; resident memory 201 MB, limit 200 MB");
  });

  test("does not take the busy moment of a start, or of a probe that follows at once, for load", async () => {
    const { run, block, probe } = pressured({ maxEventLoopUtilization: 0.5, maxEventLoopDelay: "200ms" });
    block(3_000);
    assert.equal(await probe(), "pass", "the start");
    await run(100, 1);
    assert.equal(await probe(), "pass", "100 ms are no measurement");
    await run(950, 0.2);
    assert.equal(await probe(), "pass");
    await run(1_000, 0.6);
    assert.match(await probe(), /utilization 0\.60/);
    await run(200, 0);
    assert.match(await probe(), /utilization 0\.60/, "the last value counts until there is another");
  });

  test("sets no timer before its first probe, nor after its check has ended, and can be used again", async () => {
    const { clock, check, run } = pressured({ maxEventLoopDelay: "1s" });
    assert.equal(clock.pendingTimers, 0);
    for (let round = 0; round < 3; round += 1) {
      const prober = openFunction(check);
      await prober.probe(contextOf(1_000, new AbortController().signal));
      await run(2_000);
      assert.equal(clock.pendingTimers, 1);
      prober.close();
      assert.equal(clock.pendingTimers, 0);
    }
  });

  test("refuses no limit, an unknown one, and values that are none", () => {
    for (const [limits, message] of [
      [{}, /^processPressure needs a limit: maxEventLoopDelay, /],
      [{ maxEventLoopDelay: undefined }, /^processPressure needs a limit/],
      [{ maxHeapUsed: 1 }, /"maxHeapUsed" is not an option of processPressure; known: maxEventLoopDelay, /],
      [{ maxEventLoopDelay: 0 }, /^maxEventLoopDelay must be at least 20ms; got 0 ms$/],
      [{ maxEventLoopDelay: "soon" }, /^maxEventLoopDelay must be at least 20ms; got soon$/],
      [{ maxEventLoopUtilization: 98 }, /^maxEventLoopUtilization must be a number above 0 and below 1; got 98$/],
      [{ maxEventLoopUtilization: "0.9" }, /^maxEventLoopUtilization must be a number/],
      [{ maxHeapUsedBytes: -1 }, /^maxHeapUsedBytes must be a whole number from 1 on; got -1$/],
      [{ maxRssBytes: 1.5 }, /^maxRssBytes must be a whole number from 1 on; got 1\.5$/],
    ] as const)
      assert.throws(() => processPressure(Object(limits)), { code: "INVALID_OPTION", message });
  });

  test("measures this process: a real block of its loop, and its real memory [U1]", async (t) => {
    const health = new Health();
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    const options = { interval: "1100ms", timeout: "1s", unhealthyThreshold: 1, healthyThreshold: 1 };
    health.check("delay", processPressure({ maxEventLoopDelay: "300ms" }), options);
    health.check("memory", processPressure({ maxRssBytes: 1_000_000 }), options);
    await eventually(() => health.status("delay") === "SERVING", "the first result");
    await eventually(() => health.status("memory") === "NOT_SERVING", "more than 1 MB");
    await pause(100);
    const end = performance.now() + 450;
    while (performance.now() < end);
    await eventually(() => health.status("delay") === "NOT_SERVING", "the block is seen", 5_000);
    await eventually(() => health.status("delay") === "SERVING", "it is over", 10_000);
  });
});
