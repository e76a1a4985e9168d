/** A configuration that is applied in many turns of the event loop: what is seen, and what can be done, in each of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckDeclaration, ChecksConfig } from "../../src/checks/declarations.js";
import type { ReportStore, StoredReport } from "../../src/checks/heartbeat-reports.js";
import { HealthError } from "../../src/core/health-error.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { PASSED, ScriptedProber } from "./scripted-prober.js";

/** A clock that moves with every reading: a turn ends after two steps. */
class SlowClock extends VirtualClock {
  override now(): number {
    this.stall(5);
    return super.now();
  }
}

const EMPTY: ChecksConfig = { checks: [], services: [], isolation: undefined, allowLinkLocal: false };
const all = (name: string, ...members: string[]) => ({ name, policy: { kind: "all" as const }, members });
const TOKEN = "secret";

class Bench {
  readonly registry: Registry;
  readonly engine: CheckEngine;
  readonly byHand = new Set<string>();
  readonly probers: ScriptedProber[] = [];
  readonly transitions: string[] = [];
  readonly #clock = new SlowClock();

  constructor() {
    const clock = this.#clock;
    this.registry = new Registry({ clock, instance: "in-turns-test" });
    const isSetByHand = (name: string) => this.byHand.has(name);
    this.engine = new CheckEngine({ writer: this.registry, clock, random: () => 0.5, isSetByHand });
    this.registry.onTransition(({ subject, name, to }) => {
      if (subject === "service") this.transitions.push(`${name} ${to}`);
    });
  }

  get pendingTimers(): number {
    return this.#clock.pendingTimers;
  }

  check(name: string, ...services: readonly string[]): CheckDeclaration {
    const prober = new ScriptedProber(() => 0, PASSED);
    this.probers.push(prober);
    const options = { services, interval: "1h", timeout: "1m", initialState: "passing" as const };
    return { name, source: { kind: "prober", prober }, options };
  }

  checks(...names: readonly string[]): ChecksConfig {
    return { ...EMPTY, checks: names.map((name) => this.check(name, `of-${name}`)) };
  }

  /** Applies a configuration, and acts in every turn until it is complete. Returns the number of turns. */
  async apply(config: ChecksConfig, act: (turn: number) => void = () => {}): Promise<number> {
    return await inEveryTurn(this.engine.configureInTurns(config), act);
  }

  /** Sets a service by hand, if that is allowed. */
  set(name: string): boolean {
    if (this.engine.ownerOf(name) !== undefined) return false;
    this.byHand.add(name);
    return this.registry.set(name, "NOT_SERVING");
  }
}

