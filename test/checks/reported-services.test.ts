import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import { subscribe } from "../../src/core/channels.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { FAILED, ScriptedProber } from "./scripted-prober.js";

function clusterOf(more: CheckSettings = {}) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "reported-services-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const prober = new ScriptedProber(() => clock.now());
  const options = { jitter: 0, unhealthyThreshold: 2, staleAfter: "30s", ...more };
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

test("services that a target reports appear and change with its answers; one that is absent is offline after unhealthyThreshold answers", async () => {
  const { tell, statuses, engine, registry } = clusterOf();
  await tell(workers({ "w/a": true, "w/b": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "SERVING" });
  await tell(workers({ "w/a": true, "w/b": false, "w/c": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING", "w/c": "SERVING" });
  assert.equal(registry.read("w/b")?.reason, "offline");
  await tell(workers({ "w/a": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING", "w/c": "SERVING" });
  await tell(workers({ "w/a": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING", "w/c": "NOT_SERVING" });
  assert.equal(registry.read("")?.status, "SERVING", "they count for nothing else");
  engine.stop();
});

/** Runs the check for a while; `answerAt` gives the result of the probe that is open, or undefined for silence. */
async function runFor(cluster: Cluster, seconds: number, answerOf: (probe: number) => ProbeResult | undefined) {
  let answered = cluster.prober.looks.length - 1;
  for (let second = 0; second < seconds; second += 1) {
    await cluster.clock.advance(1_000);
    if (cluster.prober.looks.length - 1 <= answered) continue;
    answered = cluster.prober.looks.length - 1;
    const result = answerOf(answered);
    if (result !== undefined) cluster.prober.last.answer(result);
    await cluster.clock.advance(0);
  }
}

type Cluster = ReturnType<typeof clusterOf>;

const NONE_ONLINE = (online: Readonly<Record<string, boolean>>): ProbeResult => ({
  ...workers(online),
  outcome: "fail",
  reason: "no-workers",
});

for (const [label, answerOf, expected] of [
  ["Flower calls all offline", () => NONE_ONLINE({ "w/a": false, "w/b": false }), ["SERVING NOT_SERVING offline"]],
  [
    "Flower calls all offline, and every second probe times out",
    (probe: number) => (probe % 2 === 0 ? NONE_ONLINE({ "w/a": false, "w/b": false }) : FAILED),
    ["SERVING NOT_SERVING offline"],
  ],
  [
    "Flower answers an empty list and all offline in turn",
    (probe: number) => NONE_ONLINE(probe % 2 === 0 ? {} : { "w/a": false, "w/b": false }),
    ["SERVING NOT_SERVING offline"],
  ],
  ["Flower answers an empty list", () => NONE_ONLINE({}), ["SERVING NOT_SERVING offline"]],
  ["Flower refuses the API", () => FAILED, ["SERVING UNKNOWN stale"]],
  ["Flower is silent", () => undefined, ["SERVING UNKNOWN stale"]],
] as const)
  test(`an outage of two minutes in which ${label} is one change of each worker, and one back`, async () => {
    const cluster = clusterOf();
    await cluster.tell(workers({ "w/a": true, "w/b": true }));
    const changes: string[] = [];
    cluster.registry.onTransition(({ subject, name, from, to, reason }) => {
      if (subject === "service" && name === "w/a") changes.push(`${from} ${to} ${reason ?? ""}`.trim());
    });
    await runFor(cluster, 120, answerOf);
    assert.deepEqual(changes, expected);
    for (const look of cluster.prober.looks) look.answer(FAILED); // what was silent
    await runFor(cluster, 40, () => workers({ "w/a": true, "w/b": true }));
    assert.deepEqual(changes.slice(1), [`${expected[0]?.split(" ")[1]} SERVING`]);
    cluster.engine.stop();
  });

test("a Flower that has restarted knows a worker a moment later: that is no change", async () => {
  const { tell, statuses, engine, registry } = clusterOf();
  await tell(workers({ "w/a": true }));
  const changes: string[] = [];
  registry.onTransition(({ name, to }) => name === "w/a" && changes.push(to));
  await tell(NONE_ONLINE({}));
  await tell(workers({ "w/a": true }));
  assert.deepEqual([changes, statuses()], [[], { "w/a": "SERVING" }]);
  engine.stop();
});

test("a worker that is offline for forgetAfter is cleared, and stays so while the target still calls it offline", async () => {
  const cluster = clusterOf({ forgetAfter: "1m" });
  const { tell, statuses, registry, engine, prober } = cluster;
  await tell(workers({ "w/a": true, "w/b": true }));
  const seen: unknown[] = [];
  registry.onTransition(({ name, to }) => name === "w/b" && seen.push(to));
  await tell(workers({ "w/a": true, "w/b": false }));
  await runFor(cluster, 59, () => workers({ "w/a": true, "w/b": false }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING" });
  await runFor(cluster, 300, () => workers({ "w/a": true, "w/b": false }));
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  assert.deepEqual(seen, ["NOT_SERVING", "SERVICE_UNKNOWN"]);
  assert.deepEqual(
    registry.check("flower")?.reported?.map(({ name }) => name),
    ["w/a"],
  );
  await runFor(cluster, 20, () => workers({ "w/a": true, "w/b": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "SERVING" }, "it comes back");
  assert.ok(prober.looks.length > 30);
  engine.stop();
});

test("a worker that is absent is forgotten too, also while the target cannot be asked", async () => {
  const cluster = clusterOf({ forgetAfter: "1m", staleAfter: "30s" });
  await cluster.tell(workers({ "w/a": true, "w/b": false }));
  await runFor(cluster, 45, () => FAILED);
  assert.deepEqual(cluster.statuses(), { "w/a": "UNKNOWN", "w/b": "UNKNOWN" });
  await runFor(cluster, 30, () => FAILED);
  assert.deepEqual(cluster.statuses(), { "w/a": "UNKNOWN" });
  await runFor(cluster, 10, () => NONE_ONLINE({}));
  assert.deepEqual(cluster.statuses(), { "w/a": "UNKNOWN" }, "one answer without it does not make it SERVING again");
  cluster.engine.stop();
});

test("after a block of the event loop, an old SERVING of a worker is not read as a new one", async () => {
  const { clock, tell, registry, engine } = clusterOf();
  await tell(workers({ "w/a": true }));
  clock.stall(30_001);
  assert.equal(registry.read("w/a")?.status, "UNKNOWN");
  engine.stop();
});

test("a check that fails for another reason leaves its workers alone", async () => {
  const { tell, statuses, engine, registry } = clusterOf();
  await tell(NONE_ONLINE({ "w/a": true }));
  assert.deepEqual([registry.read("flower")?.status, statuses()], ["NOT_SERVING", { "w/a": "SERVING" }]);
  engine.stop();
});

test("a name that is already in use is not published, and the log says so once", async () => {
  const { tell, engine } = clusterOf();
  const refused: string[] = [];
  const unsubscribe = subscribe("name-taken", ({ check, service }) => refused.push(`${check} ${service}`));
  engine.add({ name: "w/mine", source: { kind: "prober", prober: new ScriptedProber(() => 0) }, options: {} });
  for (let round = 0; round < 5; round += 1) await tell(workers({ "w/mine": true, "w/a": true }));
  assert.deepEqual(refused, ["flower w/mine"]);
  unsubscribe();
  engine.stop();
});

test("of two targets that report the same worker the first one decides, and then the other one", async () => {
  const { clock, tell, statuses, engine } = clusterOf();
  const other = new ScriptedProber(() => clock.now());
  await tell(workers({ "w/a": true }));
  engine.add({ name: "flower-2", source: { kind: "prober", prober: other }, options: { jitter: 0 } });
  await clock.advance(0);
  other.last.answer(workers({ "w/a": false }));
  await clock.advance(0);
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  engine.remove("flower");
  assert.deepEqual(statuses(), { "w/a": "NOT_SERVING" });
  engine.stop();
});

test("a name that a check gives free is published again at once", async () => {
  const { tell, statuses, engine } = clusterOf();
  await tell(workers({ "w/a": true }));
  engine.add({ name: "w/a", source: { kind: "prober", prober: new ScriptedProber(() => 0) }, options: {} });
  assert.deepEqual(statuses(), { "w/a": "UNKNOWN" });
  engine.remove("w/a");
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  engine.stop();
});

for (const unhealthyThreshold of [1, 1_000])
  test(`1,000 workers cost little, and names that change with every answer are bounded (unhealthyThreshold ${unhealthyThreshold})`, async () => {
    const cluster = clusterOf({ unhealthyThreshold });
    const many = (round: number) =>
      workers(Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`w/${round}-${index}`, true])));
    await cluster.tell(many(0));
    const startedAt = performance.now();
    for (let round = 0; round < 20; round += 1) await cluster.tell(many(0));
    assert.ok(performance.now() - startedAt < 2_000, `${performance.now() - startedAt} ms for 20 answers`);
    for (let round = 0; round < 20; round += 1) await cluster.tell(many(round));
    assert.equal(Object.keys(cluster.statuses()).length, 1_000);
    assert.ok(Object.keys(cluster.statuses()).every((name) => name.startsWith("w/19-")));
    cluster.engine.remove("flower");
    assert.deepEqual(cluster.statuses(), {});
    cluster.engine.stop();
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
  await tell(workers({ "w/a": false, "w/b": false, "w/c": true }));
  assert.deepEqual(statuses(), { "w/a": "UNKNOWN", "w/b": "UNKNOWN", "w/c": "SERVING" });
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

describe("after a change of the target", () => {
  /** A cluster with two workers, whose target is replaced. `transitions` are those of the workers since then. */
  async function changed() {
    const cluster = clusterOf();
    const { clock, engine, registry, prober } = cluster;
    const declare = (source: ScriptedProber) =>
      engine.configure({
        checks: [{ name: "flower", source: { kind: "prober", prober: source }, options: { jitter: 0, timeout: "2s" } }],
        services: [],
        isolation: undefined,
        allowLinkLocal: false,
      });
    declare(prober);
    await cluster.tell(workers({ "w/a": true, "w/b": false }));
    const transitions: string[] = [];
    registry.onTransition(({ name, from, to }) => {
      if (name.startsWith("w/")) transitions.push(`${name} ${from} ${to}`);
    });
    const next = new ScriptedProber(() => clock.now());
    declare(next);
    const answer = async (result: ProbeResult) => {
      await clock.advance(0);
      next.last.answer(result);
      await clock.advance(0);
    };
    return { ...cluster, transitions, answer, declare };
  }

  test("workers keep their states, and change with the first answer only", async () => {
    const { registry, statuses, transitions, answer, engine } = await changed();
    assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING" });
    assert.equal(registry.read("w/a")?.reason, "changed");
    assert.deepEqual(
      registry.check("flower")?.reported?.map(({ name, status }) => [name, status]),
      [
        ["w/a", "SERVING"],
        ["w/b", "NOT_SERVING"],
      ],
    );
    await answer(workers({ "w/a": true, "w/b": true }));
    assert.deepEqual(transitions, ["w/b NOT_SERVING SERVING"]);
    assert.equal(registry.read("w/a")?.reason, undefined);
    engine.stop();
  });

  test("a worker that the first answer does not name is cleared", async () => {
    const { statuses, transitions, answer, engine } = await changed();
    await answer(workers({ "w/a": true, "w/c": true }));
    assert.deepEqual(statuses(), { "w/a": "SERVING", "w/c": "SERVING" });
    assert.deepEqual(transitions, ["w/b NOT_SERVING SERVICE_UNKNOWN", "w/c SERVICE_UNKNOWN SERVING"]);
    engine.stop();
  });

  test("without an answer, all are cleared after the timeout, which further changes do not prolong", async () => {
    const { clock, statuses, registry, declare, engine } = await changed();
    await clock.advance(1_500);
    declare(new ScriptedProber(() => clock.now()));
    assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING" });
    assert.equal(registry.check("flower")?.reported?.length, 2);
    await clock.advance(499);
    assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING" });
    await clock.advance(1);
    assert.deepEqual(statuses(), {});
    assert.deepEqual(registry.check("flower")?.reported ?? [], []);
    engine.stop();
  });

  test("a check that is removed clears them at once", async () => {
    const { statuses, engine } = await changed();
    engine.remove("flower");
    assert.deepEqual(statuses(), {});
    engine.stop();
  });
});

/** Adds another target. Returns a function that gives the next answers of both, that of the other one first. */
function withSecond({ engine, clock, prober }: Cluster) {
  const second = new ScriptedProber(() => clock.now());
  engine.add({ name: "second", source: { kind: "prober", prober: second }, options: { jitter: 0 } });
  return async (ofSecond: ProbeResult, ofFirst: ProbeResult) => {
    await clock.advance(second.looks.length === 0 ? 0 : 10_000);
    second.last.answer(ofSecond);
    await clock.advance(0);
    prober.last.answer(ofFirst);
    await clock.advance(0);
  };
}

test("a report of a check names its services in the order of the answers, with their reasons, and changes when one does", async () => {
  const { tell, registry, engine } = clusterOf();
  await tell(workers({ "w/b": true, "w/a": false }));
  assert.deepEqual(registry.check("flower")?.reported, [
    { name: "w/b", status: "SERVING", reason: undefined },
    { name: "w/a", status: "NOT_SERVING", reason: "offline" },
  ]);
  const { statusVersion } = registry;
  await tell(workers({ "w/b": true, "w/a": false }));
  assert.equal(registry.statusVersion, statusVersion, "nothing has changed");
  await tell({ outcome: "pass", discovered: new Map([["w/a", { outcome: "fail", reason: "closed" }]]) });
  assert.deepEqual(
    registry.check("flower")?.reported?.map(({ reason }) => reason),
    [undefined, "closed"],
  );
  await tell(workers({ "w/c": true }));
  assert.deepEqual(
    registry.check("flower")?.reported?.map(({ name, status }) => `${name} ${status}`),
    ["w/b NOT_SERVING", "w/a NOT_SERVING", "w/c SERVING"],
  );
  engine.stop();
});

test("absences are counted in a row: an answer with the worker starts the count again", async () => {
  const { tell, statuses, engine } = clusterOf({ unhealthyThreshold: 2 });
  await tell(workers({ "w/a": true }));
  for (let round = 0; round < 3; round += 1) {
    await tell(workers({}));
    assert.deepEqual(statuses(), { "w/a": "SERVING" });
    await tell(workers({ "w/a": true }));
  }
  engine.stop();
});

test("the time to forgetAfter counts from the first offline answer, also if the worker is unknown in between", async () => {
  const cluster = clusterOf({ forgetAfter: "1m", staleAfter: "30s" });
  await cluster.tell(workers({ "w/a": false }));
  await runFor(cluster, 35, () => FAILED);
  assert.deepEqual(cluster.statuses(), { "w/a": "UNKNOWN" });
  await runFor(cluster, 10, () => workers({ "w/a": false }));
  assert.deepEqual(cluster.statuses(), { "w/a": "NOT_SERVING" });
  await runFor(cluster, 15, () => workers({ "w/a": false }));
  assert.deepEqual(cluster.statuses(), {});
  cluster.engine.stop();
});

test("a worker that was online in between is offline anew", async () => {
  const cluster = clusterOf({ forgetAfter: "1m" });
  await cluster.tell(workers({ "w/a": false }));
  await runFor(cluster, 40, () => workers({ "w/a": false }));
  await cluster.tell(workers({ "w/a": true }));
  await cluster.tell(workers({ "w/a": false }));
  await runFor(cluster, 55, () => workers({ "w/a": false }));
  assert.deepEqual(cluster.statuses(), { "w/a": "NOT_SERVING" });
  await runFor(cluster, 6, () => workers({ "w/a": false }));
  assert.deepEqual(cluster.statuses(), {});
  cluster.engine.stop();
});

test("workers are forgotten each at its own time, the one that is offline for the longest time first", async () => {
  const cluster = clusterOf({ forgetAfter: "1m" });
  await cluster.tell(workers({ "w/b": true, "w/a": false }));
  await runFor(cluster, 25, () => workers({ "w/b": false, "w/a": false }));
  await runFor(cluster, 34, () => workers({ "w/b": false, "w/a": false }));
  assert.deepEqual(cluster.statuses(), { "w/b": "NOT_SERVING", "w/a": "NOT_SERVING" });
  await runFor(cluster, 2, () => workers({ "w/b": false, "w/a": false }));
  assert.deepEqual(cluster.statuses(), { "w/b": "NOT_SERVING" });
  await runFor(cluster, 10, () => workers({ "w/b": false, "w/a": false }));
  assert.deepEqual(cluster.statuses(), {});
  cluster.engine.stop();
});

test("a forgotten worker that the target names no more is a new one when it comes back offline", async () => {
  const cluster = clusterOf({ forgetAfter: "1m", unhealthyThreshold: 1 });
  await cluster.tell(workers({ "w/a": false }));
  await runFor(cluster, 70, () => workers({ "w/a": false }));
  await cluster.tell(workers({ "w/a": false }));
  assert.deepEqual(cluster.statuses(), {}, "forgotten, as long as the target calls it offline");
  await cluster.tell(NONE_ONLINE({}));
  await cluster.tell(workers({ "w/a": false }));
  assert.deepEqual(cluster.statuses(), { "w/a": "NOT_SERVING" });
  cluster.engine.stop();
});

test("no more than 1,000 workers of a target are remembered: absent ones go first, then offline ones", async () => {
  const { tell, statuses, engine } = clusterOf({ unhealthyThreshold: 1_000 });
  const many = (prefix: string, count: number, isOnline: boolean) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`w/${prefix}${index}`, isOnline]));
  await tell(workers({ ...many("offline", 3, false), ...many("absent", 3, true) }));
  await tell(workers({ ...many("offline", 3, false), ...many("later", 1, false), ...many("online", 996, true) }));
  assert.equal(Object.keys(statuses()).length, 1_000);
  assert.ok(!Object.keys(statuses()).some((name) => name.startsWith("w/absent")));
  assert.equal(statuses()["w/later0"], "NOT_SERVING");
  await tell(workers({ ...many("offline", 3, false), ...many("later", 1, false), ...many("online", 997, true) }));
  // the one that is offline for the longest time, and no other
  assert.equal(Object.keys(statuses()).length, 1_000);
  assert.equal(Object.keys(statuses()).filter((name) => name.startsWith("w/offline")).length, 2);
  assert.equal(statuses()["w/later0"], "NOT_SERVING");
  assert.equal(statuses()["w/online996"], "SERVING");
  engine.stop();
});

test("a name that is taken is refused once for each time that it is taken", async () => {
  const { tell, engine } = clusterOf();
  const refused: string[] = [];
  const unsubscribe = subscribe("name-taken", ({ instance, service }) => refused.push(`${instance} ${service}`));
  const source = { kind: "prober", prober: new ScriptedProber(() => 0) } as const;
  await tell(workers({ "w/a": true }));
  for (let round = 0; round < 2; round += 1) {
    engine.add({ name: "w/a", source, options: {} });
    await tell(workers({ "w/a": true }));
    await tell(workers({ "w/a": true }));
    engine.remove("w/a");
  }
  assert.deepEqual(refused, ["reported-services-test w/a", "reported-services-test w/a"]);
  unsubscribe();
  engine.stop();
});

test("a service that two targets name stays with the first, and is cleared with it alone", async () => {
  const cluster = clusterOf();
  const { tell, statuses, engine } = cluster;
  await tell(workers({ "w/a": true }));
  const tellBoth = withSecond(cluster);
  await tellBoth(workers({ "w/a": false, "w/b": true }), workers({ "w/a": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "SERVING" });
  engine.remove("second");
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  assert.equal(engine.ownerOf("w/a"), 'the target of the check "flower"');
  assert.equal(engine.ownerOf("w/b"), undefined);
  engine.stop();
});

test("a service goes to another target when the one that has it names it no more, and not back", async () => {
  const cluster = clusterOf();
  const { statuses, engine } = cluster;
  const tellBoth = withSecond(cluster);
  await tellBoth(workers({ "w/a": false }), workers({ "w/a": true }));
  assert.deepEqual(statuses(), { "w/a": "NOT_SERVING" }, "the second was first");
  await tellBoth(workers({}), workers({}));
  assert.equal(engine.ownerOf("w/a"), 'the target of the check "second"');
  await tellBoth(workers({}), workers({ "w/a": true }));
  assert.deepEqual([statuses(), engine.ownerOf("w/a")], [{ "w/a": "SERVING" }, 'the target of the check "flower"']);
  await tellBoth(workers({ "w/a": false }), workers({ "w/a": true }));
  assert.deepEqual(statuses(), { "w/a": "SERVING" });
  engine.stop();
});

test("a name that the application has set by hand is not published, and stays when the target is removed", async () => {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "reported-services-test" });
  const isSetByHand = (name: string) => name === "w/hand";
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5, isSetByHand });
  registry.set("w/hand", "NOT_SERVING");
  const prober = new ScriptedProber(() => clock.now(), workers({ "w/hand": true, "w/a": true }));
  engine.add({ name: "flower", source: { kind: "prober", prober }, options: {} });
  await clock.advance(0);
  assert.deepEqual([registry.read("w/hand")?.status, registry.read("w/a")?.status], ["NOT_SERVING", "SERVING"]);
  engine.remove("flower");
  assert.deepEqual([registry.read("w/hand")?.status, registry.read("w/a")?.status], ["NOT_SERVING", undefined]);
  engine.stop();
});

test("after the end of the checks, the services of a target stay as they are, without a timer", async () => {
  const { clock, tell, statuses, engine } = clusterOf({ forgetAfter: "1m" });
  await tell(workers({ "w/a": true, "w/b": false }));
  engine.stop();
  assert.equal(clock.pendingTimers, 0);
  await clock.advance(3_600_000);
  assert.deepEqual(statuses(), { "w/a": "SERVING", "w/b": "NOT_SERVING" });
});

test("a removed check leaves no timer of its services", async () => {
  const { clock, tell, engine } = clusterOf({ forgetAfter: "1m" });
  await tell(workers({ "w/a": true, "w/b": false }));
  engine.remove("flower");
  assert.equal(clock.pendingTimers, 0);
  engine.stop();
});
