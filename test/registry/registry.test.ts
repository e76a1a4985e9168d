import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Published, subscribe, type Transition } from "../../src/core/channels.js";
import { Latest } from "../../src/core/latest.js";
import type { WatchStatus } from "../../src/core/serving-status.js";
import type { CheckReport } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";
import { TransitionEmitter } from "../../src/registry/transition-emitter.js";
import { collectFaults } from "../support/faults.js";
import { VirtualClock } from "../support/virtual-clock.js";

function registryOf(instance = "test") {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance });
  const transitions: Transition[] = [];
  registry.onTransition((transition) => transitions.push(transition));
  return { clock, registry, transitions };
}

const REPORT: CheckReport = {
  name: "db",
  state: "failing",
  critical: true,
  counted: true,
  startup: true,
  held: false,
  reason: "timeout",
  latencyMs: 1,
  lastResultAt: 1,
  since: 1,
  services: ["s"],
};

test("an invalid name or status throws a TypeError, and stores nothing [B101]", () => {
  const { registry, transitions } = registryOf();
  const bad: readonly (readonly [unknown, unknown])[] = [
    ["x", "BOGUS"],
    ["x", 9],
    ["x", undefined],
    ["x", "serving"],
    [null, "SERVING"],
    [1, "SERVING"],
    ["n".repeat(201), "SERVING"],
    ["a\u0000b", "SERVING"],
    ["\ud800", "SERVING"],
    ["readiness", "SERVING"],
    ["liveness", "NOT_SERVING"],
    ["startup", "SERVING"],
  ];
  for (const [service, status] of bad) {
    assert.throws(() => Reflect.apply(registry.set, registry, [service, status]), TypeError, `${service} ${status}`);
  }
  assert.deepEqual([[...registry.services()].map(([name]) => name), transitions.length], [[""], 0]);
  assert.throws(() => Reflect.apply(registry.clear, registry, [null]), TypeError);
});

test("SERVICE_UNKNOWN cannot be set: only a Watch sends it [B102]", () => {
  const { registry } = registryOf();
  assert.throws(() => Reflect.apply(registry.set, registry, ["x", "SERVICE_UNKNOWN"]), {
    name: "HealthTypeError",
    code: "INVALID_STATUS",
    message: 'status of service "x" must be one of UNKNOWN, SERVING, NOT_SERVING; got "SERVICE_UNKNOWN"',
  });
});

test("a listener that throws is reported, and the others are called [B105]", () => {
  const { registry, transitions } = registryOf("throwing");
  const failures: Published<"listener-failed">[] = [];
  const unsubscribe = subscribe("listener-failed", (message) => failures.push(message));
  registry.onTransition(() => {
    throw new Error("mine");
  });
  const after: Transition[] = [];
  registry.onTransition((transition) => after.push(transition));
  registry.set("a", "SERVING");
  unsubscribe();
  assert.deepEqual([transitions.length, after.length, failures.length], [1, 1, 1]);
  assert.equal(failures[0]?.instance, "throwing");
});

test("a watcher that throws stops neither the writer nor another watcher, and is published as a fault", (t) => {
  const faults = collectFaults(t, "throwing-watcher");
  const { registry, transitions } = registryOf("throwing-watcher");
  const error = new Error("broken watcher");
  let isBroken = true;
  const watch = (onFull: () => void) => {
    const mailbox = new Latest<WatchStatus>(onFull);
    registry.watch("a", mailbox);
    return mailbox;
  };
  const healthy = [watch(() => {})];
  const broken = watch(() => {
    if (isBroken) throw error;
  });
  healthy.push(watch(() => {}));
  assert.deepEqual([registry.watcherCount, faults.length], [3, 1]);
  for (const mailbox of healthy) assert.equal(mailbox.take(), "SERVICE_UNKNOWN");
  registry.set("a", "SERVING");
  for (const mailbox of healthy) assert.equal(mailbox.take(), "SERVING");
  const fault = { instance: "throwing-watcher", where: "watcher", error };
  assert.deepEqual([transitions.length, faults], [1, [fault, fault]]);
  isBroken = false;
  registry.set("a", "NOT_SERVING");
  assert.equal(broken.take(), "NOT_SERVING");
});

