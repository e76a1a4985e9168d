/** Automatic recovery over real checks, with a clock of the test. Its programs are real. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import { type Published, publish, subscribe } from "../../src/core/channels.js";
import { REASONS, type ReasonCode } from "../../src/core/reasons.js";
import { Recovery } from "../../src/hooks/recovery.js";
import { RECOVERY_DEFAULTS, type RecoveryRule } from "../../src/hooks/recovery-rules.js";
import { type Discovered, fail, type ProbeResult } from "../../src/probers/prober.js";
import { Registry } from "../../src/registry/registry.js";
import { Journal } from "../../src/telemetry/journal.js";
import { PASSED, ScriptedProber } from "../checks/scripted-prober.js";
import { eventually } from "../support/eventually.js";
import { findProcesses } from "../support/processes.js";
import { VirtualClock } from "../support/virtual-clock.js";

const INSTANCE = "recovery-test";
const SECOND = 1_000;
const MINUTE = 60_000;

/** Writes what the program got into a file, a line for each run. */
const NOTE = 'echo "$HEALTHBRIDGE_SERVICE $HEALTHBRIDGE_REASON $HEALTHBRIDGE_ATTEMPT $#" >> "$0"';

/** Checks with scripted targets, and a recovery that notes each run. */
class Site {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ clock: this.clock, instance: INSTANCE });
  readonly engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
  readonly results = new Map<string, ProbeResult>();
  readonly steps: Published<"recovery">[] = [];
  readonly maintenance = new Set<string>();
  readonly folder: string;
  recovery: Recovery | undefined;
  journal: Journal | undefined;

  constructor(t: TestContext, names: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), "healthbridge-recovery-"));
    const unsubscribe = subscribe("recovery", (step) => this.steps.push(step));
    for (const name of names) {
      const source = { kind: "prober", prober: this.#prober(name) } as const;
      this.engine.add({ name, source, options: { jitter: 0 } });
    }
    t.after(async () => {
      await this.recovery?.stop();
      unsubscribe();
      this.engine.stop();
      await this.journal?.close();
      assert.equal(this.clock.pendingTimers, 0);
      rmSync(this.folder, { recursive: true });
    });
  }

  get file(): string {
    return join(this.folder, "runs");
  }

  /** The lines that programs have written. */
  get runs(): readonly string[] {
    return existsSync(this.file) ? readFileSync(this.file, "utf8").trim().split("\n") : [];
  }

  start(rule: Partial<RecoveryRule> = {}): this {
    const { registry: reader, clock, journal } = this;
    const isInMaintenance = (service: string) => this.maintenance.has(service);
    const deps = { reader, clock, journal, environment: { PATH: process.env.PATH, SECRET: "x" }, isInMaintenance };
    this.recovery = new Recovery([this.rule(rule)], deps);
    return this;
  }

  rule(rule: Partial<RecoveryRule>): RecoveryRule {
    const command = ["/bin/sh", "-c", NOTE, this.file];
    return { name: "restart", command, services: ["*"], ...RECOVERY_DEFAULTS, ...rule };
  }

  isolate(): void {
    this.engine.setIsolation({ selfCheck: { kind: "prober", prober: this.#prober("self") }, settings: { jitter: 0 } });
  }

  #prober(name: string): ScriptedProber {
    const prober = new ScriptedProber(() => this.clock.now());
    prober.probe = async () => this.results.get(name) ?? PASSED;
    return prober;
  }

  fail(name: string, reason: ReasonCode = "refused"): void {
    this.results.set(name, fail(reason, "down"));
  }

  heal(name: string): void {
    this.results.delete(name);
  }

  /** Lets time pass, in steps of a second: programs that end do so in real time. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += SECOND) {
      await this.clock.advance(SECOND);
      await eventually(() => this.runningCount === 0, "the programs end");
    }
  }

  get runningCount(): number {
    const count = (step: string) => this.steps.filter((each) => each.step === step).length;
    return count("started") - count("ended");
  }

  stepsOf(step: string): readonly Published<"recovery">[] {
    return this.steps.filter((each) => each.step === step);
  }
}

test("a service that fails is recovered once it has failed for `after`, and the program gets what it is about as variables", async (t) => {
  const site = new Site(t, ["web", "db", "mail"]).start();
  await site.pass(5 * SECOND);
  site.fail("web");
  // three failures: at 10 s, 12 s and 14 s
  await site.pass(38 * SECOND);
  assert.equal(site.registry.read("web")?.status, "NOT_SERVING");
  assert.deepEqual(site.runs, []);
  await site.pass(4 * SECOND);
  assert.deepEqual(site.runs, ["web refused 1 0"]);
  const [ended] = site.stepsOf("ended");
  assert.ok(ended?.step === "ended" && ended.outcome === "success");
  site.heal("web");
  await site.pass(10 * MINUTE);
  assert.equal(site.runs.length, 1, "it has recovered");
});

test("a service that keeps failing is recovered `maxRuns` times, with the cool-down in between, then given up", async (t) => {
  const site = new Site(t, ["web", "db", "mail"]).start();
  site.fail("web");
  await site.pass(60 * MINUTE);
  assert.deepEqual(site.runs, ["web refused 1 0", "web refused 2 0", "web refused 3 0"]);
  assert.equal(site.stepsOf("gave-up").length, 1);
  await site.pass(120 * MINUTE);
  assert.equal(site.runs.length, 3);
});

describe("no program is run", () => {
  /** What is done beside the failure of one of three services. */
  const causes: Readonly<Record<string, (site: Site) => void>> = {
    "during a drain of all": (site) => site.registry.drain(),
    "for a service that is drained": (site) => site.engine.publisher.setDrained("web", true),
    "for a service in maintenance": (site) => void site.maintenance.add("web"),
    "while the self-check fails": (site) => {
      site.isolate();
      site.results.set("self", fail("refused", "down"));
    },
    "for a check that is removed": (site) => void site.engine.remove("web"),
  };
  for (const [label, cause] of Object.entries(causes))
    test(label, async (t) => {
      const site = new Site(t, ["web", "db", "mail"]).start();
      await site.pass(5 * SECOND);
      cause(site);
      site.fail("web");
      await site.pass(10 * MINUTE);
      assert.deepEqual(site.runs, []);
    });

  test("after the hold of the isolation rule has ended, while the self-check still fails", async (t) => {
    const names = ["a", "b", "c", "d", "e"];
    const site = new Site(t, names).start({ maxFailing: 1, maxShare: 1 });
    site.isolate();
    await site.pass(15 * SECOND);
    for (const name of [...names, "self"]) site.fail(name);
    await site.pass(10 * MINUTE);
    assert.equal(site.registry.read("a")?.status, "NOT_SERVING", "the hold is over");
    assert.deepEqual(site.runs, []);
    assert.ok(site.stepsOf("refused").every((step) => step.step === "refused" && step.cause === "isolated"));
    site.heal("self");
    await site.pass(25 * SECOND);
    assert.deepEqual(site.runs, [], "`after` counts from its next pass");
    await site.pass(2 * MINUTE);
    assert.equal(site.runs.length, 5, "the network works, so the targets are down");
  });

  test("for more than half of the services at once", async (t) => {
    const site = new Site(t, ["a", "b", "c", "d"]).start();
    for (const name of ["a", "b", "c"]) site.fail(name);
    await site.pass(30 * MINUTE);
    assert.deepEqual(site.runs, []);
    assert.deepEqual(
      new Set(site.stepsOf("refused").map((step) => step.step === "refused" && step.cause)),
      new Set(["group"]),
    );
    assert.equal(site.stepsOf("refused").length, 3, "said once for each service");
  });

  test("right after the start: a failure must last `after`, as seen by this process", async (t) => {
    const site = new Site(t, ["web", "db", "mail"]);
    site.fail("web");
    await site.pass(10 * MINUTE);
    site.start();
    await site.pass(29 * SECOND);
    assert.deepEqual(site.runs, []);
    await site.pass(12 * SECOND);
    assert.equal(site.runs.length, 1);
  });
});

