/**
 * Checks on a machine that cannot do what was asked of it: results are late, none is a failure that is not the target's.
 *
 * The processor is a part of the virtual clock: a start of a probe takes time, and a change of a status takes more.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { ConcurrencyLimit } from "../../src/checks/concurrency-limit.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import { subscribe } from "../../src/core/channels.js";
import type { ProbeResult, Prober } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { Bench } from "./runner-fixture.js";
import { FAILED, PASSED } from "./scripted-prober.js";

/** Turns the event loop for `totalMs`; each turn takes `turnMs`. */
async function turnSlowly(clock: VirtualClock, totalMs: number, turnMs: number): Promise<void> {
  for (let left = totalMs; left > 0; left -= turnMs) {
    clock.stall(turnMs);
    await clock.advance(0);
  }
}

describe("turns of 300 ms, each too short to be a stall", () => {
  const SETTINGS: CheckSettings = { interval: "10s", timeout: "1s", unhealthyThreshold: 1 };

  /** A check that passes, and whose second probe has just started. */
  async function probing(settings: CheckSettings = {}): Promise<Bench> {
    const bench = new Bench({ ...SETTINGS, ...settings });
    bench.runner.start(0);
    await bench.clock.advance(0);
    bench.prober.last.answer(PASSED);
    await bench.clock.advance(10_000);
    assert.equal(bench.prober.looks.length, 2);
    return bench;
  }

  test("move the deadline of a probe: a target that answers in its third second passes", async () => {
    const bench = await probing();
    await turnSlowly(bench.clock, 2_100, 300);
    bench.prober.last.answer(PASSED);
    await settle();
    assert.deepEqual(bench.states, ["passing", "passing"]);
    bench.runner.stop();
  });

  test("do not hide a target that never answers: it fails, later", async () => {
    const bench = await probing();
    await turnSlowly(bench.clock, 3_600, 300);
    assert.deepEqual([bench.states, bench.reason], [["passing", "failing"], "timeout"]);
    bench.runner.stop();
  });

  test("move it by at most two timeouts, however many there are", async () => {
    const bench = await probing();
    await turnSlowly(bench.clock, 2_700, 300);
    assert.deepEqual(bench.states, ["passing"]);
    await turnSlowly(bench.clock, 600, 300);
    assert.deepEqual(bench.states, ["passing", "failing"], "after 3.3 s");
    bench.runner.stop();
  });

  test("do not delay a target that refuses", async () => {
    const bench = await probing();
    await turnSlowly(bench.clock, 300, 300);
    bench.prober.last.answer(FAILED);
    await settle();
    assert.deepEqual(bench.states, ["passing", "failing"]);
    bench.runner.stop();
  });

  test("do not make a target slow", async () => {
    const bench = await probing({ maxLatency: "500ms" });
    await turnSlowly(bench.clock, 900, 300);
    bench.prober.last.answer(PASSED);
    await settle();
    assert.deepEqual(bench.states, ["passing", "passing"]);
    bench.runner.stop();
  });

  test("before the probe do not count for it", async () => {
    const bench = new Bench(SETTINGS);
    bench.deps.stalls.start();
    bench.runner.start(3_000);
    await turnSlowly(bench.clock, 3_000, 300);
    assert.equal(bench.prober.looks.length, 1);
    await bench.clock.advance(999);
    assert.deepEqual(bench.states, []);
    await bench.clock.advance(1);
    assert.deepEqual([bench.states, bench.reason], [["failing"], "timeout"]);
    bench.runner.stop();
    bench.deps.stalls.stop();
  });
});

