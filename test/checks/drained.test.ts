/** A service that an operator has drained: what it shows, and how it counts for others. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckOptions } from "../../src/checks/check-options.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { FAILED, PASSED, ScriptedProber } from "./scripted-prober.js";

const service = (name: string, kind: "all" | "any", ...members: string[]): ServiceDeclaration => ({
  name,
  policy: { kind },
  members,
});

class Bench {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "drained-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  readonly #probers = new Map<string, ScriptedProber>();

  configure(checks: Readonly<Record<string, CheckOptions>>, services: readonly ServiceDeclaration[] = []): void {
    const declared = Object.entries(checks).map(([name, options]) => {
      const prober = this.#probers.get(name) ?? new ScriptedProber(() => this.clock.now());
      this.#probers.set(name, prober);
      return {
        name,
        source: { kind: "prober" as const, prober },
        options: { interval: "1h", timeout: "30m", ...options },
      };
    });
    this.engine.configure({ checks: declared, services, isolation: undefined, allowLinkLocal: false });
  }

  async answer(result = PASSED, ...names: readonly string[]): Promise<void> {
    await this.clock.advance(600_000);
    for (const name of names) this.#probers.get(name)?.last.answer(result);
    await settle();
  }

  drain(name: string, isDrained = true): void {
    this.engine.publisher.setDrained(name, isDrained);
  }

  /** `SERVING`, `NOT_SERVING drained`, ... */
  show(...names: readonly string[]): readonly string[] {
    return names.map((name) => {
      const { status, reason, degraded } = this.registry.read(name) ?? {};
      return [status, reason, degraded === true ? "degraded" : undefined].filter(Boolean).join(" ");
    });
  }
}

const DRAINED = "NOT_SERVING drained";