test("a drain reaches every watcher and every listener, also when one of them throws", (t) => {
  const faults = collectFaults(t, "throwing-drain");
  const { registry, transitions } = registryOf("throwing-drain");
  for (const name of ["a", "b", "c"]) registry.set(name, "SERVING");
  const mailboxes = ["a", "b", "c"].map((name) => {
    const mailbox = new Latest<WatchStatus>(() => {
      if (name === "b") throw new Error("broken watcher");
    });
    registry.watch(name, mailbox);
    mailbox.take();
    return mailbox;
  });
  transitions.length = 0;
  registry.drain();
  assert.deepEqual(
    mailboxes.map((mailbox) => mailbox.take()),
    ["NOT_SERVING", undefined, "NOT_SERVING"],
  );
  assert.deepEqual(
    transitions.map(({ name }) => name),
    ["", "a", "b", "c"],
  );
  assert.equal(faults.length, 2);
});

test("the transitions of a change that throws half-way are still emitted, in order", () => {
  const emitter = new TransitionEmitter("test");
  const sequences: number[] = [];
  emitter.add(({ sequence }) => sequences.push(sequence));
  const of = { subject: "service", name: "a", from: "", to: "" } as const;
  const transition = { ...of, at: 0, degraded: false, reason: "", detail: undefined };
  const change = () => {
    emitter.emit({ ...transition, sequence: 1 });
    throw new Error("broken change");
  };
  assert.throws(() => emitter.batch(change), /broken change/);
  assert.deepEqual(sequences, [1]);
  emitter.emit({ ...transition, sequence: 2 });
  assert.deepEqual(sequences, [1, 2]);
});

test("the detail of a write is in the transition, cut and well-formed, and in nothing that readers see", () => {
  const { registry, transitions } = registryOf();
  registry.set("a", "NOT_SERVING", { reason: "auth", detail: "the server refuses me" });
  registry.set("b", "NOT_SERVING", { detail: "\ud83d\ude00".repeat(200) });
  registry.set("a", "SERVING");
  assert.deepEqual(
    transitions.map(({ detail }) => detail),
    ["the server refuses me", "\ud83d\ude00".repeat(150), undefined],
  );
  assert.ok(!JSON.stringify([...registry.services(), registry.read("a")]).includes("refuses"));
  registry.set("c", "NOT_SERVING", { detail: "the server refuses me" });
  assert.ok(!JSON.stringify([...registry.services(), registry.read("c")]).includes("refuses"));
});

test("transitions are numbered from 1 without a gap, with time, from, to and reason", async () => {
  const { clock, registry, transitions } = registryOf();
  registry.set("a", "SERVING");
  await clock.advance(5);
  registry.set("a", "NOT_SERVING", { reason: "timeout" });
  registry.clear("a");
  assert.deepEqual(
    transitions.map(({ sequence, from, to, reason }) => [sequence, from, to, reason]),
    [
      [1, "SERVICE_UNKNOWN", "SERVING", undefined],
      [2, "SERVING", "NOT_SERVING", "timeout"],
      [3, "NOT_SERVING", "SERVICE_UNKNOWN", undefined],
    ],
  );
  assert.equal((transitions[1]?.at ?? 0) - (transitions[0]?.at ?? 0), 5);
});

test("setting the same status is not a transition, and keeps its time", async () => {
  const { clock, registry, transitions } = registryOf();
  registry.set("a", "NOT_SERVING", { reason: "timeout" });
  const { since } = registry.read("a") ?? {};
  await clock.advance(10);
  registry.set("a", "NOT_SERVING", { reason: "refused" });
  assert.deepEqual(registry.read("a"), { status: "NOT_SERVING", degraded: false, reason: "refused", since });
  assert.equal(transitions.length, 1);
});