describe("a stall of this process starts `after` again", () => {
  const stalls: Readonly<Record<string, (site: Site) => void>> = {
    "on the channel": () => publish("stall", { instance: INSTANCE, stallMs: 700 }),
    "seen by a late tick": (site) => site.clock.stall(30 * SECOND),
  };
  for (const [label, stall] of Object.entries(stalls))
    test(label, async (t) => {
      const site = new Site(t, ["web", "db", "mail"]).start();
      site.fail("web");
      await site.pass(25 * SECOND);
      stall(site);
      await site.pass(25 * SECOND);
      assert.deepEqual(site.runs, []);
      await site.pass(20 * SECOND);
      assert.equal(site.runs.length, 1);
    });
});

describe("of the reasons of a failing check, those that no failure of a target gives are no evidence", () => {
  const NONE = ["unknown", "prober", "auth-server", "descriptors", "forbidden"];
  const ofState = ["prober-isolated", "stale", "pending", "initial", "changed"];
  const ofWarnings = ["tls-ending", "slow"];
  // `Object.keys` forgets the type of the keys
  const reasons = Object.keys(REASONS) as ReasonCode[];
  for (const reason of reasons.filter((each) => ![...ofState, ...ofWarnings].includes(each)))
    test(reason, async (t) => {
      const site = new Site(t, ["web", "db", "mail"]).start({ afterMs: 0 });
      site.results.set("web", fail(reason, "down"));
      await site.pass(12 * SECOND);
      assert.equal(site.runs.length, NONE.includes(reason) ? 0 : 1);
    });

  test("an initial state", async (t) => {
    const site = new Site(t, ["db", "mail"]).start({ afterMs: 0 });
    const prober = new ScriptedProber(() => site.clock.now());
    prober.probe = () => new Promise(() => {});
    const options = { initialState: "failing", timeout: "20s", interval: "30s" } as const;
    site.engine.add({ name: "web", source: { kind: "prober", prober }, options });
    await site.pass(10 * SECOND);
    assert.equal(site.registry.read("web")?.status, "NOT_SERVING");
    assert.deepEqual(site.runs, []);
  });

  test("a failing check that has just passed again", async (t) => {
    const site = new Site(t, ["web", "db", "mail"]).start();
    site.fail("web");
    await site.pass(25 * SECOND);
    site.heal("web");
    // `after` is over at 31 s; the check passes at 30 s and 32 s
    await site.pass(20 * SECOND);
    assert.deepEqual(site.runs, []);
    assert.equal(site.registry.read("web")?.status, "SERVING");
  });
});