describe("a drained service", () => {
  test("that is a check is NOT_SERVING even if it passes, and shows them when it is resumed", async () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: {} });
    await bench.answer(PASSED, "a", "b");
    bench.drain("a");
    assert.deepEqual(bench.show("a", "b", "", "readiness"), [DRAINED, "SERVING", DRAINED, DRAINED]);
    assert.deepEqual([bench.registry.check("a")?.state, bench.registry.check("a")?.drained], ["passing", true]);
    await bench.clock.advance(3_600_000);
    await bench.answer(FAILED, "a");
    assert.deepEqual(bench.show("a"), [DRAINED]);
    bench.drain("a", false);
    assert.equal(bench.registry.check("a")?.drained, undefined);
    assert.deepEqual(bench.show("b", ""), ["SERVING", "SERVING"]);
  });

  test("is NOT_SERVING, and not UNKNOWN, before the first result of its check", () => {
    const bench = new Bench();
    bench.configure({ a: {} });
    bench.drain("a");
    assert.deepEqual(bench.show("a", ""), [DRAINED, DRAINED]);
  });

  test("counts as a failing member: policies decide", async () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: {} }, [
      service("both", "all", "a", "b"),
      service("either", "any", "a", "b"),
      service("top", "all", "both"),
    ]);
    await bench.answer(PASSED, "a", "b");
    bench.drain("a");
    assert.deepEqual(bench.show("both", "top", "", "either"), [DRAINED, DRAINED, DRAINED, "SERVING drained degraded"]);
    bench.drain("a", false);
    bench.drain("both");
    assert.deepEqual(bench.show("a", "both", "top", ""), ["SERVING", DRAINED, DRAINED, DRAINED]);
    bench.drain("both", false);
    assert.deepEqual(bench.show("a", "both", "top", ""), ["SERVING", "SERVING", "SERVING", "SERVING"]);
  });

  test("that is a non-critical check only marks the others degraded, as its failure would", async () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: { critical: false } });
    await bench.answer(PASSED, "a", "b");
    bench.drain("b");
    assert.deepEqual(bench.show("b", ""), [DRAINED, "SERVING drained degraded"]);
  });

  test("that the settings of checks name counts for the whole, though its checks are healthy", async () => {
    for (const declared of [[], [service("other", "all", "c")]]) {
      const bench = new Bench();
      bench.configure({ a: { services: ["s"] }, b: { services: ["s"] }, c: {} }, declared);
      await bench.answer(PASSED, "a", "b", "c");
      bench.drain("s");
      assert.deepEqual(bench.show("a", "b", "s", ""), ["SERVING", "SERVING", DRAINED, DRAINED]);
      bench.drain("s", false);
      assert.deepEqual(bench.show("s", ""), ["SERVING", "SERVING"]);
    }
  });

  test("that is a check drains the services that its settings name, and those above them", async () => {
    const bench = new Bench();
    bench.configure({ a: { services: ["s"] }, b: { services: ["s"] } }, [service("top", "all", "s")]);
    await bench.answer(PASSED, "a", "b");
    bench.drain("a");
    assert.deepEqual(bench.show("a", "b", "s", "top"), [DRAINED, "SERVING", DRAINED, DRAINED]);
    bench.drain("a", false);
    assert.deepEqual(bench.show("a", "b", "s", "top"), ["SERVING", "SERVING", "SERVING", "SERVING"]);
  });

  test("that is the server as a whole leaves the others alone, also without any check", async () => {
    const bench = new Bench();
    bench.drain("");
    assert.deepEqual(bench.show("", "readiness", "liveness"), [DRAINED, DRAINED, "SERVING"]);
    bench.configure({ a: {} });
    await bench.answer(PASSED, "a");
    assert.deepEqual(bench.show("", "a"), [DRAINED, "SERVING"]);
    bench.configure({});
    assert.deepEqual(bench.show(""), [DRAINED]);
    bench.drain("", false);
    assert.deepEqual(bench.show("", "readiness"), ["SERVING", "SERVING"]);
    assert.equal(bench.engine.ownerOf(""), undefined);
  });

  test("stays drained through a reload that changes its check or what it is made of", async () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: {} }, [service("s", "all", "a")]);
    await bench.answer(PASSED, "a", "b");
    bench.drain("s");
    const seen: string[] = [];
    bench.registry.onTransition(({ name, to }) => seen.push(`${name} ${to}`));
    bench.configure({ a: { critical: false }, b: {} }, [service("s", "any", "a", "b")]);
    assert.deepEqual(bench.show("s"), [DRAINED]);
    bench.configure({ a: {}, b: {}, s: {} });
    assert.deepEqual(bench.show("s"), [DRAINED]);
    assert.ok(!seen.some((each) => each.startsWith("s ")), seen.join());
  });

  test("that a reload has removed is not there, and makes nothing NOT_SERVING", async () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: {} }, [service("s", "all", "a")]);
    await bench.answer(PASSED, "a", "b");
    bench.drain("s");
    bench.configure({ a: {}, b: {} });
    assert.deepEqual([bench.registry.read("s"), bench.engine.publisher.makerOf("s")], [undefined, undefined]);
    assert.deepEqual(bench.show("a", "b", ""), ["SERVING", "SERVING", "SERVING"]);
  });

  test("is shown after a drain of everything, and everything after it", async () => {
    const bench = new Bench();
    bench.configure({ a: {}, b: {} });
    await bench.answer(PASSED, "a", "b");
    bench.registry.drain();
    bench.drain("a");
    assert.deepEqual(bench.show("a", "b"), ["NOT_SERVING draining", "NOT_SERVING draining"]);
    bench.registry.resume();
    assert.deepEqual(bench.show("a", "b", ""), [DRAINED, "SERVING", DRAINED]);
    bench.registry.drain();
    bench.drain("a", false);
    bench.registry.resume();
    assert.deepEqual(bench.show("a", "b", ""), ["SERVING", "SERVING", "SERVING"]);
  });

  test("changes the version that readers compare", () => {
    const bench = new Bench();
    bench.configure({ a: {} });
    const before = bench.registry.statusVersion;
    bench.drain("a");
    assert.notEqual(bench.registry.statusVersion, before);
    assert.deepEqual([...bench.registry.drained], ["a"]);
  });
});
