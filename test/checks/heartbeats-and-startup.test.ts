/** Which checks count: heartbeats that have never reported, and the checks that the startup view waits for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckOptions } from "../../src/checks/check-options.js";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { FAILED, PASSED, ScriptedProber } from "./scripted-prober.js";

const HOUR_MS = 3_600_000;

const all = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "all" }, members });
const any = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "any" }, members });

class Bench {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "counting-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  readonly #probers = new Map<string, ScriptedProber>();

  heartbeat(name: string, options: CheckOptions = {}, ttl = "26h"): CheckDeclaration {
    return { name, source: { kind: "heartbeat", ttl, token: "t" }, options };
  }

  /** A check that waits for `answer`. */
  target(name: string, options: CheckOptions = {}): CheckDeclaration {
    const prober = this.#probers.get(name) ?? new ScriptedProber(() => this.clock.now());
    this.#probers.set(name, prober);
    return { name, source: { kind: "prober", prober }, options: { interval: "1h", timeout: "30m", ...options } };
  }

  configure(checks: readonly CheckDeclaration[], services: readonly ServiceDeclaration[] = []): void {
    this.engine.configure({ checks, services, isolation: undefined, allowLinkLocal: false });
  }

  async answer(name: string, result = PASSED): Promise<void> {
    await this.clock.advance(0);
    this.#probers.get(name)?.last.answer(result);
    await settle();
  }

  async beat(name: string, report: "pass" | "fail" = "pass"): Promise<void> {
    await this.clock.advance(300);
    assert.ok(this.engine.report(name, "Bearer t", report));
    await this.clock.advance(0);
  }

  statuses(...services: readonly string[]): (string | undefined)[] {
    return services.map((service) => this.registry.read(service)?.status);
  }
}

test("a report has a time and no latency: nothing was probed", async () => {
  const bench = new Bench();
  bench.configure([bench.heartbeat("backup"), bench.target("db")]);
  await bench.beat("backup");
  await bench.answer("db");
  const measured = [...bench.registry.checks()].map(({ name, latencyMs, lastResultAt }) => [
    ...[name, latencyMs, lastResultAt !== undefined],
  ]);
  assert.deepEqual(measured, [
    ["backup", undefined, true],
    ["db", 300, true],
  ]);
});

describe("a heartbeat that has never reported", () => {
  test("does not count for a service with other members, nor for the whole, nor for startup", async () => {
    const bench = new Bench();
    bench.configure([bench.heartbeat("backup"), bench.target("db")], [all("s", "backup", "db"), any("t", "backup")]);
    await bench.answer("db");
    assert.deepEqual(bench.statuses("backup", "s", "t", "", "readiness", "startup"), [
      "UNKNOWN",
      "SERVING",
      "UNKNOWN",
      "SERVING",
      "SERVING",
      "SERVING",
    ]);
    assert.equal(bench.registry.check("backup")?.counted, false);
    bench.engine.stop();
  });

  test("makes a service with nothing else UNKNOWN, and the whole too", async () => {
    const bench = new Bench();
    bench.configure([bench.heartbeat("one"), bench.heartbeat("two", { services: ["s"] })]);
    assert.deepEqual(bench.statuses("one", "two", "s", ""), Array(4).fill("UNKNOWN"));
    await bench.beat("one");
    assert.deepEqual(bench.statuses("one", "two", "s", ""), ["SERVING", "UNKNOWN", "UNKNOWN", "SERVING"]);
    bench.engine.stop();
  });

  for (const [report, status] of [
    ["pass", "SERVING"],
    ["fail", "NOT_SERVING"],
  ] as const)
    test(`counts from its first report on, here ${report}`, async () => {
      const bench = new Bench();
      bench.configure([bench.heartbeat("backup"), bench.target("db")]);
      await bench.answer("db");
      await bench.beat("backup", report);
      assert.deepEqual(bench.statuses("backup", ""), [status, status]);
      assert.equal(bench.registry.check("backup")?.counted, true);
      bench.engine.stop();
    });

  test("fails at the end of its ttl, and counts from then on", async () => {
    const bench = new Bench();
    bench.configure([bench.heartbeat("backup", { services: ["s"] }, "3h"), bench.target("db", { interval: "1000h" })]);
    await bench.answer("db");
    await bench.clock.advance(3 * HOUR_MS - 1);
    assert.deepEqual(bench.statuses("backup", "s", ""), ["UNKNOWN", "UNKNOWN", "SERVING"]);
    await bench.clock.advance(1);
    assert.deepEqual(bench.statuses("backup", "s", ""), ["NOT_SERVING", "NOT_SERVING", "NOT_SERVING"]);
    assert.equal(bench.registry.read("")?.reason, "missed");
    bench.engine.stop();
  });

  test("with an initial state counts from the start", () => {
    const bench = new Bench();
    bench.configure([bench.heartbeat("backup", { initialState: "failing" })]);
    assert.deepEqual(bench.statuses("backup", ""), ["NOT_SERVING", "NOT_SERVING"]);
    bench.engine.stop();
  });
});