test("services that are drained do not count as failing", async (t) => {
  const site = new Site(t, ["a", "b", "c", "d", "e"]).start({ maxFailing: 0.3 });
  for (const name of ["a", "b"]) site.engine.publisher.setDrained(name, true);
  site.fail("c");
  await site.pass(45 * SECOND);
  assert.deepEqual(site.runs, ["c refused 1 0"]);
});

test("a process that was stopped is noticed by a late tick, also if no check measures the event loop", async (t) => {
  const site = new Site(t, []).start();
  const failAgain = () => {
    const times = { latencyMs: 1, startLagMs: 0, certificateEndsAt: undefined };
    publish("probe", {
      instance: INSTANCE,
      check: "web",
      outcome: "fail",
      reason: "refused",
      detail: "down",
      ...times,
    });
  };
  const report = { name: "web", state: "failing", critical: true, counted: true, startup: true, held: false } as const;
  site.registry.report({ ...report, reason: "refused", latencyMs: 1, lastResultAt: 1, since: 1, services: [] });
  site.registry.set("web", "NOT_SERVING", { reason: "refused" });
  failAgain();
  await site.pass(5 * SECOND);
  site.clock.stall(60 * SECOND);
  await site.clock.advance(0);
  failAgain();
  await site.pass(29 * SECOND);
  assert.deepEqual(site.runs, []);
  await site.pass(2 * SECOND);
  assert.equal(site.runs.length, 1);
});

test("a service over checks is recovered when one of them fails; one that is in maintenance is not", async (t) => {
  const site = new Site(t, ["web", "db", "mail"]);
  site.engine.declareServices([{ name: "shop", policy: { kind: "all" }, members: ["web", "db"] }]);
  site.start({ services: ["shop"] });
  site.fail("db");
  site.maintenance.add("shop");
  await site.pass(2 * MINUTE);
  assert.deepEqual(site.runs, []);
  site.maintenance.clear();
  await site.pass(45 * SECOND);
  assert.deepEqual(site.runs, ["shop refused 1 0"]);
});

