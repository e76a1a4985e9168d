/** What an application does while a configuration is applied in turns of the event loop. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckDeclaration, ChecksConfig } from "../../src/checks/declarations.js";
import type { StoredReport } from "../../src/checks/heartbeat-reports.js";
import { systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/daemon/health.js";
import { Registry } from "../../src/registry/registry.js";

/** So many checks that applying them takes several turns, beside the named ones. */
function configOf(names: readonly string[], more: Partial<ChecksConfig> = {}, count = 4_000): ChecksConfig {
  const check = (name: string): CheckDeclaration => ({
    name,
    source: { kind: "function", call: () => new Promise(() => {}) },
    options: { services: [`of-${name}`] },
  });
  const many = Array.from({ length: count }, (_, index) => check(`many-${index}`));
  return { checks: [...names.map(check), ...many], services: [], isolation: undefined, allowLinkLocal: false, ...more };
}

const all = (name: string, ...members: string[]) => ({ name, policy: { kind: "all" as const }, members });

const NOTHING: ChecksConfig = { checks: [], services: [], isolation: undefined, allowLinkLocal: false };

/** Calls `act` in every turn until a change is complete. Returns the number of turns. */
async function duringEveryTurn(change: Promise<void>, act: (turn: number) => void): Promise<number> {
  let [turns, isDone] = [0, false];
  const done = change.finally(() => {
    isDone = true;
  });
  await Promise.resolve();
  while (!isDone) {
    turns += 1;
    act(turns);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  return turns;
}

function healthOf(t: TestContext): Health {
  const health = new Health();
  t.after(() => health.shutdown());
  return health;
}

/** Calls something, and returns whether it was allowed. It may only be refused because the name has another writer. */
function isAllowed(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    assert.equal(Reflect.get(Object(error), "code"), "DUPLICATE_NAME", String(error));
    return false;
  }
}

test("a name that a configuration is about to make cannot be set or cleared by hand", async (t) => {
  const health = healthOf(t);
  const config = configOf(["a"], { services: [all("top", "a")] });
  const turns = await duringEveryTurn(health.reconfigure(config), (turn) => {
    for (const name of ["a", "of-a", "top", "", "many-3999", "of-many-3999"]) {
      assert.equal(
        isAllowed(() => health.set(name, "SERVING")),
        false,
        `set ${name} in turn ${turn}`,
      );
      assert.equal(
        isAllowed(() => health.clear(name)),
        false,
        `clear ${name} in turn ${turn}`,
      );
    }
  });
  assert.ok(turns > 2, `${turns} turns`);
  for (const name of ["a", "of-a", "top", ""]) assert.equal(health.status(name), "UNKNOWN", name);
});

test("a name that a configuration frees is set by hand in any turn, and stays", async (t) => {
  const health = healthOf(t);
  await health.reconfigure(configOf(["a"], { services: [all("top", "a")] }));
  const freed = ["a", "of-a", "top", "", "many-3999", "of-many-0"];
  const set = new Map<string, number>();
  await duringEveryTurn(health.reconfigure(NOTHING), (turn) => {
    for (const name of freed)
      if (!set.has(name) && isAllowed(() => health.set(name, "NOT_SERVING"))) set.set(name, turn);
  });
  for (const name of freed)
    if (set.has(name)) assert.equal(health.status(name), "NOT_SERVING", `${name}, set in turn ${set.get(name)}`);
  assert.ok(set.size > 0);
});

test("a configuration that is refused reserves no name", async (t) => {
  const health = healthOf(t);
  health.set("b", "SERVING");
  await assert.rejects(health.reconfigure(configOf(["a", "b"])), { code: "DUPLICATE_NAME" });
  for (const name of ["a", "", "of-a"]) assert.equal(health.set(name, "SERVING"), true);
});

test("configurations that come at the same time are applied one after the other", async (t) => {
  const health = healthOf(t);
  let calls = 0;
  const call = () => {
    calls += 1;
  };
  const check = { name: "a", source: { kind: "function", call }, options: { interval: "100ms" } } as const;
  const first = configOf([]);
  await Promise.all([
    health.reconfigure({ ...first, checks: [check, ...first.checks] }),
    health.reconfigure({ ...NOTHING, checks: [{ ...check }] }),
    health.reconfigure(configOf(["b"], {}, 0)),
  ]);
  assert.deepEqual([...health.list().keys()].sort(), ["", "b", "of-b"]);
  const before = calls;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(calls, before, "the removed check has ended");
});

test("until a configuration is applied, every other change of the checks is refused and changes nothing", async (t) => {
  const health = healthOf(t);
  await health.reconfigure(configOf(["a"], {}, 0));
  const changes = {
    check: () => health.check("late", () => true),
    heartbeat: () => health.heartbeat("late", { ttl: "1m" }),
    removeCheck: () => health.removeCheck("a"),
    declareServices: () => health.declareServices([all("late", "a")]),
    isolate: () => health.isolate({ selfCheck: () => true }),
    configure: () => health.configure(NOTHING),
  };
  await duringEveryTurn(
    Promise.all([health.reconfigure(configOf(["a"])), health.reconfigure(configOf(["a"]))]).then(() => {}),
    () => {
      for (const [name, change] of Object.entries(changes)) assert.throws(change, { code: "CHANGE_RUNNING" }, name);
    },
  );
  assert.equal(health.status("late"), undefined);
  assert.equal(health.removeCheck("a"), true);
});

test("the checks can be changed again after a configuration was refused", async (t) => {
  const health = healthOf(t);
  health.set("b", "SERVING");
  const refused = health.reconfigure(configOf(["a", "b"]));
  await assert.rejects(refused, { code: "DUPLICATE_NAME" });
  health.check("a", () => true);
});

test("a configuration that waits for another one is not applied after the shutdown", async () => {
  const health = new Health();
  const both = [health.reconfigure(configOf(["a"])), health.reconfigure(configOf(["b"], {}, 0))];
  const outcomes = Promise.allSettled(both);
  await health.shutdown();
  assert.deepEqual(
    (await outcomes).map((outcome) => outcome.status === "rejected" && Reflect.get(outcome.reason, "code")),
    ["ALREADY_STOPPED", "ALREADY_STOPPED"],
  );
  assert.equal(health.status("b"), undefined);
});

test("a report that comes while a configuration is applied counts and is stored; a stored one no longer counts", async () => {
  const clock = systemClock; // turns end by its time
  const registry = new Registry({ clock, instance: "reconfigure-test" });
  const engine = new CheckEngine({ writer: registry, clock, random: () => 0.5 });
  const reports = new Map<string, StoredReport>([["job", { report: "pass", at: clock.wallTime() - 1_000 }]]);
  engine.keepReports({
    read: (name) => reports.get(name),
    write: (name, last) => void reports.set(name, last),
    remove: (name) => void reports.delete(name),
  });
  const source = { kind: "heartbeat", ttl: "1h", token: "secret" } as const;
  const { checks } = configOf([], {}, 20_000);
  const config = { ...NOTHING, checks: [...checks, { name: "job", source, options: {} }] };
  let turn: number | undefined;
  const turns = await duringEveryTurn(engine.configureInTurns(config), (now) => {
    if (turn === undefined && engine.report("job", "Bearer secret", "fail")) turn = now;
  });
  assert.ok(turn !== undefined && turn < turns, `reported in turn ${turn} of ${turns}`);
  assert.equal(registry.read("job")?.status, "NOT_SERVING");
  assert.equal(reports.get("job")?.report, "fail");
  engine.stop();
});