async function inEveryTurn(change: Promise<unknown>, act: (turn: number) => void): Promise<number> {
  let isDone = false;
  const end = () => {
    isDone = true;
  };
  change.then(end, end);
  let turns = 0;
  await Promise.resolve();
  while (!isDone) {
    turns += 1;
    act(turns);
    await settle();
  }
  await change;
  return turns;
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

test("readers see the statuses of before a change, and then, at once, those of after it", async () => {
  const bench = new Bench();
  await bench.apply({ ...bench.checks("old"), services: [all("top", "old")] });
  const seen = new Set<string>();
  const turns = await bench.apply(
    { ...bench.checks(...names("new", 6)), services: [all("other", "new0", "new5")] },
    () => seen.add(["old", "top", "new0", "new5", "other"].map((name) => bench.registry.read(name)?.status).join()),
  );
  assert.ok(turns > 10, `${turns} turns`);
  for (const state of seen)
    assert.match(state, /^(SERVING,SERVING,,,|(SERVING|),(SERVING|),SERVING,SERVING,SERVING)$/, "no state in between");
  assert.deepEqual(
    [...bench.registry.services()]
      .map(([name]) => name)
      .sort()
      .join(),
    ["", ...names("new", 6), ...names("of-new", 6), "other"].join(),
  );
  await bench.engine.stop();
});

test("new names are UNKNOWN once, before those that exist change; no name is cleared in between", async () => {
  const bench = new Bench();
  const pending = (name: string, ...services: readonly string[]): CheckDeclaration => {
    const check = bench.check(name, ...services);
    return { ...check, options: { ...check.options, initialState: "pending" } };
  };
  const old = bench.check("old", "shared");
  await bench.apply({ ...EMPTY, checks: [old] });
  bench.transitions.length = 0;
  const checks = [
    old,
    pending("a", "own", "shared"),
    pending("b", "own"),
    ...names("c", 4).map((name) => pending(name)),
  ];
  const seen = new Set<string>();
  await bench.apply({ ...EMPTY, checks }, () => {
    const { status, reason } = bench.registry.read("own") ?? {};
    seen.add(`${status} ${reason} ${bench.registry.read("shared")?.status} ${bench.registry.check("a")?.state}`);
  });
  assert.ok(seen.has("UNKNOWN pending SERVING pending"), `announced before the change: ${[...seen].join("; ")}`);
  assert.deepEqual(bench.transitions, [
    ...["a", "own", "b", ...names("c", 4)].map((name) => `${name} UNKNOWN`),
    "shared UNKNOWN",
    " UNKNOWN",
  ]);
  await bench.engine.stop();
});

test("the names of a configuration have their owners from its start, and are free when it is refused", async () => {
  const bench = new Bench();
  const config = { ...bench.checks(...names("c", 4)), services: [all("top", "c0")] };
  const owners = new Set<string>();
  await bench.apply(config, () =>
    owners.add(["c3", "of-c3", "top", ""].map((name) => bench.engine.ownerOf(name)).join(" | ")),
  );
  assert.deepEqual(
    [...owners],
    [
      `the check "c3" | the option "services" of the check "c3" | the declared service "top" | the checks and the declared services`,
    ],
  );
  await bench.apply(EMPTY);
  const refused = { ...config, services: [all("c1", "c0")] };
  await assert.rejects(bench.apply(refused), { code: "DUPLICATE_NAME" });
  for (const name of ["c1", "of-c3", "top", ""]) assert.equal(bench.engine.ownerOf(name), undefined, name);
  await bench.engine.stop();
});

test("a change that is refused changes nothing, and closes what it has opened", async () => {
  const bench = new Bench();
  await bench.apply(bench.checks("a"));
  const before = [...bench.registry.services()];
  bench.transitions.length = 0;
  const refused = bench.checks(...names("b", 5));
  const seen: unknown[] = [];
  const accept = (violations: readonly unknown[]) => {
    seen.push(violations);
    throw new Error("not wanted");
  };
  await assert.rejects(bench.engine.configureInTurns(refused, accept), /not wanted/);
  assert.deepEqual([seen, bench.transitions, [...bench.registry.services()]], [[[]], [], before]);
  assert.deepEqual(
    bench.probers.map(({ closed }) => closed),
    [false, true, true, true, true, true],
  );
  await bench.engine.stop();
});

test("until all changes are complete, every other change is refused; then the checks can be changed again", async () => {
  const bench = new Bench();
  await bench.apply(bench.checks("a"));
  const { engine } = bench;
  const late = bench.check("late");
  const changes: Readonly<Record<string, () => unknown>> = {
    add: () => engine.add(late),
    remove: () => engine.remove("a"),
    declareServices: () => engine.declareServices([all("late-service", "a")]),
    setIsolation: () => engine.setIsolation({ selfCheck: late.source }),
    configure: () => engine.configure(EMPTY),
  };
  const isBusy = { code: "CHANGE_RUNNING" };
  const both = [engine.configureInTurns(bench.checks("a", "b")), engine.configureInTurns(bench.checks("a", "c"))];
  await inEveryTurn(Promise.all(both), () => {
    for (const [name, change] of Object.entries(changes)) assert.throws(change, isBusy, name);
  });
  assert.deepEqual(
    [...bench.registry.checks()].map(({ name }) => name),
    ["a", "c"],
  );
  await assert.rejects(bench.apply(bench.checks("readiness")), { code: "INVALID_SERVICE_NAME" });
  for (const change of Object.values(changes)) assert.doesNotThrow(change);
  await engine.stop();
});

test("a change comes after those before it, also when one of them is refused", async () => {
  const bench = new Bench();
  const { engine } = bench;
  const outcomes = await Promise.allSettled([
    engine.configureInTurns(bench.checks(...names("a", 5))),
    engine.configureInTurns(bench.checks("readiness")),
    engine.configureInTurns(bench.checks("b")),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(
    [...bench.registry.checks()].map(({ name }) => name),
    ["b"],
  );
  assert.ok(bench.transitions.indexOf("a4 SERVING") < bench.transitions.indexOf("b SERVING"));
  await engine.stop();
});

test("a name that a change frees and that is set by hand meanwhile keeps that status", async () => {
  const bench = new Bench();
  await bench.apply({ ...bench.checks(...names("c", 6)), services: [all("top", "c0")] });
  const freed = ["top", "c1", "of-c5"];
  const done = new Set<string>();
  await bench.apply(bench.checks("other"), () => {
    for (const name of freed) if (!done.has(name) && bench.set(name)) done.add(name);
  });
  assert.deepEqual([...done].sort(), [...freed].sort());
  for (const name of freed) assert.equal(bench.registry.read(name)?.status, "NOT_SERVING", name);
  assert.equal(bench.registry.read("c0"), undefined);
  await bench.engine.stop();
});

test("stopped in any turn, a change is complete or ends with ALREADY_STOPPED, and no check goes on", async () => {
  const outcomes: string[] = [];
  let closedLast = false;
  for (let stopAt = 1; outcomes.at(-1) !== "complete"; stopAt += 1) {
    const bench = new Bench();
    await bench.apply(bench.checks("a", "b", "c"));
    let stopped: Promise<void> | undefined;
    const change = bench.apply(bench.checks("b", "d", "e"), (turn) => {
      if (turn === stopAt) stopped = bench.engine.stop();
    });
    outcomes.push(
      await change.then(
        () => "complete",
        (error: unknown) => (error instanceof HealthError ? error.code : String(error)),
      ),
    );
    await (stopped ?? bench.engine.stop());
    const closed = bench.probers.map((prober) => prober.closed);
    assert.deepEqual([closed.slice(0, 3), bench.pendingTimers], [[true, true, true], 0], `turn ${stopAt}`);
    // a prober that was opened is closed; the others have never been used
    closedLast = closed.every(Boolean);
    assert.ok(
      bench.probers.every(({ closed, looks }) => closed || looks.length === 0),
      `turn ${stopAt}`,
    );
    await assert.rejects(bench.apply(EMPTY), { code: "ALREADY_STOPPED" });
  }
  assert.deepEqual([...new Set(outcomes)], ["ALREADY_STOPPED", "complete"]);
  assert.ok(closedLast);
});

test("the stored report of a heartbeat is removed with it, and stays with a check that becomes one", async () => {
  const bench = new Bench();
  const reports = new Map<string, StoredReport>();
  const removed: string[] = [];
  const store: ReportStore = {
    read: (name) => reports.get(name),
    write: (name, report) => void reports.set(name, report),
    remove: (name) => void removed.push(name),
  };
  bench.engine.keepReports(store);
  const source = { kind: "heartbeat", ttl: "1h", token: TOKEN } as const;
  const heartbeat = (name: string): CheckDeclaration => ({ name, source, options: {} });
  await bench.apply({ ...EMPTY, checks: [heartbeat("gone"), heartbeat("probed"), bench.check("reported")] });
  const next = [bench.check("probed"), heartbeat("reported"), ...bench.checks("x", "y").checks];
  let isReported = false;
  await bench.apply({ ...EMPTY, checks: next }, () => {
    isReported ||= bench.engine.report("reported", `Bearer ${TOKEN}`, "fail") === true;
  });
  assert.deepEqual([removed.sort(), isReported], [["gone", "probed"], true]);
  assert.equal(reports.get("reported")?.report, "fail");
  await bench.engine.stop();
});