describe("the startup view", () => {
  test("waits for a heartbeat with startup: true", async () => {
    const bench = new Bench();
    bench.configure([bench.heartbeat("backup", { startup: true })]);
    assert.deepEqual(bench.statuses("startup"), ["UNKNOWN"]);
    await bench.beat("backup", "fail");
    assert.deepEqual(bench.statuses("startup"), ["SERVING"]);
    bench.engine.stop();
  });

  test("does not wait for a check with startup: false, but waits for a non-critical one", async () => {
    const bench = new Bench();
    bench.configure([bench.target("slow", { startup: false }), bench.target("cache", { critical: false })]);
    assert.deepEqual(bench.statuses("startup"), ["UNKNOWN"]);
    await bench.answer("cache", FAILED);
    assert.deepEqual(bench.statuses("startup", ""), ["SERVING", "UNKNOWN"]);
    bench.engine.stop();
  });

  test("follows a reload that lets a check leave it or enter it, until it has opened", async () => {
    const bench = new Bench();
    bench.configure([bench.target("a"), bench.target("b")]);
    await bench.answer("a");
    bench.configure([bench.target("a", { startup: false }), bench.target("b")]);
    assert.deepEqual(bench.statuses("startup"), ["UNKNOWN"]);
    bench.configure([bench.target("a"), bench.target("b", { startup: false })]);
    assert.deepEqual(bench.statuses("startup"), ["SERVING"], "the result of a was not forgotten");
    bench.configure([bench.target("a"), bench.target("b")]);
    assert.deepEqual(bench.statuses("startup"), ["SERVING"], "it does not close");
    bench.engine.stop();
  });

  test("never closes: not by a failure, a stale result, a changed target, or a check that a reload adds", async () => {
    const bench = new Bench();
    const closings: string[] = [];
    bench.configure([bench.target("a", { staleAfter: "2h", interval: "1h" })]);
    await bench.answer("a", FAILED);
    bench.registry.onTransition(({ name, to }) => {
      if (name === "startup") closings.push(to);
    });
    await bench.clock.advance(100 * HOUR_MS);
    bench.configure([bench.heartbeat("a", { startup: true }), bench.target("b")]);
    bench.configure([bench.target("c")]);
    assert.deepEqual([bench.statuses("startup"), closings], [["SERVING"], []]);
    bench.engine.stop();
  });

  for (const [label, before] of [
    ["no check", () => []],
    ["a heartbeat alone", (bench: Bench) => [bench.heartbeat("backup")]],
    ["a check that does not count", (bench: Bench) => [bench.target("a", { startup: false })]],
  ] as const)
    test(`of a configuration with ${label} is open, and a reload that adds a check does not close it`, () => {
      const bench = new Bench();
      const checks = before(bench);
      bench.configure(checks);
      assert.deepEqual(bench.statuses("startup"), ["SERVING"]);
      bench.configure([...checks, bench.target("b")]);
      assert.deepEqual(bench.statuses("startup"), ["SERVING"]);
      bench.engine.stop();
    });

  test("of an application that adds a heartbeat first waits for the check that comes next", async () => {
    const bench = new Bench();
    bench.engine.add(bench.heartbeat("backup"));
    bench.engine.add(bench.target("db"));
    assert.deepEqual(bench.statuses("startup"), ["UNKNOWN"]);
    await bench.answer("db");
    assert.deepEqual(bench.statuses("startup"), ["SERVING"]);
    bench.engine.stop();
  });
});

describe("non-critical checks", () => {
  test("show their own state, and their services are UNKNOWN until one of them has a result", async () => {
    const bench = new Bench();
    const cache = { critical: false, services: ["s"] };
    bench.configure([bench.target("a", cache), bench.target("b", cache)], [any("t", "a", "b"), all("u", "s")]);
    assert.deepEqual(bench.statuses("a", "b", "s", "t", "u", ""), Array(6).fill("UNKNOWN"));
    await bench.answer("a", FAILED);
    assert.deepEqual(bench.statuses("a", "b", "s", "t", "u", ""), [
      "NOT_SERVING",
      "UNKNOWN",
      "SERVING",
      "SERVING",
      "SERVING",
      "SERVING",
    ]);
    assert.ok(["s", "t", "u", ""].every((service) => bench.registry.read(service)?.degraded === true));
    bench.engine.stop();
  });

  test("that become stale make their services UNKNOWN again, unless another member is decided", async () => {
    const bench = new Bench();
    bench.configure([bench.target("cache", { critical: false, staleAfter: "1s" })]);
    await bench.answer("cache");
    assert.deepEqual(bench.statuses("cache", ""), ["SERVING", "SERVING"]);
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.statuses("cache", ""), ["UNKNOWN", "UNKNOWN"]);
    bench.engine.stop();
  });

  test("in a service of their own never make a service above it UNKNOWN or NOT_SERVING", async () => {
    const bench = new Bench();
    const checks = [bench.target("db"), bench.target("cache", { critical: false }), bench.heartbeat("backup")];
    bench.configure(checks, [all("core", "db"), all("extras", "cache"), all("jobs", "backup")]);
    await bench.answer("db");
    assert.deepEqual(bench.statuses("core", "extras", "jobs", ""), ["SERVING", "UNKNOWN", "UNKNOWN", "SERVING"]);
    await bench.answer("cache", FAILED);
    assert.deepEqual(bench.statuses("cache", "extras", ""), ["NOT_SERVING", "SERVING", "SERVING"]);
    bench.engine.stop();
  });
});
