import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/daemon/health.js";
import { VirtualClock } from "../support/virtual-clock.js";

function heartOf(options: Partial<Parameters<Health["heartbeat"]>[1]> = {}) {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5 });
  const beat = health.heartbeat("nightly", { ttl: "1m", ...options });
  const read = async (ms: number) => {
    await clock.advance(ms);
    return health.status("nightly");
  };
  return { clock, health, beat, read };
}

test("a heartbeat is UNKNOWN until its first report, then SERVING while reports come in time", async () => {
  const { health, beat, read } = heartOf();
  assert.equal(await read(59_999), "UNKNOWN");
  beat();
  assert.equal(await read(0), "SERVING");
  assert.equal(await read(59_999), "SERVING");
  beat();
  assert.equal(await read(59_999), "SERVING");
  assert.equal(await read(1), "NOT_SERVING");
  beat();
  assert.equal(await read(250), "SERVING", "one report brings it back");
  await health.shutdown();
});

test("a heartbeat without a report within its ttl fails", async () => {
  const { health, read } = heartOf();
  assert.equal(await read(60_000), "NOT_SERVING");
  assert.equal(await read(600_000), "NOT_SERVING", "and stays so");
  await health.shutdown();
});

test("a reported failure stays until the next report or the end of ttl", async () => {
  const { health, beat, read } = heartOf();
  beat("fail");
  assert.equal(await read(0), "NOT_SERVING");
  await read(1_000);
  beat("pass");
  assert.equal(await read(0), "SERVING");
  await health.shutdown();
});

test("many reports cause at most four evaluations a second, and the last one counts", async () => {
  const { clock, health, beat, read } = heartOf();
  beat();
  await read(0);
  for (let times = 0; times < 1_000; times += 1) {
    beat(times % 2 === 0 ? "pass" : "fail");
    await clock.advance(1);
  }
  assert.equal(await read(250), "NOT_SERVING");
  await health.shutdown();
});

test("an invalid ttl is refused, and nothing is declared", () => {
  const { health } = heartOf();
  for (const ttl of [0, -1, "5 parsecs", Number.NaN])
    assert.throws(() => health.heartbeat("x", { ttl }), HealthError, String(ttl));
  assert.throws(() => health.heartbeat("nightly", { ttl: "1s" }), HealthError);
  assert.equal(health.status("x"), undefined);
});

test("removing a heartbeat removes its service and leaves no timer", async () => {
  const { clock, health, beat } = heartOf();
  beat();
  await clock.advance(0);
  assert.equal(health.removeCheck("nightly"), true);
  assert.deepEqual([health.status("nightly"), clock.pendingTimers], [undefined, 0]);
  beat();
  await clock.advance(120_000);
  assert.equal(health.status("nightly"), undefined);
});
