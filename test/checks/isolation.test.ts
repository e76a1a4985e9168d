import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { collectFaults } from "../support/faults.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { FAILED, PASSED, ScriptedProber } from "./scripted-prober.js";

/** Targets behind one network, and a self-check. */
class Site {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: "isolation-test" });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  readonly transitions: string[] = [];
  readonly held: number[] = [];
  readonly down = new Set<string>();
  readonly unsubscribe: () => void;

  constructor(count: number, settings: CheckSettings = {}, selfCheck = true) {
    for (let index = 0; index < count; index += 1) {
      const name = `c${index}`;
      const source = { kind: "prober", prober: this.prober(name), passive: true } as const;
      this.engine.add({ name, source, options: { jitter: 0, ...settings } });
    }
    if (selfCheck)
      this.engine.setIsolation({ selfCheck: { kind: "prober", prober: this.prober("self") }, settings: { jitter: 0 } });
    this.registry.onTransition(({ subject, name, to }) => {
      if (subject === "service" && name !== "") this.transitions.push(`${this.clock.now() / 1000} ${name} ${to}`);
    });
    this.unsubscribe = subscribe("isolation", ({ instance, held }: Published<"isolation">) => {
      if (instance === "isolation-test") this.held.push(held);
    });
  }

  prober(name: string): ScriptedProber {
    const prober = new ScriptedProber(() => this.clock.now());
    prober.probe = async (): Promise<ProbeResult> => (this.down.has(name) ? FAILED : PASSED);
    return prober;
  }

  cut(...names: string[]): void {
    for (const name of names) this.down.add(name);
  }

  heal(): void {
    this.down.clear();
  }

  /** The transitions, without their times. */
  changes(): readonly string[] {
    return this.transitions.map((text) => text.split(" ").slice(1).join(" "));
  }

  status(name: string): string | undefined {
    return this.registry.read(name)?.status;
  }

  report(name: string) {
    return [...this.registry.checks()].find((check) => check.name === name);
  }

  end(): void {
    this.unsubscribe();
    this.engine.stop();
    assert.equal(this.clock.pendingTimers, 0);
  }
}

const ALL_FIVE = ["c0", "c1", "c2", "c3", "c4"];

test("when more than half of at least 4 checks fail and the self-check fails too, statuses are held for at most 60 s and marked [A132]", async () => {
  const site = new Site(5);
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(60_000);
  assert.deepEqual(site.transitions, []);
  assert.equal(site.status("c0"), "SERVING");
  assert.deepEqual([site.report("c0")?.held, site.report("c0")?.reason], [true, "prober-isolated"]);
  assert.equal(site.held.at(-1), 5);
  // they failed at 10 s + 2 edge intervals
  await site.clock.advance(8_999);
  assert.deepEqual(site.transitions, []);
  await site.clock.advance(1);
  assert.deepEqual(
    site.transitions,
    ALL_FIVE.map((name) => `74 ${name} NOT_SERVING`),
  );
  assert.equal(site.registry.read("c0")?.reason, "refused", "for the reason of its failures");
  assert.equal(site.held.at(-1), 0);
  site.end();
});

test("when the network is back, a held check keeps its state, and a failed one recovers by its threshold [A132]", async () => {
  const site = new Site(5);
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(30_000);
  site.heal();
  await site.clock.advance(60_000);
  assert.deepEqual(site.transitions, []);
  assert.deepEqual([site.report("c0")?.held, site.report("c0")?.reason], [false, undefined]);
  assert.equal(site.held.at(-1), 0);
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(100_000);
  assert.equal(site.status("c0"), "NOT_SERVING");
  site.heal();
  await site.clock.advance(20_000);
  assert.equal(site.status("c0"), "SERVING");
  site.end();
});

test("failures that were counted during an isolation are discarded", async () => {
  const site = new Site(5);
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(30_000);
  site.down.delete("self");
  for (const name of ALL_FIVE.slice(1)) site.down.delete(name);
  await site.clock.advance(10_000);
  assert.deepEqual(site.transitions, [], "one failure after the return is one failure");
  await site.clock.advance(20_000);
  assert.deepEqual(site.changes(), ["c0 NOT_SERVING"], "one that is really down falls by its own threshold");
  site.end();
});