test("degraded is its own transition, and exists with SERVING only", () => {
  const { registry, transitions } = registryOf();
  registry.set("a", "SERVING");
  registry.set("a", "SERVING", { degraded: true });
  registry.set("a", "NOT_SERVING", { degraded: true });
  assert.deepEqual(
    transitions.map(({ to, degraded }) => [to, degraded]),
    [
      ["SERVING", false],
      ["SERVING", true],
      ["NOT_SERVING", false],
    ],
  );
});

test("a status that a listener sets during a resume is the final one", () => {
  const { registry } = registryOf();
  registry.set("a", "SERVING");
  registry.set("b", "SERVING");
  registry.drain();
  registry.onTransition(({ name, to }) => {
    if (name === "a" && to === "SERVING") registry.set("b", "NOT_SERVING");
  });
  registry.resume();
  assert.equal(registry.read("b")?.status, "NOT_SERVING");
});

test("all listeners get transitions in the same order", () => {
  const { registry } = registryOf();
  const sequences: number[] = [];
  registry.onTransition(({ sequence }) => {
    if (sequence < 4) registry.set("a", sequence % 2 === 0 ? "SERVING" : "NOT_SERVING");
  });
  registry.onTransition(({ sequence }) => sequences.push(sequence));
  registry.set("a", "SERVING");
  assert.deepEqual(sequences, [1, 2, 3, 4]);
});

test("a listener that unsubscribed gets nothing more", () => {
  const { registry } = registryOf();
  const sequences: number[] = [];
  const unsubscribe = registry.onTransition(({ sequence }) => sequences.push(sequence));
  registry.set("a", "SERVING");
  unsubscribe();
  registry.set("a", "NOT_SERVING");
  assert.deepEqual(sequences, [1]);
});

test("a drain is seen from its start to its end, and a service that is cleared meanwhile is gone after it", () => {
  const { registry, transitions } = registryOf();
  for (const name of ["a", "b"]) registry.set(name, "SERVING", { degraded: true });
  registry.set("down", "NOT_SERVING", { reason: "refused" });
  assert.equal(registry.draining, false);
  registry.drain();
  transitions.length = 0;
  registry.clear("b");
  assert.equal(registry.draining, true);
  assert.deepEqual(registry.read("a")?.degraded, false);
  registry.resume();
  assert.equal(registry.draining, false);
  assert.deepEqual([registry.read("b"), registry.read("down")?.reason], [undefined, "refused"]);
  assert.deepEqual(
    transitions.map(({ name, from, to, degraded }) => [name, from, to, degraded]),
    [
      ["", "NOT_SERVING", "SERVING", false],
      ["b", "NOT_SERVING", "SERVICE_UNKNOWN", false],
      ["a", "NOT_SERVING", "SERVING", true],
    ],
  );
});

test("the listeners of several writes in one step see the result, and nothing in between", () => {
  const { registry } = registryOf();
  const seen: unknown[] = [];
  registry.onTransition(({ name }) => seen.push([name, registry.read("a")?.status, registry.read("b")?.status]));
  registry.batch(() => {
    registry.set("a", "SERVING");
    registry.set("b", "NOT_SERVING");
  });
  assert.deepEqual(seen, [
    ["a", "SERVING", "NOT_SERVING"],
    ["b", "SERVING", "NOT_SERVING"],
  ]);
});

test("a watch gets a status once, though its details change", () => {
  const { registry } = registryOf();
  let puts = 0;
  const latest = new Latest<WatchStatus>(() => {
    puts += 1;
  });
  registry.watch("a", latest);
  registry.set("a", "SERVING");
  latest.take();
  puts = 0;
  registry.set("a", "SERVING", { degraded: true, reason: "slow" });
  assert.equal(puts, 0);
});

