import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "./runner-fixture.js";
import { PASSED } from "./scripted-prober.js";

test("a target that reports a change is probed early, but no sooner than 250 ms after the last probe", async () => {
  const bench = new Bench({}, PASSED);
  bench.runner.start(0);
  await bench.clock.advance(5_000);
  bench.prober.change();
  await bench.clock.advance(0);
  assert.deepEqual(bench.prober.startedAt, [0, 5_000]);
  for (let times = 0; times < 100; times += 1) bench.prober.change();
  await bench.clock.advance(249);
  assert.deepEqual(bench.prober.startedAt, [0, 5_000]);
  await bench.clock.advance(1);
  assert.deepEqual(bench.prober.startedAt, [0, 5_000, 5_250]);
  await bench.clock.advance(9_999);
  assert.equal(bench.prober.startedAt.length, 3);
  bench.runner.stop();
});

test("a change never delays a probe that is due sooner", async () => {
  const bench = new Bench({ interval: 100, timeout: 50 }, PASSED);
  bench.runner.start(0);
  await bench.clock.advance(50);
  bench.prober.change();
  await bench.clock.advance(50);
  assert.deepEqual(bench.prober.startedAt, [0, 100]);
  bench.runner.stop();
});

test("a change during a probe is not lost: another probe follows", async () => {
  const bench = new Bench();
  bench.runner.start(0);
  await bench.clock.advance(100);
  bench.prober.change();
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(150);
  assert.deepEqual(bench.prober.startedAt, [0, 250]);
  bench.prober.last.answer(PASSED);
  await bench.clock.advance(9_999);
  assert.deepEqual(bench.prober.startedAt, [0, 250], "it is looked at once more, not for ever");
  bench.runner.stop();
});
