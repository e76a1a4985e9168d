import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import { subscribe } from "../../src/core/channels.js";
import { HealthError } from "../../src/core/health-error.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { collectFaults } from "../support/faults.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { FAILED, PASSED, ScriptedProber, WARNED } from "./scripted-prober.js";

const declared = new WeakMap<CheckEngine, readonly ServiceDeclaration[]>();

/** Declares one more service. */
function addService(engine: CheckEngine, service: ServiceDeclaration): void {
  const services = [...(declared.get(engine) ?? []), service];
  engine.declareServices(services);
  declared.set(engine, services);
}

class Bench {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "engine-test" });
  readonly engine: CheckEngine;
  readonly probers = new Map<string, ScriptedProber>();

  constructor(random = () => 0.5) {
    this.engine = new CheckEngine({ writer: this.registry, clock: this.clock, random });
  }

  add(name: string, settings: CheckSettings = {}, always?: ProbeResult): ScriptedProber {
    const prober = new ScriptedProber(() => this.clock.now(), always);
    this.probers.set(name, prober);
    this.engine.add({ name, source: { kind: "prober", prober }, options: { jitter: 0, ...settings } });
    return prober;
  }

  async answer(name: string, result: ProbeResult): Promise<void> {
    this.probers.get(name)?.last.answer(result);
    await settle();
  }

  status(service: string): string | undefined {
    return this.registry.read(service)?.status;
  }

  check(name: string) {
    return [...this.registry.checks()].find((report) => report.name === name);
  }
}

test("with a check, the server as a whole is UNKNOWN until the first result, never SERVING before [A1]", async () => {
  const bench = new Bench();
  assert.equal(bench.status(""), "SERVING");
  bench.add("db", { services: ["acme.Orders"] });
  for (const service of ["", "db", "acme.Orders", "readiness"]) assert.equal(bench.status(service), "UNKNOWN", service);
  await bench.clock.advance(0);
  await bench.answer("db", PASSED);
  for (const service of ["", "db", "acme.Orders", "readiness"]) assert.equal(bench.status(service), "SERVING", service);
  bench.engine.stop();
});

test("while one critical check is pending, its services are UNKNOWN, even if another check fails [A1]", async () => {
  const bench = new Bench();
  bench.add("a");
  bench.add("b");
  await bench.clock.advance(0);
  await bench.answer("a", FAILED);
  assert.deepEqual([bench.status("a"), bench.status("b"), bench.status("")], ["NOT_SERVING", "UNKNOWN", "UNKNOWN"]);
  await bench.answer("b", PASSED);
  assert.equal(bench.status(""), "NOT_SERVING");
  assert.equal(bench.registry.read("")?.reason, "refused");
  bench.engine.stop();
});

test("SERVING after the first success, NOT_SERVING after three failures in a row [A113, A114]", async () => {
  const bench = new Bench();
  bench.add("db", { edgeInterval: "10s" });
  await bench.clock.advance(0);
  const seen: (string | undefined)[] = [];
  for (const result of [PASSED, FAILED, FAILED, PASSED, FAILED, FAILED, FAILED]) {
    await bench.answer("db", result);
    seen.push(bench.status("db"));
    await bench.clock.advance(10_000);
  }
  assert.deepEqual(seen, [...Array(6).fill("SERVING"), "NOT_SERVING"]);
  bench.engine.stop();
});

test("a check decides its own service, the services that it names, and the server as a whole", async () => {
  const bench = new Bench();
  bench.add("a", { services: ["s", "s"] }, PASSED);
  bench.add("b", { services: ["t"] }, FAILED);
  await bench.clock.advance(0);
  assert.deepEqual(
    ["a", "s", "b", "t", ""].map((service) => bench.status(service)),
    ["SERVING", "SERVING", "NOT_SERVING", "NOT_SERVING", "NOT_SERVING"],
  );
  bench.engine.stop();
});

test("a non-critical check that fails marks its services as degraded, and does nothing else", async () => {
  const bench = new Bench();
  bench.add("main", { services: ["s"] }, PASSED);
  bench.add("cache", { services: ["s"], critical: false }, FAILED);
  await bench.clock.advance(0);
  const { status, degraded, reason } = bench.registry.read("s") ?? assert.fail();
  assert.deepEqual({ status, degraded, reason }, { status: "SERVING", degraded: true, reason: "refused" });
  bench.engine.stop();
});