test("watches are counted until their end, which may be called twice, and leave no name behind", () => {
  const { registry } = registryOf();
  const counts = () => [registry.watcherCount, registry.watchedNameCount];
  const slot = () => new Latest<WatchStatus>(() => {});
  const latest = slot();
  const ends = [registry.watch("a", latest), registry.watch("a", slot()), registry.watch("readiness", slot())];
  assert.deepEqual(counts(), [3, 2]);
  const [first, second, third] = ends;
  first?.();
  first?.();
  assert.deepEqual(counts(), [2, 2]);
  latest.take();
  registry.set("a", "SERVING");
  assert.equal(latest.take(), undefined, "it gets nothing more");
  second?.();
  assert.deepEqual(counts(), [1, 1]);
  third?.();
  assert.deepEqual(counts(), [0, 0]);
  first?.();
  assert.deepEqual(counts(), [0, 0]);
});

test("a write says whether it is published now, and a clear whether there was something", () => {
  const { registry } = registryOf();
  assert.deepEqual([registry.set("a", "SERVING"), registry.clear("a"), registry.clear("a")], [true, true, false]);
  registry.set("a", "SERVING");
  registry.drain();
  assert.deepEqual([registry.set("a", "SERVING"), registry.clear("a"), registry.clear("other")], [false, false, false]);
});

test("transitions are published on their channel too, with the name of the instance", () => {
  const { registry, transitions } = registryOf("published");
  const published: Published<"transition">[] = [];
  const unsubscribe = subscribe("transition", (message) => published.push(message));
  registry.set("a", "SERVING");
  unsubscribe();
  assert.deepEqual(published, [{ instance: "published", ...transitions[0] }]);
});

test("one check is read by its name", () => {
  const { registry } = registryOf();
  registry.report(REPORT);
  assert.deepEqual([registry.check("db"), registry.check("other")], [REPORT, undefined]);
});

test("the services that an operator has drained are those of the last call", () => {
  const { registry } = registryOf();
  assert.deepEqual([...registry.drained], []);
  registry.setDrained(new Set(["a"]));
  assert.deepEqual([...registry.drained], ["a"]);
});

test("a write while draining is reported on its channel", () => {
  const { registry } = registryOf("held");
  const held: unknown[] = [];
  const unsubscribe = subscribe("write-held", ({ service, status }) => held.push([service, status]));
  registry.set("a", "SERVING");
  registry.drain();
  registry.set("a", "NOT_SERVING");
  registry.clear("a");
  registry.clear("a");
  unsubscribe();
  assert.deepEqual(held, [
    ["a", "NOT_SERVING"],
    ["a", "cleared"],
  ]);
});

test("the startup view follows setStarted and ignores drains", () => {
  const { registry } = registryOf();
  registry.setStarted(false);
  assert.equal(registry.read("startup")?.status, "UNKNOWN");
  registry.setStarted(true);
  registry.drain();
  assert.equal(registry.read("startup")?.status, "SERVING");
});

test("a change of a check's state is a transition; an equal report is not", () => {
  const { registry, transitions } = registryOf();
  registry.report({ ...REPORT, state: "pending", reason: "pending" });
  registry.report(REPORT);
  registry.report({ ...REPORT, latencyMs: 2 });
  registry.report({ ...REPORT, state: "warning" });
  assert.deepEqual(
    transitions.map(({ subject, from, to, degraded }) => [subject, from, to, degraded]),
    [
      ["check", "pending", "failing", false],
      ["check", "failing", "warning", true],
    ],
  );
  assert.deepEqual(
    [...registry.checks()].map(({ state }) => state),
    ["warning"],
  );
  registry.forget("db");
  assert.deepEqual([...registry.checks()], []);
});

