/** What the checks write to the registry: the reports of checks, and the statuses of the services that they count for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { FAILED, PASSED, ScriptedProber } from "./scripted-prober.js";

const all = (name: string, ...members: string[]): ServiceDeclaration => ({ name, policy: { kind: "all" }, members });

class Bench {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "publisher-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  readonly transitions: string[] = [];
  readonly details: unknown[] = [];
  readonly #probers = new Map<string, ScriptedProber>();

  constructor() {
    this.registry.onTransition(({ subject, name, from, to, detail }) => {
      if (subject === "service") this.transitions.push(`${name || "overall"} ${from} ${to}`);
      this.details.push(detail);
    });
  }

  /** Adds or changes checks; with `isOther`, they have other targets. */
  configure(
    checks: Readonly<Record<string, CheckSettings>>,
    services: readonly ServiceDeclaration[] = [],
    isOther = false,
  ): void {
    const declared = Object.entries(checks).map(([name, settings]): CheckDeclaration => {
      const known = isOther ? undefined : this.#probers.get(name);
      const prober = known ?? new ScriptedProber(() => this.clock.now());
      this.#probers.set(name, prober);
      const options = { jitter: 0, interval: "1h", timeout: "30m", unhealthyThreshold: 1, healthyThreshold: 1 };
      return { name, source: { kind: "prober", prober }, options: { ...options, ...settings } };
    });
    this.engine.configure({ checks: declared, services, isolation: undefined, allowLinkLocal: false });
  }

  /** Lets the next probes start. */
  async hour(): Promise<void> {
    await this.clock.advance(3_600_000);
  }

  /** Answers the probe of each check. */
  async answer(results: Readonly<Record<string, ProbeResult>>): Promise<void> {
    await this.clock.advance(0);
    for (const [name, result] of Object.entries(results)) this.#probers.get(name)?.last.answer(result);
    await settle();
  }

  status(name: string): string | undefined {
    return this.registry.read(name)?.status;
  }
}

describe("the report of a check", () => {
  test("has the services that it counts for: those of its settings, and the declared ones above them", () => {
    const bench = new Bench();
    bench.configure({ a: { services: ["s"] } });
    assert.deepEqual(bench.registry.check("a")?.services, ["s"]);
    bench.configure({ a: { services: ["s"] }, b: {} }, [all("top", "s"), all("other", "b")]);
    assert.deepEqual(bench.registry.check("a")?.services, ["s", "top"]);
    assert.deepEqual(bench.registry.check("b")?.services, ["other"]);
    bench.configure({ a: {}, b: {} });
    assert.deepEqual([bench.registry.check("a")?.services, bench.registry.check("b")?.services], [[], []]);
    bench.engine.stop();
  });

  test("follows a change of its settings, and keeps its state", async () => {
    const bench = new Bench();
    bench.configure({ a: {} });
    await bench.answer({ a: FAILED });
    const before = bench.registry.check("a") ?? assert.fail();
    await bench.clock.advance(10);
    const settings = [{ critical: false }, { startup: false }, { services: ["s"] }];
    for (const [index] of settings.entries()) {
      const changed = Object.assign({}, ...settings.slice(0, index + 1));
      bench.configure({ a: changed });
      assert.deepEqual(bench.registry.check("a"), { ...before, ...changed });
    }
    bench.engine.stop();
  });

  test("counts the time of its state from the change of the state, and anew when it is removed and added again", async () => {
    const bench = new Bench();
    bench.configure({ a: {} });
    await bench.answer({ a: PASSED });
    const passedAt = bench.clock.wallTime();
    await bench.clock.advance(1_000);
    bench.configure({ a: {} }, [], true);
    assert.deepEqual([bench.registry.check("a")?.state, bench.registry.check("a")?.since], ["passing", passedAt]);
    bench.configure({});
    await bench.clock.advance(1_000);
    bench.configure({ a: { initialState: "passing" } });
    assert.deepEqual(
      [bench.registry.check("a")?.state, bench.registry.check("a")?.since],
      ["passing", bench.clock.wallTime()],
    );
    bench.engine.stop();
  });

  test("keeps its place among the others when its target is changed", () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: {} });
    bench.configure({ a: {}, b: {} }, [], true);
    assert.deepEqual(
      [...bench.registry.checks()].map(({ name }) => name),
      ["a", "b"],
    );
    bench.engine.stop();
  });
});

