import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { FAILED, ScriptedProber } from "./scripted-prober.js";

function clusterOf() {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "discovery-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const prober = new ScriptedProber(() => clock.now());
  const options = { jitter: 0, unhealthyThreshold: 2, staleAfter: "30s" };
  engine.add({ name: "flower", source: { kind: "prober", prober }, options });
  const tell = async (result: ProbeResult) => {
    await clock.advance(prober.looks.length === 0 ? 0 : 10_000);
    prober.last.answer(result);
    await clock.advance(0);
  };
  const statuses = () =>
    Object.fromEntries(
      [...registry.services()].filter(([name]) => name.startsWith("w/")).map(([name, { status }]) => [name, status]),
    );
  return { clock, registry, engine, prober, tell, statuses };
}

const workers = (online: Readonly<Record<string, boolean>>): ProbeResult => ({
  outcome: "pass",
  discovered: new Map(
    Object.entries(online).map(([name, isOnline]) => [
      name,
      isOnline ? { outcome: "pass" } : { outcome: "fail", reason: "offline" },
    ]),
  ),
});

test("services that a target reports appear, change and disappear with its reports", async () => {
  const { tell, statuses, engine, registry } = clusterOf();
  await tell(workers({ "w/a": true, "w/b": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "SERVING" });
  await tell(workers({ "w/a": true, "w/b": false, "w/c": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING", "w/c": "SERVING" });
  assert.equal(registry.read("w/b")?.reason, "offline");
  await tell(workers({ "w/a": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  assert.equal(registry.read("")?.status, "SERVING", "they count for nothing else");
  engine.stop();
});

test("one failed probe changes no reported service; when the check is failing or stale, they are UNKNOWN", async () => {
  const { tell, statuses, engine, clock, prober } = clusterOf();
  await tell(workers({ "w/a": true }));
  await tell(FAILED);
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  await clock.advance(2_000);
  prober.last.answer(FAILED);
  await clock.advance(0);
  assert.deepEqual(statuses(), { "w/a": "UNKNOWN" });
  engine.stop();
});

test("reported services are removed with the check that reported them", async () => {
  const { tell, statuses, engine } = clusterOf();
  await tell(workers({ "w/a": true }));
  engine.remove("flower");
  assert.deepEqual(statuses(), {});
  engine.stop();
});

test("a target changes no service that a check or a configuration makes, and none with an invalid name", async () => {
  const { tell, statuses, engine, registry } = clusterOf();
  engine.add({ name: "w/mine", source: { kind: "prober", prober: new ScriptedProber(() => 0) }, options: {} });
  engine.declareServices([{ name: "w/declared", policy: { kind: "all" }, members: ["w/mine"] }]);
  await tell(workers({ "w/mine": true, "w/declared": true, "": true, "w/\n": true, flower: false, readiness: false }));
  assert.deepEqual(statuses(), { "w/mine": "UNKNOWN", "w/declared": "UNKNOWN" });
  assert.deepEqual([registry.read("flower")?.status, registry.read("")?.status], ["SERVING", "UNKNOWN"]);
  engine.stop();
});

test("a service that a target named becomes a check's or a declared one, and the target changes it no more", async () => {
  const { tell, statuses, engine, registry } = clusterOf();
  await tell(workers({ "w/a": true, "w/b": true, "w/c": true }));
  const changes: string[] = [];
  registry.onTransition(
    ({ subject, name, from, to }) => subject === "service" && changes.push(`${name} ${from} ${to}`),
  );
  const source = { kind: "prober", prober: new ScriptedProber(() => 0) } as const;
  engine.add({ name: "w/a", source, options: { initialDelay: "1h" } });
  engine.declareServices([{ name: "w/b", policy: { kind: "all" }, members: ["w/a"] }]);
  assert.deepEqual(statuses(), { "w/a": "UNKNOWN", "w/b": "UNKNOWN", "w/c": "SERVING" });
  await tell(workers({ "w/a": false, "w/b": false }));
  assert.deepEqual(statuses(), { "w/a": "UNKNOWN", "w/b": "UNKNOWN" });
  engine.remove("flower");
  assert.deepEqual(statuses(), { "w/a": "UNKNOWN", "w/b": "UNKNOWN" });
  assert.deepEqual(
    changes.filter((change) => /^w\/[ab] /.test(change)),
    ["w/a SERVING UNKNOWN", "w/b SERVING UNKNOWN"],
  );
  engine.stop();
});

test("of two targets that name the same service, the first has it, and the second when the first names it no more", async () => {
  const { tell, statuses, engine, clock } = clusterOf();
  await tell(workers({ "w/a": true }));
  const second = new ScriptedProber(() => clock.now(), workers({ "w/a": false, "w/b": false }));
  engine.add({ name: "second", source: { kind: "prober", prober: second }, options: { jitter: 0 } });
  await clock.advance(0);
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING" });
  assert.match(engine.ownerOf("w/a") ?? "", /the check "flower"/);
  await tell(workers({ "w/c": true }));
  await clock.advance(10_000);
  assert.deepEqual(statuses(), { "w/a": "NOT_SERVING", "w/b": "NOT_SERVING", "w/c": "SERVING" });
  engine.stop();
});
