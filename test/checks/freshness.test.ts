import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { Freshness } from "../../src/checks/freshness.js";
import { Latest } from "../../src/core/latest.js";
import type { WatchStatus } from "../../src/core/serving-status.js";
import { Registry } from "../../src/registry/registry.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { PASSED, ScriptedProber } from "./scripted-prober.js";

test("a status that is not renewed expires once, at its time; a renewed one does not", async () => {
  const clock = new VirtualClock();
  const freshness = new Freshness(clock);
  let dropped = 0;
  const age = freshness.track(() => (dropped += 1));
  await clock.advance(100);
  assert.deepEqual([dropped, clock.pendingTimers], [0, 0], "before its first result it has no age");
  age.renew(200);
  age.renew(300);
  await clock.advance(199);
  assert.equal(dropped, 0);
  await clock.advance(1);
  assert.equal(dropped, 1);
  await clock.advance(1_000);
  assert.equal(dropped, 1);
  age.renew(2_000);
  age.end();
  await clock.advance(5_000);
  assert.deepEqual([dropped, clock.pendingTimers], [1, 0]);
});

test("a status that is renewed for a shorter time expires at the shorter one", async () => {
  const clock = new VirtualClock();
  const freshness = new Freshness(clock);
  let dropped = 0;
  const age = freshness.track(() => (dropped += 1));
  age.renew(3_600_000);
  age.renew(30_000);
  await clock.advance(29_999);
  assert.equal(dropped, 0);
  await clock.advance(1);
  assert.deepEqual([dropped, clock.pendingTimers], [1, 0]);
});

function staleSite() {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "freshness-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const prober = new ScriptedProber(() => clock.now(), PASSED);
  engine.add({ name: "db", source: { kind: "prober", prober }, options: { jitter: 0, staleAfter: "30s" } });
  return { clock, registry, engine };
}

test("an old SERVING is never read, even if a client asks directly after a stall, before any timer has run [A131, C13]", async () => {
  const { clock, registry, engine } = staleSite();
  await clock.advance(0);
  assert.equal(registry.read("db")?.status, "SERVING");
  clock.stall(29_999);
  assert.equal(registry.read("db")?.status, "SERVING");
  clock.stall(1);
  const { status, reason } = registry.read("db") ?? {};
  assert.deepEqual([status, reason], ["UNKNOWN", "stale"]);
  engine.stop();
});

test("an old SERVING is not listed, watched or shown among the checks", async () => {
  for (const look of [
    (registry: Registry) => [...registry.services()].find(([name]) => name === "db")?.[1].status,
    (registry: Registry) => ([...registry.checks()][0]?.state === "pending" ? "UNKNOWN" : "SERVING"),
    (registry: Registry) => {
      const mailbox = new Latest<WatchStatus>(() => {});
      registry.watch("db", mailbox)();
      return mailbox.take();
    },
  ]) {
    const { clock, registry, engine } = staleSite();
    await clock.advance(0);
    clock.stall(60_000);
    assert.equal(look(registry), "UNKNOWN");
    engine.stop();
  }
});

test("a reload that shortens staleAfter holds for the last result too", async () => {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "freshness-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const prober = new ScriptedProber(() => clock.now(), PASSED);
  const reload = (staleAfter: string) => {
    const checks = [
      { name: "db", source: { kind: "prober", prober } as const, options: { interval: "10m", staleAfter } },
    ];
    engine.configure({ checks, services: [], isolation: undefined, allowLinkLocal: false });
  };
  reload("2h");
  await clock.advance(0);
  assert.equal(registry.read("db")?.status, "SERVING");
  clock.stall(60_000);
  assert.equal(registry.read("db")?.status, "SERVING");
  reload("601s");
  clock.stall(541_000);
  assert.deepEqual([registry.read("db")?.status, registry.read("db")?.reason], ["UNKNOWN", "stale"]);
  engine.stop();
});