test("when half of the checks fail, each is judged alone, within an interval [C12]", async () => {
  const site = new Site(4);
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  site.cut("c0", "c1", "self");
  await site.clock.advance(18_999);
  assert.deepEqual(site.transitions, []);
  await site.clock.advance(1);
  assert.deepEqual(site.transitions, ["24 c0 NOT_SERVING", "24 c1 NOT_SERVING"]);
  assert.ok(site.held.every((count) => count === 0));
  site.end();
});

for (const [label, site] of [
  ["the self-check passes", () => new Site(5)],
  ["there is no self-check", () => new Site(5, {}, false)],
  ["there are fewer than 4 checks", () => new Site(3)],
] as const) {
  test(`all checks fail without a hold if ${label}`, async () => {
    const here = site();
    await here.clock.advance(5_000);
    here.transitions.length = 0;
    here.cut(...ALL_FIVE);
    if (label === "there are fewer than 4 checks") here.cut("self");
    await here.clock.advance(9_000);
    assert.equal(new Set(here.transitions.map((text) => text.split(" ")[0])).size, 1);
    assert.equal(here.transitions[0], "14 c0 NOT_SERVING");
    here.end();
  });
}

test("a pending check has no status to hold: its first failure decides", async () => {
  const site = new Site(5);
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(100);
  assert.equal(site.status("c0"), "NOT_SERVING");
  site.end();
});

test("failures more than an interval apart are not a common failure", async () => {
  const site = new Site(4);
  await site.clock.advance(5_000);
  site.cut("self", "c0");
  await site.clock.advance(40_000);
  site.cut("c1", "c2");
  await site.clock.advance(40_000);
  assert.deepEqual([site.status("c0"), site.status("c1"), site.status("c2")], Array(3).fill("NOT_SERVING"));
  assert.ok(site.held.every((count) => count === 0));
  site.end();
});

test("a check that has failed before the others is part of a common failure for one interval", async () => {
  const site = new Site(4, { interval: "4s", timeout: "1s", unhealthyThreshold: 1 });
  await site.clock.advance(3_000);
  const source = { kind: "prober", prober: site.prober("first"), passive: true } as const;
  site.engine.add({ name: "first", source, options: { jitter: 0, interval: "4s", unhealthyThreshold: 1 } });
  await site.clock.advance(1_500);
  site.cut("first");
  await site.clock.advance(3_000);
  assert.equal(site.status("first"), "NOT_SERVING");
  site.cut("c0", "c1", "self");
  await site.clock.advance(1_000);
  assert.deepEqual([site.held.at(-1), site.status("c0"), site.status("first")], [2, "SERVING", "NOT_SERVING"]);
  site.end();
});

test("the first failure starts the self-check at once, so that its result is known at the threshold", async () => {
  const site = new Site(5, { interval: "2s", timeout: "1s", unhealthyThreshold: 2, edgeInterval: "500ms" });
  await site.clock.advance(1_000);
  site.transitions.length = 0;
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(10_000);
  assert.deepEqual(site.transitions, []);
  site.end();
});

for (const [label, selfIsDown, expected] of [
  ["fails, they are held", true, []],
  [
    "passes, they fail",
    false,
    ["2.5 c0 NOT_SERVING", "2.5 c1 NOT_SERVING", "2.5 c2 NOT_SERVING", "2.5 c3 NOT_SERVING"],
  ],
] as const)
  test(`checks that reach their threshold before the self-check has a result wait for it: if it ${label}`, async () => {
    const site = new Site(4, { interval: "2s", timeout: "500ms", unhealthyThreshold: 1 }, false);
    const slow = site.prober("self");
    slow.probe = () =>
      new Promise((resolve) => {
        const isDown = site.down.has("self");
        if (site.clock.now() < 2_000) resolve(PASSED);
        else site.clock.setTimer(500, () => resolve(isDown ? FAILED : PASSED));
      });
    site.engine.setIsolation({ selfCheck: { kind: "prober", prober: slow }, settings: { jitter: 0, interval: "1h" } });
    await site.clock.advance(1_000);
    site.transitions.length = 0;
    site.cut(...ALL_FIVE);
    if (selfIsDown) site.cut("self");
    await site.clock.advance(2_400);
    assert.deepEqual(site.transitions, expected);
    site.end();
  });