describe("the text of a cause", () => {
  test("is kept for operators until the check passes, and is in the transitions of the check's services", async () => {
    const bench = new Bench();
    bench.configure({ a: { services: ["s"] }, b: {} });
    assert.equal(bench.engine.publisher.detailOf("a"), undefined);
    await bench.answer({ a: PASSED, b: PASSED });
    await bench.hour();
    bench.details.length = 0;
    await bench.answer({ a: FAILED, b: PASSED });
    const text = FAILED.outcome === "fail" ? FAILED.detail : assert.fail();
    assert.equal(bench.engine.publisher.detailOf("a"), text);
    assert.deepEqual(bench.details, [text, text, text, text], "of the check, its service, s and the whole");
    await bench.hour();
    await bench.answer({ a: PASSED, b: PASSED });
    assert.equal(bench.engine.publisher.detailOf("a"), undefined);
    bench.engine.stop();
  });

  test("is forgotten with the check", async () => {
    const bench = new Bench();
    bench.configure({ a: {} });
    await bench.answer({ a: FAILED });
    bench.configure({});
    assert.equal(bench.engine.publisher.detailOf("a"), undefined);
    bench.engine.stop();
  });
});

describe("the services of a check", () => {
  test("follow its state also if the reason stays the same", async () => {
    const bench = new Bench();
    bench.configure({ a: { services: ["s"] } });
    await bench.answer({ a: { outcome: "fail", reason: "status", detail: "500" } });
    assert.deepEqual([bench.status("s"), bench.status("")], ["NOT_SERVING", "NOT_SERVING"]);
    await bench.hour();
    await bench.answer({ a: { outcome: "warn", reason: "status", detail: "429" } });
    assert.deepEqual(
      [bench.status("s"), bench.status(""), bench.registry.read("s")?.degraded],
      ["SERVING", "SERVING", true],
    );
    bench.engine.stop();
  });

  test("are UNKNOWN once when it is new, and those that exist already change once, with all that is new", async () => {
    for (const services of [[], [all("top", "a", "old")]]) {
      const bench = new Bench();
      bench.configure({ old: { services: ["shared"] } });
      await bench.answer({ old: PASSED });
      bench.transitions.length = 0;
      bench.configure(
        { old: { services: ["shared"] }, a: { services: ["shared", "own"] }, b: { services: ["own"] } },
        services,
      );
      assert.deepEqual(bench.transitions.toSorted(), [
        "a SERVICE_UNKNOWN UNKNOWN",
        "b SERVICE_UNKNOWN UNKNOWN",
        "overall SERVING UNKNOWN",
        "own SERVICE_UNKNOWN UNKNOWN",
        "shared SERVING UNKNOWN",
        ...services.map(({ name }) => `${name} SERVICE_UNKNOWN UNKNOWN`),
      ]);
      assert.deepEqual(
        ["a", "b", "own", "shared", ""].map((name) => bench.registry.read(name)?.reason),
        Array(5).fill("pending"),
      );
      bench.engine.stop();
    }
  });

  test("that another check still makes stay when it is removed, and the others are cleared", async () => {
    const bench = new Bench();
    bench.configure({ a: { services: ["s", "t"] }, b: { services: ["s"] } });
    await bench.answer({ a: PASSED, b: FAILED });
    bench.configure({ a: { services: ["t"] } });
    assert.deepEqual(
      [bench.status("s"), bench.status("t"), bench.status("b"), bench.status("")],
      [undefined, "SERVING", undefined, "SERVING"],
    );
    bench.configure({});
    assert.deepEqual(
      [...bench.registry.services()].map(([name, { status }]) => [name, status]),
      [["", "SERVING"]],
    );
    bench.engine.stop();
  });
});

describe("the startup view", () => {
  test("waits for a check that a reload lets enter it, and that has had no result", async () => {
    const bench = new Bench();
    bench.configure({ a: { startup: false }, b: {} });
    bench.configure({ a: { startup: true }, b: {} });
    await bench.answer({ b: PASSED });
    assert.equal(bench.status("startup"), "UNKNOWN");
    await bench.answer({ a: PASSED });
    assert.equal(bench.status("startup"), "SERVING");
    bench.engine.stop();
  });

  test("does not wait for one that has had a result before it entered", async () => {
    const bench = new Bench();
    bench.configure({ a: { startup: false }, b: {} });
    await bench.answer({ a: PASSED });
    bench.configure({ a: { startup: true }, b: {} });
    assert.equal(bench.status("startup"), "UNKNOWN");
    await bench.answer({ b: PASSED });
    assert.equal(bench.status("startup"), "SERVING");
    bench.engine.stop();
  });

  test("of a configuration in which no check counts for it is open", () => {
    const bench = new Bench();
    bench.configure({ a: { startup: false } });
    assert.equal(bench.status("startup"), "SERVING");
    bench.engine.stop();
  });
});