test("a Celery worker is recovered when Flower calls it offline, and not while Flower cannot be asked", async (t) => {
  const site = new Site(t, ["flower"]).start({ services: ["celery.worker/*"] });
  const workers = (offline: string): ProbeResult => {
    const states = ["a", "b", "c"].map((name): readonly [string, Discovered] => [
      `celery.worker/${name}`,
      name === offline ? { outcome: "fail", reason: "offline" } : { outcome: "pass" },
    ]);
    return { ...PASSED, discovered: new Map(states) };
  };
  site.results.set("flower", workers("b"));
  await site.pass(11 * SECOND);
  site.results.set("flower", fail("refused", "down"));
  await site.pass(2 * MINUTE);
  assert.deepEqual(site.runs, []);
  site.results.set("flower", workers("b"));
  await site.pass(42 * SECOND);
  assert.deepEqual(site.runs, ["celery.worker/b offline 1 0"]);
});

test("a restart of healthbridge keeps runs, cool-downs and what was given up", async (t) => {
  const site = new Site(t, ["web", "db", "mail"]);
  const folder = join(site.folder, "state");
  const open = () => Journal.open(folder, { clock: site.clock, instance: INSTANCE });
  const restart = async () => {
    await site.recovery?.stop();
    const closing = site.journal?.close();
    await site.clock.advance(1);
    await closing;
    site.journal = await open();
    site.start();
  };
  site.fail("web");
  await restart();
  const stored: number[] = [];
  const unsubscribe = subscribe("recovery", () => {
    stored.push(Object(site.journal?.get("recovery", "web")).endedAt - site.clock.wallTime());
  });
  t.after(unsubscribe);
  await site.pass(MINUTE);
  assert.equal(site.runs.length, 1);
  assert.deepEqual(stored, [MINUTE, 0], "while it runs, its end is the latest possible one, then the real one");
  await restart();
  await site.pass(4 * MINUTE);
  assert.equal(site.runs.length, 1, "cool-down");
  await site.pass(2 * MINUTE);
  assert.equal(site.runs.at(-1), "web refused 2 0");
  await site.pass(20 * MINUTE);
  assert.equal(site.runs.length, 3);
  assert.equal(site.stepsOf("gave-up").length, 1);
  await restart();
  assert.equal(site.stepsOf("gave-up").length, 2, "said again");
  await site.pass(90 * MINUTE);
  assert.equal(site.runs.length, 3, "given up, also when the runs are older than the window");
});

test("a record of another version, or of a wall clock that was set back, blocks a service for a bounded time", async (t) => {
  const site = new Site(t, ["web", "db", "mail"]);
  site.journal = await Journal.open(join(site.folder, "state"), { clock: site.clock, instance: INSTANCE });
  const future = site.clock.wallTime() + 365 * 86_400_000;
  site.journal.put("recovery", "web", { runs: [future, "x", null], endedAt: future, gaveUp: 1 });
  for (const [index, value] of [null, 7, [], { runs: {}, endedAt: "x" }].entries())
    site.journal.put("recovery", `other-${index}`, value);
  site.start();
  site.fail("web");
  await site.pass(64 * MINUTE);
  assert.deepEqual(site.runs, []);
  await site.pass(3 * MINUTE);
  assert.deepEqual(site.runs, ["web refused 1 0"], "an hour, and the cool-down");
});

test("a reload keeps cool-downs and counts, and the program that runs", async (t) => {
  const site = new Site(t, ["web", "db", "mail"]).start();
  site.fail("web");
  await site.pass(50 * SECOND);
  assert.equal(site.runs.length, 1);
  site.recovery?.reload([site.rule({ afterMs: 0, name: "other" })], false);
  await site.pass(4 * MINUTE);
  assert.equal(site.runs.length, 1, "cool-down");
  await site.pass(2 * MINUTE);
  assert.equal(site.runs.at(-1), "web refused 2 0");
  site.recovery?.reload([], false);
  await site.pass(20 * MINUTE);
  assert.equal(site.runs.length, 2);
});

describe("a program that ends badly counts as a run", () => {
  const sh = (script: string) => ["/bin/sh", "-c", script];
  const rows: Readonly<Record<string, readonly [command: readonly string[], outcome: string, detail: RegExp]>> = {
    "with an exit code": [sh("echo no such unit >&2; exit 5"), "failure", /^exit code 5: no such unit$/],
    "by a signal": [sh("kill -9 $$"), "failure", /^ended by SIGKILL, without output$/],
    "that is not there": [["/nowhere/at/all"], "not-started", /ENOENT/],
    "that the system refuses": [[`/${"x".repeat(5_000)}`], "not-started", /ENAMETOOLONG/],
    "and prints a secret": [[...sh('echo "token $1"; exit 1'), "x", "--token=hunter2-hunter2"], "failure", /\*\*\*$/],
  };
  for (const [label, [command, outcome, detail]] of Object.entries(rows))
    test(label, async (t) => {
      const site = new Site(t, ["web", "db", "mail"]).start({ command });
      site.fail("web");
      await site.pass(60 * MINUTE);
      const ends = site.stepsOf("ended");
      assert.equal(ends.length, 3);
      for (const end of ends) {
        assert.ok(end.step === "ended");
        assert.equal(end.outcome, outcome);
        assert.match(end.detail, detail);
      }
      assert.equal(site.stepsOf("gave-up").length, 1);
    });
});

