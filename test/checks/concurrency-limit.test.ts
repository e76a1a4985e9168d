import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { ConcurrencyLimit, MAX_CONCURRENT_PROBES, MAX_STARTS_PER_TURN } from "../../src/checks/concurrency-limit.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import { Registry } from "../../src/registry/registry.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { PASSED, ScriptedProber } from "./scripted-prober.js";

/** For queues that are shorter than the limit of a turn. */
const never = () => {};

test("at most 32 probes start in one turn of the event loop, in order, however many places are free", () => {
  const turns: (() => void)[] = [];
  const probeLimit = new ConcurrencyLimit((action) => turns.push(action));
  const departed: number[] = [];
  for (let number = 0; number < 100; number += 1) probeLimit.acquire(() => departed.push(number));
  assert.equal(departed.length, MAX_STARTS_PER_TURN);
  probeLimit.release();
  assert.equal(departed.length, MAX_STARTS_PER_TURN);
  turns.shift()?.();
  assert.equal(departed.length, 2 * MAX_STARTS_PER_TURN);
  turns.shift()?.();
  turns.shift()?.();
  assert.deepEqual(
    departed,
    Array.from({ length: 100 }, (_, number) => number),
  );
  assert.equal(turns.length, 0);
});

test("probes up to the limit start at once; the others wait in order", () => {
  const probeLimit = new ConcurrencyLimit(never, 2);
  const departed: number[] = [];
  for (let number = 0; number < 6; number += 1) probeLimit.acquire(() => departed.push(number));
  assert.deepEqual(departed, [0, 1]);
  probeLimit.release();
  assert.deepEqual(departed, [0, 1, 2]);
  for (let landed = 0; landed < 5; landed += 1) probeLimit.release();
  assert.deepEqual(departed, [0, 1, 2, 3, 4, 5]);
  probeLimit.acquire(() => departed.push(6));
  probeLimit.acquire(() => departed.push(7));
  probeLimit.acquire(() => departed.push(8));
  assert.deepEqual(departed.slice(6), [6, 7], "every place is free again, and no more than those");
});

test("the queue keeps its order at any length", () => {
  const turns: (() => void)[] = [];
  const probeLimit = new ConcurrencyLimit((action) => turns.push(action), 1);
  const departed: number[] = [];
  let next = 0;
  const ask = () => {
    const number = next;
    next += 1;
    probeLimit.acquire(() => departed.push(number));
  };
  const land = () => {
    for (const turn of turns.splice(0)) turn();
    probeLimit.release();
  };
  for (let round = 0; round < 200; round += 1) {
    ask();
    ask();
    land();
  }
  for (let left = 0; left < 400; left += 1) land();
  assert.deepEqual(
    departed,
    Array.from({ length: next }, (_, number) => number),
  );
});

test("of 600 checks that are due together 256 run; the others are late, not failing, in order of due time", async () => {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "probeLimit-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const lags: number[] = [];
  const unsubscribe = subscribe("probe", ({ instance, startLagMs }: Published<"probe">) => {
    if (instance === "probeLimit-test") lags.push(startLagMs);
  });
  let running = 0;
  let most = 0;
  const probers = Array.from({ length: 600 }, () => new ScriptedProber(() => clock.now()));
  for (const [index, prober] of probers.entries()) {
    const probe = prober.probe.bind(prober);
    prober.probe = async (context) => {
      running += 1;
      most = Math.max(most, running);
      return probe(context).finally(() => (running -= 1));
    };
    engine.add({
      name: `c${index}`,
      source: { kind: "prober", prober, passive: true },
      options: { jitter: 0, interval: "3s", timeout: "2s" },
    });
  }
  await clock.advance(0);
  assert.equal(running, MAX_CONCURRENT_PROBES);
  for (let wave = 0; wave < 3; wave += 1) {
    await clock.advance(50);
    for (const prober of probers) prober.looks.at(-1)?.answer(PASSED);
    await clock.advance(0);
  }
  unsubscribe();
  assert.equal(most, MAX_CONCURRENT_PROBES);
  assert.deepEqual([...new Set(lags)], [0, 50, 100]);
  assert.equal(registry.read("")?.status, "SERVING");
  engine.stop();
});

test("a check that is removed while it waits gives its place to the next one", async () => {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "probeLimit-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const probers = Array.from({ length: MAX_CONCURRENT_PROBES + 2 }, () => new ScriptedProber(() => clock.now()));
  for (const [index, prober] of probers.entries())
    engine.add({ name: `c${index}`, source: { kind: "prober", prober, passive: true }, options: { jitter: 0 } });
  await clock.advance(0);
  engine.remove(`c${MAX_CONCURRENT_PROBES}`);
  probers[0]?.last.answer(PASSED);
  await clock.advance(0);
  assert.equal(probers[MAX_CONCURRENT_PROBES]?.looks.length, 0);
  assert.equal(probers[MAX_CONCURRENT_PROBES + 1]?.looks.length, 1);
  engine.stop();
});

test("a probe that does not stop at its deadline still gives its place back", async () => {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "probeLimit-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const probers = Array.from({ length: MAX_CONCURRENT_PROBES + 1 }, () => new ScriptedProber(() => clock.now()));
  for (const [index, prober] of probers.entries())
    engine.add({ name: `c${index}`, source: { kind: "prober", prober, passive: true }, options: { jitter: 0 } });
  await clock.advance(1_999);
  assert.equal(probers.at(-1)?.looks.length, 0);
  await clock.advance(1);
  assert.equal(probers.at(-1)?.looks.length, 1);
  engine.stop();
});