test("a held check that is removed is no longer counted, and maxHold can be set", async () => {
  const site = new Site(5);
  site.engine.setIsolation({
    selfCheck: { kind: "prober", prober: site.prober("self") },
    settings: { jitter: 0 },
    maxHold: 5_000,
  });
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(10_000);
  assert.equal(site.held.at(-1), 5);
  site.engine.remove("c0");
  await site.clock.advance(0);
  assert.equal(site.held.at(-1), 4);
  await site.clock.advance(4_000);
  assert.deepEqual(site.transitions.slice(1), [
    "19 c1 NOT_SERVING",
    "19 c2 NOT_SERVING",
    "19 c3 NOT_SERVING",
    "19 c4 NOT_SERVING",
  ]);
  site.end();
});

test("when the self-check is removed, nothing is held from the next failure on", async () => {
  const site = new Site(5);
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(20_000);
  site.engine.setIsolation(undefined);
  await site.clock.advance(30_000);
  assert.equal(site.transitions.length, 5);
  site.end();
});

test("another hold or schedule keeps the self-check; another self-check, or none, closes it without a fault", async (t) => {
  const faults = collectFaults(t, "isolation-test");
  const site = new Site(5, {}, false);
  const [first, second] = [site.prober("self"), site.prober("self")];
  const isolateBy = (prober: ScriptedProber, interval: string, maxHold: number) =>
    site.engine.setIsolation({
      selfCheck: { kind: "prober", prober },
      settings: { jitter: 0, interval, timeout: "1s" },
      maxHold,
    });
  isolateBy(first, "10s", 60_000);
  await site.clock.advance(5_000);
  site.transitions.length = 0;
  isolateBy(first, "5s", 5_000);
  site.cut(...ALL_FIVE, "self");
  await site.clock.advance(10_000);
  assert.deepEqual([first.closed, site.held.at(-1), site.transitions.length], [false, 5, 0], "held, as before");
  await site.clock.advance(5_000);
  assert.equal(site.transitions.length, 5, "for the new time");
  isolateBy(second, "5s", 5_000);
  assert.deepEqual([first.closed, second.closed], [true, false]);
  site.engine.setIsolation(undefined);
  assert.deepEqual([second.closed, faults], [true, []]);
  site.end();
});

test("a self-check that cannot be closed is a fault, and the next one runs", async (t) => {
  const faults = collectFaults(t, "isolation-test");
  const site = new Site(4);
  const broken = site.prober("self");
  const error = new Error("not closed");
  broken.close = () => {
    throw error;
  };
  site.engine.setIsolation({ selfCheck: { kind: "prober", prober: broken } });
  site.engine.setIsolation(undefined);
  assert.deepEqual(faults, [{ instance: "isolation-test", where: "the end of a check", error }]);
  site.end();
});

test("checks that reach their threshold before a new self-check has its first result wait for it", async () => {
  const site = new Site(4, { interval: "2s", timeout: "500ms", unhealthyThreshold: 1 }, false);
  await site.clock.advance(1_000);
  const slow = new ScriptedProber(() => site.clock.now());
  site.engine.setIsolation({
    selfCheck: { kind: "prober", prober: slow },
    settings: { jitter: 0, interval: "1h", timeout: "1m" },
  });
  site.transitions.length = 0;
  site.cut(...ALL_FIVE);
  await site.clock.advance(2_000);
  assert.deepEqual([site.transitions, site.status("c0")], [[], "SERVING"]);
  slow.last.answer(PASSED);
  await site.clock.advance(0);
  assert.equal(site.transitions.length, 4);
  site.end();
});
