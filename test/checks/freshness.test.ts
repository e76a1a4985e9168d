import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckOptions } from "../../src/checks/check-options.js";
import { Freshness } from "../../src/checks/freshness.js";
import { Latest } from "../../src/core/latest.js";
import type { WatchStatus } from "../../src/core/serving-status.js";
import { type Prober, ProberError } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { PASSED, ScriptedProber } from "./scripted-prober.js";

test("a status that is not renewed expires once, at its time; a renewed one does not", async () => {
  const clock = new VirtualClock();
  const freshness = new Freshness(clock);
  let dropped = 0;
  const age = freshness.track({ check: "a", of: "state" }, () => (dropped += 1));
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

const ROWS = [
  { title: "staleAfter", before: { interval: "1h", staleAfter: "5h" }, after: { interval: "1h", staleAfter: "40s" } },
  { title: "interval, and so staleAfter", before: { interval: "1h" }, after: { interval: "10s" } },
  { title: "unhealthyInterval, and so staleAfter", before: { unhealthyInterval: "3h" }, after: {} },
] as const;
for (const { title, before, after } of ROWS)
  for (const furtherResults of [0, 1])
    test(`a reload makes ${title} shorter: after ${furtherResults} more results the last one is dropped at its new time`, async () => {
      const clock = new VirtualClock();
      const registry = new Registry({ clock, instance: "freshness-test" });
      const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
      let resultsLeft = 1 + furtherResults;
      const prober: Prober = {
        async probe() {
          resultsLeft -= 1;
          if (resultsLeft < 0) throw new ProberError("dns", "there is no name server");
          return PASSED;
        },
        close() {},
      };
      const configure = (options: CheckOptions) =>
        engine.configure({
          checks: [{ name: "db", source: { kind: "prober", prober }, options: { jitter: 0, ...options } }],
          services: [],
          isolation: undefined,
          allowLinkLocal: false,
        });
      configure(before);
      await clock.advance(0);
      configure(after);
      await clock.advance(0);
      assert.equal(registry.read("db")?.status, "SERVING");
      // the next probe comes within an hour; its result may be the last
      while (resultsLeft > 0) await clock.advance(1_000);
      const lastResultAt = [...registry.checks()][0]?.lastResultAt ?? 0;
      await clock.advance(lastResultAt + 40_000 - clock.wallTime());
      assert.equal(registry.read("db")?.status, "UNKNOWN");
      engine.stop();
    });