describe("of the probes that wait for a slot", () => {
  /** A limit of one slot, which is in use, and the names in the order of their starts. */
  function limited(nextTurn: (action: () => void) => void = () => {}) {
    const started: string[] = [];
    const limit = new ConcurrencyLimit(nextTurn, 1);
    limit.acquire(() => {}, { isCurrent: false });
    const add = (name: string, result = { isCurrent: true }) => limit.acquire(() => started.push(name), result);
    return { started, add, release: () => limit.release() };
  }

  test("three of four renew a result that counts, and one is of a check without a result", () => {
    const { started, add, release } = limited();
    for (let number = 0; number < 6; number += 1) {
      add(`new${number}`, { isCurrent: false });
      add(`known${number}`);
    }
    for (let left = 0; left < 12; left += 1) release();
    const order = "known0 known1 known2 new0 known3 known4 known5 new1 new2 new3 new4 new5";
    assert.deepEqual(started, order.split(" "));
  });

  test("one whose result becomes stale meanwhile is behind those without a result", () => {
    const { started, add, release } = limited();
    const result = { isCurrent: true };
    add("old", result);
    add("new", { isCurrent: false });
    add("known");
    result.isCurrent = false;
    for (let left = 0; left < 3; left += 1) release();
    assert.deepEqual(started, ["known", "new", "old"]);
  });

  test("fewer run at the same time while results are lost, at least 16, and more again with results that count", () => {
    const limit = new ConcurrencyLimit((action) => action());
    let running = 0;
    for (let number = 0; number < 400; number += 1)
      limit.acquire(() => {
        running += 1;
      });
    const release = () => {
      running -= 1;
      limit.release();
    };
    assert.equal(running, 256);
    const stall = {};
    for (let lost = 0; lost < 100; lost += 1) limit.adapt(stall, true);
    assert.equal(limit.maxRunning, 128, "one stall loses many results");
    for (let ended = 0; ended < 128; ended += 1) release();
    assert.equal(running, 128);
    release();
    assert.equal(running, 128, "a free slot is used again");
    limit.adapt({}, false);
    assert.equal(limit.maxRunning, 128, "while probes are in time, a stall changes nothing");
    for (let stalls = 0; stalls < 10; stalls += 1) limit.adapt({}, true);
    assert.equal(limit.maxRunning, 16);
    for (let counted = 0; counted < 80; counted += 1) limit.adapt(undefined, true);
    assert.equal(limit.maxRunning, 26);
    for (let ended = 0; ended < 120; ended += 1) release();
    assert.equal(running, 26);
    for (let counted = 0; counted < 8_000; counted += 1) limit.adapt(undefined, false);
    assert.equal(limit.maxRunning, 256);
    release();
    assert.equal(running, 150, "what the limit has held back starts");
  });

  test("100,000 starts whose results become stale at once are looked at in parts, and all start", () => {
    const { started, add, release } = limited((action) => action());
    let looks = 0;
    let isCurrent = true;
    const result = {
      get isCurrent() {
        looks += 1;
        return isCurrent;
      },
    };
    for (let number = 0; number < 100_000; number += 1) add(`${number}`, result);
    isCurrent = false;
    looks = 0;
    release();
    assert.ok(looks <= 1_000, `${looks} looks`);
    for (let left = 1; left < 100_000; left += 1) release();
    assert.equal(new Set(started).size, 100_000);
  });

  test("all start, when all results become stale", () => {
    const { started, add, release } = limited();
    const result = { isCurrent: true };
    for (const name of ["a", "b", "c"]) add(name, result);
    result.isCurrent = false;
    for (let left = 0; left < 3; left += 1) release();
    assert.deepEqual(started, ["a", "b", "c"]);
  });
});

/** An engine on a processor that a probe uses for `probeMs`, and a change of a check for `changeMs`. */
class Machine {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "overload-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  readonly dead = new Set<string>();
  readonly failed = new Set<string>();
  probeMs: number;
  probes = 0;
  /** Of all looks of a run, each second, the fewest checks that were SERVING. */
  fewestServing = Number.POSITIVE_INFINITY;
  readonly #unsubscribe: () => void;

  constructor(checks: number, probeMs: number, changeMs: number, options: CheckSettings = {}) {
    this.probeMs = probeMs;
    this.#unsubscribe = subscribe("transition", ({ instance, subject, name, to }) => {
      if (instance !== "overload-test" || subject !== "check") return;
      this.clock.stall(changeMs);
      if (to === "failing") this.failed.add(name);
    });
    for (let number = 0; number < checks; number += 1) {
      const name = `c${number}`;
      this.engine.add({
        name,
        source: { kind: "prober", prober: this.#prober(name) },
        options: { jitter: 0, ...options },
      });
    }
  }

  async run(ms: number): Promise<void> {
    this.fewestServing = Number.POSITIVE_INFINITY;
    let lookAt = this.clock.now();
    for (const until = this.clock.now() + ms; this.clock.now() < until; ) {
      await this.clock.advance(10);
      if (this.clock.now() < lookAt) continue;
      lookAt = this.clock.now() + 1_000;
      this.fewestServing = Math.min(this.fewestServing, this.count("SERVING"));
    }
  }

  /** The number of checks with a status. */
  count(status: string): number {
    return [...this.registry.services()].filter(([name, is]) => name.startsWith("c") && is.status === status).length;
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.engine.stop();
  }

  #prober(name: string): Prober {
    const probe = async (): Promise<ProbeResult> => {
      this.clock.stall(this.probeMs);
      this.probes += 1;
      return this.dead.has(name) ? FAILED : PASSED;
    };
    return { probe, close: () => {} };
  }
}

describe("1,000 checks every 10 s", () => {
  test("on a machine that needs 20 s for them are all late, and none fails or is UNKNOWN", async () => {
    const machine = new Machine(1_000, 14, 0);
    await machine.run(40_000);
    assert.equal(machine.count("SERVING"), 1_000);
    await machine.run(120_000);
    assert.equal(machine.fewestServing, 1_000, "at each look");
    assert.deepEqual([...machine.failed], []);
    await machine.stop();
  });

  test("on a machine that needs 20 s for them tell a dead target", async () => {
    const machine = new Machine(1_000, 14, 0);
    await machine.run(60_000);
    for (const name of ["c0", "c500", "c999"]) machine.dead.add(name);
    await machine.run(90_000);
    assert.deepEqual([...machine.failed].sort(), ["c0", "c500", "c999"]);
    await machine.stop();
  });

  test("are all known in the end where a change costs more than a probe: the daemon does not stay late", async () => {
    // a round of probes takes 7 s, but 23 s with two changes for each: longer than staleAfter
    const machine = new Machine(1_000, 7, 8, { staleAfter: "13s" });
    await machine.run(240_000);
    assert.equal(machine.count("SERVING"), 1_000);
    await machine.stop();
  });
});