test("a program that hangs, forks and ignores SIGTERM is killed with its group at its timeout, and not run twice meanwhile", async (t) => {
  const mark = `healthbridge-recovery-hang-${process.pid}`;
  const script = `trap '' TERM; sh -c 'trap "" TERM; while :; do sleep 1; done' ${mark} & while :; do sleep 1; done`;
  const site = new Site(t, ["web", "db", "mail"]).start({
    command: ["/bin/sh", "-c", script, mark],
    timeoutMs: MINUTE,
  });
  site.fail("web");
  await site.clock.advance(45 * SECOND);
  await eventually(() => findProcesses(mark).length >= 2, "it runs");
  await site.clock.advance(59 * SECOND - 4 * SECOND);
  assert.equal(site.stepsOf("started").length, 1);
  await site.clock.advance(20 * SECOND);
  await eventually(() => findProcesses(mark).length === 0, "all of it is killed");
  await eventually(() => site.stepsOf("ended").length === 1, "it has ended");
  const [end] = site.stepsOf("ended");
  assert.ok(end?.step === "ended" && end.outcome === "timeout");
});

test("a process that ignores SIGTERM is killed at the timeout also if the program itself ends", async (t) => {
  const mark = `healthbridge-recovery-left-${process.pid}`;
  const script = `sh -c 'trap "" TERM; while :; do sleep 1; done' ${mark} & sleep 60; :`;
  const site = new Site(t, ["web"]).start({ command: ["/bin/sh", "-c", script], timeoutMs: MINUTE });
  site.fail("web");
  await site.clock.advance(45 * SECOND);
  await eventually(() => findProcesses(mark).length === 2, "it runs");
  await site.clock.advance(50 * SECOND);
  await eventually(() => findProcesses(mark).length === 1, "SIGTERM ends the program alone");
  await site.clock.advance(SECOND);
  await eventually(() => site.stepsOf("ended").length === 1, "it has ended");
  await site.clock.advance(10 * SECOND);
  await eventually(() => findProcesses(mark).length === 0, "no process is left");
});

test("what a program has started stays when it ends", async (t) => {
  const mark = `healthbridge-recovery-child-${process.pid}`;
  const script = `sh -c 'sleep 1000; :' ${mark} > /dev/null 2>&1 & exit 0`;
  const site = new Site(t, ["web", "db", "mail"]).start({ command: ["/bin/sh", "-c", script] });
  t.after(() => {
    for (const pid of findProcesses(mark)) process.kill(pid, "SIGKILL");
  });
  site.fail("web");
  await site.pass(50 * SECOND);
  assert.equal(site.stepsOf("ended").length, 1);
  await eventually(() => findProcesses(mark).length === 1, "its child goes on");
});

test("the shutdown waits for a program that runs, at most 10 s, and then leaves it alone", async (t) => {
  const mark = `healthbridge-recovery-left-${process.pid}`;
  const site = new Site(t, ["web", "db", "mail"]).start({ command: ["/bin/sh", "-c", "sleep 1000; :", mark] });
  t.after(() => {
    for (const pid of findProcesses(mark)) process.kill(pid, "SIGKILL");
  });
  site.fail("web");
  await site.clock.advance(45 * SECOND);
  await eventually(() => findProcesses(mark).length === 1, "it runs");
  let isStopped = false;
  const stopping = site.recovery?.stop().then(() => {
    isStopped = true;
  });
  await site.clock.advance(9_999);
  assert.equal(isStopped, false);
  await site.clock.advance(1);
  await stopping;
  assert.equal(site.stepsOf("left").length, 1);
  // a shell that has just forked is there twice
  await eventually(() => findProcesses(mark).length === 1, "it is not killed");
});
