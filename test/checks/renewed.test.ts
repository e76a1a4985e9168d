/** A reload in which only the contents of files have changed, such as a certificate or a password. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { PASSED, ScriptedProber } from "./scripted-prober.js";

/** An engine with one passing check, and the transitions since then. */
async function passing() {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "renewed-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const [before, after] = [
    new ScriptedProber(() => clock.now(), PASSED),
    new ScriptedProber(() => clock.now(), PASSED),
  ];
  const configure = (prober: ScriptedProber, keepsStates: boolean, settings: CheckSettings = {}) => {
    const checks = [{ name: "db", source: { kind: "prober" as const, prober }, options: { jitter: 0, ...settings } }];
    engine.configure({ checks, services: [], isolation: undefined, allowLinkLocal: false, keepsStates });
  };
  configure(before, false);
  await clock.advance(4_000);
  const transitions: unknown[] = [];
  registry.onTransition((transition) => transitions.push(transition));
  return { clock, registry, engine, before, after, configure, transitions };
}

test("a check keeps its state and its schedule, and its next probe uses the new contents", async () => {
  const { clock, registry, engine, before, after, configure, transitions } = await passing();
  const report = registry.check("db");
  configure(after, true);
  assert.deepEqual([registry.check("db"), before.closed], [report, false]);
  await clock.advance(5_999);
  assert.deepEqual([after.startedAt, before.closed], [[], false]);
  await clock.advance(1);
  assert.deepEqual([after.startedAt, before.startedAt, before.closed], [[10_000], [0], true]);
  assert.deepEqual(transitions, []);
  await engine.stop();
  assert.equal(after.closed, true);
});

test("a change of the schedule before the next probe does not undo it", async () => {
  const { clock, engine, before, after, configure } = await passing();
  configure(after, true);
  configure(after, false, { interval: "5s" });
  await clock.advance(1_000);
  await settle();
  assert.deepEqual([after.startedAt, after.closed, before.closed], [[5_000], false, true]);
  await engine.stop();
});

test("a reload of another kind replaces the check at once", async () => {
  const { clock, registry, engine, before, after, configure } = await passing();
  configure(after, false);
  assert.deepEqual([before.closed, registry.read("db")?.reason], [true, "changed"]);
  await clock.advance(0);
  assert.deepEqual([after.startedAt, registry.read("db")?.reason], [[4_000], undefined]);
  await engine.stop();
});