describe("the version", () => {
  const changes: Readonly<Record<string, (registry: Registry) => void>> = {
    "a new service": (registry) => registry.set("a", "SERVING"),
    "a service that was a view before": (registry) => registry.set("", "SERVING"),
    "another status": (registry) => registry.set("known", "NOT_SERVING"),
    "another reason": (registry) => registry.set("known", "SERVING", { reason: "slow" }),
    degraded: (registry) => registry.set("known", "SERVING", { degraded: true }),
    "a cleared service": (registry) => registry.clear("known"),
    "a startup view that opens": (registry) => registry.setStarted(false),
    "a drain": (registry) => registry.drain(),
    "a new check": (registry) => registry.report({ ...REPORT, name: "cache" }),
    "another state of a check": (registry) => registry.report({ ...REPORT, state: "passing" }),
    "another reason of a check": (registry) => registry.report({ ...REPORT, reason: "refused" }),
    "a check that is held": (registry) => registry.report({ ...REPORT, held: true }),
    "a check that is not critical": (registry) => registry.report({ ...REPORT, critical: false }),
    "a check of other services": (registry) => registry.report({ ...REPORT, services: ["t"] }),
    "a check of one more service": (registry) => registry.report({ ...REPORT, services: ["s", "t"] }),
    "a check that does not count yet": (registry) => registry.report({ ...REPORT, counted: false }),
    "a check that the startup view does not wait for": (registry) => registry.report({ ...REPORT, startup: false }),
    "a check that is drained": (registry) => registry.report({ ...REPORT, drained: true }),
    "a check whose target reports services": (registry) => registry.report({ ...REPORT, reported: [] }),
    "other drained services": (registry) => registry.setDrained(new Set(["known"])),
    "a check without a result": (registry) => registry.report({ ...REPORT, lastResultAt: undefined }),
    "a check that is gone": (registry) => registry.forget("db"),
  };
  const known = () => {
    const { registry } = registryOf();
    registry.set("known", "SERVING");
    registry.report(REPORT);
    return registry;
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`grows with ${what}, and so does the version of statuses`, () => {
      const registry = known();
      const { version, statusVersion } = registry;
      change(registry);
      assert.ok(registry.version > version && registry.statusVersion > statusVersion);
    });
  }

  test("grows with the first result of a check, and with another one of several services", () => {
    const registry = known();
    let { statusVersion } = registry;
    const reports = [
      { lastResultAt: undefined },
      {},
      { services: ["s", "t"] },
      { services: ["s", "u"] },
      { services: ["r", "u"] },
    ];
    for (const report of reports) {
      registry.report({ ...REPORT, ...report });
      assert.ok(registry.statusVersion > statusVersion, JSON.stringify(report));
      statusVersion = registry.statusVersion;
    }
  });

  test("grows alone with a new measurement of a check", () => {
    const registry = known();
    const { version, statusVersion } = registry;
    registry.report({ ...REPORT, latencyMs: 2, lastResultAt: 2, services: [...REPORT.services] });
    assert.ok(registry.version > version);
    assert.equal(registry.statusVersion, statusVersion);
  });

  test("grows with the end of a drain", () => {
    const registry = known();
    registry.drain();
    const { version, statusVersion } = registry;
    registry.resume();
    assert.ok(registry.version > version && registry.statusVersion > statusVersion);
  });

  test("stays where nothing changes: equal writes, a second drain, a check that is not there", () => {
    const registry = known();
    const { version, statusVersion } = registry;
    registry.set("known", "SERVING");
    registry.forget("nobody");
    registry.clear("nobody");
    registry.resume();
    assert.deepEqual([registry.version, registry.statusVersion], [version, statusVersion]);
    registry.drain();
    const drained = [registry.version, registry.statusVersion];
    registry.drain();
    registry.set("known", "SERVING");
    assert.deepEqual([registry.version, registry.statusVersion], drained);
  });

  test("counts what a reading itself brings up to date", () => {
    const registry = known();
    const { version } = registry;
    registry.beforeReading(() => void registry.set("known", "UNKNOWN"));
    assert.ok(registry.version > version);
  });
});