test("a check that warns marks its services as degraded", async () => {
  const bench = new Bench();
  bench.add("db", {}, WARNED);
  await bench.clock.advance(0);
  assert.equal(bench.check("db")?.state, "warning");
  assert.deepEqual([bench.status("db"), bench.registry.read("db")?.degraded], ["SERVING", true]);
  bench.engine.stop();
});

test("the startup view opens when every check has had its first result, and stays open", async () => {
  const bench = new Bench();
  bench.add("a");
  bench.add("b");
  assert.equal(bench.status("startup"), "UNKNOWN");
  await bench.clock.advance(0);
  await bench.answer("a", FAILED);
  assert.equal(bench.status("startup"), "UNKNOWN");
  await bench.answer("b", FAILED);
  assert.equal(bench.status("startup"), "SERVING");
  await bench.clock.advance(120_000);
  assert.equal(bench.status("startup"), "SERVING");
  bench.add("later");
  assert.equal(bench.status("startup"), "SERVING");
  bench.engine.stop();
});

test("without a result for staleAfter, the services of a check are UNKNOWN [A131]", async () => {
  const bench = new Bench();
  bench.add("db", { staleAfter: "30s" });
  await bench.clock.advance(0);
  await bench.answer("db", PASSED);
  const until = 30_000;
  for (let at = 10_000; at < until; at += 10_000) {
    await bench.clock.advance(10_000);
    bench.probers.get("db")?.last.throw(new Error("EMFILE"));
  }
  await bench.clock.advance(9_999);
  assert.deepEqual([bench.status("db"), bench.status("")], ["SERVING", "SERVING"]);
  await bench.clock.advance(1);
  assert.deepEqual([bench.status("db"), bench.status("")], ["UNKNOWN", "UNKNOWN"]);
  assert.notEqual(bench.check("db")?.lastResultAt, undefined, "when it was last seen is still known");
  bench.engine.stop();
});

test("the report of a check has latency, times and reason code, and no text from the target", async () => {
  const bench = new Bench();
  bench.add("db", { services: ["s"] });
  await bench.clock.advance(30);
  await bench.answer("db", FAILED);
  const at = bench.clock.wallTime();
  assert.deepEqual(bench.check("db"), {
    name: "db",
    state: "failing",
    reason: "refused",
    critical: true,
    counted: true,
    startup: true,
    group: undefined,
    held: false,
    reported: undefined,
    services: ["s"],
    latencyMs: 30,
    lastResultAt: at,
    since: at,
  });
  await bench.clock.advance(10_000);
  await bench.answer("db", FAILED);
  assert.equal(bench.check("db")?.since, at, "since the state, not the result");
  bench.engine.stop();
});

test("a few checks start at once", async () => {
  const bench = new Bench();
  for (let index = 0; index < 20; index += 1) bench.add(`c${index}`, {}, PASSED);
  await bench.clock.advance(0);
  assert.ok([...bench.probers.values()].every(({ startedAt }) => startedAt[0] === 0));
  bench.engine.stop();
});

test("1,000 checks that start together are spread over one interval: no 100 ms have more than twice the average [A128]", async () => {
  const bench = new Bench();
  for (let index = 0; index < 1_000; index += 1) bench.add(`c${index}`, {}, PASSED);
  await bench.clock.advance(9_999);
  const slots = Array(100).fill(0);
  for (const { startedAt } of bench.probers.values()) slots[Math.floor((startedAt[0] ?? assert.fail()) / 100)] += 1;
  assert.equal(
    slots.reduce((sum, count) => sum + count, 0),
    1_000,
  );
  assert.ok(Math.max(...slots) < 20, `${Math.max(...slots)} in one slot`);
  assert.ok(Math.min(...slots) > 5);
  bench.engine.stop();
});

test("checks that are added later do not move the first probes of earlier ones", async () => {
  const bench = new Bench();
  for (let index = 0; index < 10; index += 1) bench.add(`c${index}`, {}, PASSED);
  await bench.clock.advance(1);
  for (let index = 10; index < 20; index += 1) bench.add(`c${index}`, {}, PASSED);
  await bench.clock.advance(9_998);
  const counts = [...bench.probers.values()].map(({ startedAt }) => startedAt.length);
  assert.deepEqual(counts, Array(20).fill(1));
  bench.engine.stop();
});

test("an initial delay delays the first probe", async () => {
  const bench = new Bench();
  const prober = bench.add("db", { initialDelay: "5s" }, PASSED);
  await bench.clock.advance(5_000);
  assert.deepEqual(prober.startedAt, [5_000]);
  bench.engine.stop();
});

test("a check that cannot be added changes nothing", () => {
  const bench = new Bench();
  bench.add("db");
  const refused: readonly (readonly [name: string, settings: CheckSettings, code: string])[] = [
    ["db", {}, "DUPLICATE_NAME"],
    ["", {}, "INVALID_SERVICE_NAME"],
    ["readiness", {}, "INVALID_SERVICE_NAME"],
    ["x".repeat(201), {}, "INVALID_SERVICE_NAME"],
    ["ok", { services: [""] }, "INVALID_SERVICE_NAME"],
    ["ok", { services: ["a\n"] }, "INVALID_SERVICE_NAME"],
    ["ok", { interval: "x" }, "INVALID_OPTION"],
  ];
  const before = JSON.stringify([...bench.registry.services()]);
  const timers = bench.clock.pendingTimers;
  for (const [name, settings, code] of refused) {
    assert.throws(
      () =>
        bench.engine.add({ name, source: { kind: "prober", prober: new ScriptedProber(() => 0) }, options: settings }),
      (error) => error instanceof HealthError && error.code === code,
    );
  }
  assert.equal(JSON.stringify([...bench.registry.services()]), before);
  assert.equal(bench.clock.pendingTimers, timers);
  bench.engine.stop();
});

test("stop ends every check: probers are closed, no timer is left, no result is published later", async () => {
  const bench = new Bench();
  bench.add("a");
  bench.add("b", {}, PASSED);
  await bench.clock.advance(0);
  bench.engine.stop();
  assert.equal(bench.clock.pendingTimers, 0);
  assert.ok([...bench.probers.values()].every(({ closed }) => closed));
  await bench.answer("a", PASSED);
  assert.equal(bench.status("a"), "UNKNOWN");
});

test("a declared service follows its policy over its checks [A136]", async () => {
  const bench = new Bench();
  const checks = ["a", "b", "c"];
  addService(bench.engine, { name: "any", policy: { kind: "any" }, members: checks });
  addService(bench.engine, { name: "two", policy: { kind: "quorum", count: 2 }, members: checks });
  addService(bench.engine, { name: "all", policy: { kind: "all" }, members: checks });
  assert.equal(bench.status("any"), "UNKNOWN", "no check is there yet");
  bench.add("a", {}, PASSED);
  bench.add("b", {}, FAILED);
  await bench.clock.advance(0);
  assert.deepEqual([bench.status("any"), bench.status("two")], ["SERVING", "UNKNOWN"], "one is still missing");
  bench.add("c", {}, FAILED);
  await bench.clock.advance(0);
  assert.deepEqual(
    [bench.status("any"), bench.status("two"), bench.status("all")],
    ["SERVING", "NOT_SERVING", "NOT_SERVING"],
  );
  bench.engine.stop();
});

test("a name is one service: declared, named by a check, or a check's own", () => {
  const bench = new Bench();
  bench.add("a", { services: ["s"] });
  addService(bench.engine, { name: "t", policy: { kind: "all" }, members: ["a"] });
  const twice = (error: unknown) => error instanceof HealthError && error.code === "DUPLICATE_NAME";
  for (const name of ["a", "s", "t"])
    assert.throws(() => addService(bench.engine, { name, policy: { kind: "all" }, members: ["a"] }), twice, name);
  assert.throws(() => bench.add("t"), twice);
  assert.throws(() => bench.add("b", { services: ["t"] }), twice);
  assert.throws(() => addService(bench.engine, { name: "\n", policy: { kind: "all" }, members: [] }), HealthError);
  bench.engine.stop();
});

test("a report over HTTP counts for a heartbeat with a token alone, and with that token", () => {
  const bench = new Bench();
  const { engine } = bench;
  const beat = (name: string, token: string | undefined) =>
    engine.add({ name, source: { kind: "heartbeat", ttl: "1h", token }, options: {} });
  beat("open", undefined);
  beat("job", "secret");
  bench.add("db");
  for (const [name, authorization, isTaken] of [
    ["job", "Bearer secret", true],
    ["job", "Bearer other", false],
    ["job", undefined, false],
    ["open", undefined, false],
    ["open", "Bearer undefined", false],
    ["db", "Bearer secret", false],
    ["db", undefined, false],
    ["unheard-of", "Bearer secret", false],
  ] as const)
    assert.equal(engine.report(name, authorization, "pass"), isTaken, `${name} ${authorization}`);
  assert.deepEqual([bench.status("job"), bench.status("open")], ["SERVING", "UNKNOWN"]);
  engine.stop();
  assert.equal(engine.report("job", "Bearer secret", "pass"), "stopped");
});

test("a name that is taken is refused with the place of its owner", () => {
  const bench = new Bench();
  bench.add("a", { services: ["s"] });
  addService(bench.engine, { name: "t", policy: { kind: "all" }, members: ["a"] });
  assert.throws(
    () => bench.add("t"),
    /^HealthError: checks\.t: a service of this name is declared already \(services\.t\)$/,
  );
  assert.throws(
    () => bench.add("s"),
    /^HealthError: checks\.s: a check makes this service already \(checks\.a\.services\)$/,
  );
  assert.throws(() => bench.add("a"), /^HealthError: checks\.a: a check has this name already \(checks\.a\)$/);
  assert.deepEqual(
    ["a", "s", "t", "", "free"].map((name) => bench.engine.publisher.makerOf(name)?.path.join(".")),
    ["checks.a", "checks.a.services", "services.t", "overall", undefined],
  );
  bench.engine.stop();
});

test("while checks run, a blocked event loop is reported; without a check, nothing is measured", async () => {
  const bench = new Bench();
  const stalls: number[] = [];
  const unsubscribe = subscribe("stall", ({ instance, stallMs }) => {
    if (instance === "engine-test") stalls.push(stallMs);
  });
  bench.add("db", {}, PASSED);
  await bench.clock.advance(2_000);
  bench.clock.stall(3_000);
  await bench.clock.advance(100);
  assert.equal(stalls.length, 1);
  bench.engine.remove("db");
  bench.clock.stall(3_000);
  await bench.clock.advance(10_000);
  assert.deepEqual([stalls.length, bench.clock.pendingTimers], [1, 0]);
  unsubscribe();
  bench.engine.stop();
});

test("a prober that cannot be closed is a fault, and the other checks end", (t) => {
  const faults = collectFaults(t, "engine-test");
  const bench = new Bench();
  const error = new Error("not closed");
  const [broken, other] = [bench.add("a"), bench.add("b")];
  broken.close = () => {
    throw error;
  };
  bench.engine.stop();
  assert.equal(other.closed, true);
  assert.deepEqual(faults, [{ instance: "engine-test", where: "the end of a check", error }]);
});

test("a check that is removed during its probe leaves no timer, no report and no service, and its result is dropped [A127]", async () => {
  const bench = new Bench();
  const prober = bench.add("db", { services: ["s"] });
  await bench.clock.advance(100);
  assert.equal(bench.engine.remove("db"), true);
  assert.equal(bench.engine.remove("db"), false);
  assert.deepEqual([prober.closed, prober.last.signal.aborted, bench.clock.pendingTimers], [true, true, 0]);
  await bench.answer("db", FAILED);
  assert.deepEqual([bench.status("db"), bench.status("s"), bench.check("db")], [undefined, undefined, undefined]);
  assert.equal(bench.status(""), "SERVING", "with no check at all, this process is up");
  assert.equal(bench.status("startup"), "SERVING");
  bench.add("db");
  assert.equal(bench.status("db"), "UNKNOWN", "the name is free again");
  assert.equal(bench.status("startup"), "UNKNOWN", "nothing had its first result yet");
  bench.engine.stop();
});

test("a removed check no longer decides any service; a service that still names it is UNKNOWN", async () => {
  const bench = new Bench();
  bench.add("good", { services: ["s"] }, PASSED);
  bench.add("bad", { services: ["s"] }, FAILED);
  addService(bench.engine, { name: "t", policy: { kind: "any" }, members: ["good", "bad"] });
  await bench.clock.advance(0);
  assert.deepEqual([bench.status("s"), bench.status("t"), bench.status("")], ["NOT_SERVING", "SERVING", "NOT_SERVING"]);
  bench.engine.remove("bad");
  assert.deepEqual([bench.status("s"), bench.status("t"), bench.status("")], ["SERVING", "SERVING", "SERVING"]);
  bench.engine.remove("good");
  assert.deepEqual([bench.status("s"), bench.status("t"), bench.status("")], [undefined, "UNKNOWN", "UNKNOWN"]);
  bench.engine.stop();
});
