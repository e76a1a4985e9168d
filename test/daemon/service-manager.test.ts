/**
 * What systemd is told, message by message. A script stands in for the program `systemd-notify` and writes down its
 * arguments; test/interop/systemd has the real one.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "../../src/core/clock.js";
import { type Reported, ServiceManager } from "../../src/daemon/service-manager.js";
import { Health } from "../../src/index.js";
import { createLog } from "../../src/telemetry/log.js";
import { eventually } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";

const INSTANCE = "service-manager";
const PID = 42;

class Bench {
  readonly clock = new VirtualClock();
  readonly health = new Health({ instance: INSTANCE, clock: this.clock });
  readonly manager: ServiceManager;
  readonly log: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-notify-"));

  constructor(
    t: TestContext,
    variables: Readonly<Record<string, string>> = {},
    script = `echo "$*" >> "$HOME/told"`,
    clock?: Clock,
  ) {
    const program = join(this.#folder, "systemd-notify");
    if (script !== "") writeFileSync(program, `#!/bin/sh\n${script}\n`);
    if (script !== "") chmodSync(program, 0o755);
    const environment = { PATH: `${this.#folder}:/nowhere`, HOME: this.#folder, NOTIFY_SOCKET: "/run/x", ...variables };
    const log = createLog(INSTANCE, "info", { write: (line) => void this.log.push(line) });
    this.manager = new ServiceManager({ clock: clock ?? this.clock, instance: INSTANCE, log, environment, pid: PID });
    t.after(async () => {
      this.manager.close();
      log.close();
      await this.health.shutdown({ drainDelayMs: 0 });
      rmSync(this.#folder, { recursive: true });
    });
  }

  /** The messages so far. */
  get told(): readonly string[] {
    const file = join(this.#folder, "told");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  async tells(...messages: readonly string[]): Promise<void> {
    await eventually(
      () => this.told.length >= messages.length,
      `${messages.join(", ")}; told: ${this.told.join(", ")}`,
    );
    assert.deepEqual(this.told, messages);
  }

  ready(reported: Reported = this.health.parts): void {
    this.manager.ready(reported);
  }
}

const ONE = "SERVING: 1 of 1 services are SERVING";

test("readiness is told first, then the status in numbers, without a name", async (t) => {
  const bench = new Bench(t);
  bench.ready();
  await bench.tells("READY=1", "STATUS=SERVING: no services");
});

test("the newest status is told when five seconds have passed since the last one, and an equal one is not", async (t) => {
  const bench = new Bench(t);
  bench.health.set("secret", "SERVING");
  bench.ready();
  await bench.tells("READY=1", `STATUS=${ONE}`);
  bench.health.set("secret", "NOT_SERVING");
  bench.health.set("other", "SERVING");
  await bench.clock.advance(4_999);
  assert.equal(bench.told.length, 2);
  await bench.clock.advance(1);
  const changed = "STATUS=SERVING: 1 of 2 services are SERVING";
  await bench.tells("READY=1", `STATUS=${ONE}`, changed);
  bench.health.set("secret", "SERVING");
  bench.health.set("secret", "NOT_SERVING");
  await bench.clock.advance(10_000);
  bench.health.drain();
  await bench.clock.advance(0); // not longer: a message that is being sent has five seconds
  await bench.tells("READY=1", `STATUS=${ONE}`, changed, "STATUS=NOT_SERVING: all services are draining");
});

test("a reload is told with its beginning and its end, unless the shutdown has begun", async (t) => {
  const bench = new Bench(t);
  bench.manager.reloading()();
  await eventually(() => bench.told.length === 2, "both messages");
  assert.match(bench.told[0] ?? "", /^RELOADING=1 MONOTONIC_USEC=\d+$/);
  assert.equal(bench.told[1], "READY=1");
  const reloaded = bench.manager.reloading();
  await eventually(() => bench.told.length === 3, "the next reload");
  bench.manager.stopping(16_000);
  reloaded();
  await eventually(() => bench.told.length === 4, "the shutdown");
  bench.manager.reloading()();
  bench.manager.stopping(1_000);
  await eventually(() => bench.told.length >= 5, "the next message");
  assert.deepEqual(bench.told.slice(3), [
    "STOPPING=1 EXTEND_TIMEOUT_USEC=16000000",
    "STOPPING=1 EXTEND_TIMEOUT_USEC=1000000",
  ]);
});

test("the watchdog is fed at half of its time, from the start on", async (t) => {
  const bench = new Bench(t, { WATCHDOG_USEC: "2000000", WATCHDOG_PID: String(PID) });
  bench.ready();
  await bench.tells("READY=1", "STATUS=SERVING: no services", "WATCHDOG=1");
  await bench.clock.advance(999);
  assert.equal(bench.told.length, 3);
  await bench.clock.advance(1);
  await eventually(() => bench.told.filter((text) => text === "WATCHDOG=1").length === 2, "the second message");
});

for (const [title, variables] of [
  ["without WATCHDOG_USEC", {}],
  ["with the WATCHDOG_PID of another process", { WATCHDOG_USEC: "2000000", WATCHDOG_PID: "1" }],
  ["with a WATCHDOG_USEC that is not a number", { WATCHDOG_USEC: "2s" }],
] as const)
  test(`${title}, the watchdog is not fed`, async (t) => {
    const bench = new Bench(t, variables);
    bench.ready();
    await bench.tells("READY=1", "STATUS=SERVING: no services");
    await bench.clock.advance(10_000);
    bench.manager.stopping(0);
    await bench.tells("READY=1", "STATUS=SERVING: no services", "STOPPING=1 EXTEND_TIMEOUT_USEC=0");
  });

test("the watchdog is not fed while no probe starts that is due, which is logged once", async (t) => {
  const bench = new Bench(t, { WATCHDOG_USEC: "2000000" });
  bench.health.check("a", () => {});
  const runner = { nextProbeAt: 0, lastProbeAt: 0 };
  const checks = { running: () => ({ runner, settings: { timeoutMs: 2_000 } }) };
  bench.ready({ registry: bench.health.parts.registry, checks });
  const fed = () => bench.told.filter((text) => text === "WATCHDOG=1").length;
  for (let second = 0; second < 17; second += 1) {
    await eventually(() => fed() === second + 1, `the watchdog is fed ${second} s after the start`);
    await bench.clock.advance(1_000);
  }
  await bench.clock.advance(5_000);
  assert.equal(bench.log.filter((line) => line.includes('"watchdog-unfed"')).length, 1);
  runner.lastProbeAt = bench.clock.now();
  await bench.clock.advance(1_000);
  await eventually(() => fed() === 18, "a probe has started: the watchdog is fed again");
});

test("a message that did not arrive is sent again before later ones", async (t) => {
  const twice = 'for n in 1 2; do [ -e "$HOME/$n" ] || { : > "$HOME/$n"; exit 1; }; done; echo "$*" >> "$HOME/told"';
  const bench = new Bench(t, {}, twice, systemClock);
  bench.ready();
  await bench.tells("READY=1", "STATUS=SERVING: no services");
  assert.equal(bench.log.length, 1);
});

test("a message that did not arrive is not sent again when a newer one of its kind waits", async (t) => {
  const never = 'echo "$*" >> "$HOME/told"; exit 1';
  const bench = new Bench(t, {}, never);
  bench.manager.stopping(1);
  bench.manager.stopping(2);
  await bench.tells("STOPPING=1 EXTEND_TIMEOUT_USEC=1000", "STOPPING=1 EXTEND_TIMEOUT_USEC=2000");
});

test("a program that is missing, fails or hangs is logged once, and later messages are sent", async (t) => {
  const missing = new Bench(t, {}, "");
  missing.ready();
  await eventually(() => missing.log.length === 1, "the log line");
  assert.match(missing.log[0] ?? "", /"notify-failed".*the program systemd-notify was not found in PATH/);
  const failing = new Bench(t, {}, 'echo "no socket" >&2; exit 1');
  failing.ready();
  failing.manager.stopping(0);
  await eventually(() => failing.log.length === 1, "the log line");
  assert.match(failing.log[0] ?? "", /systemd-notify ended with exit code 1: no socket/);
  const once = 'echo "$*" >> "$HOME/told"; { read -r _ && read -r _; } < "$HOME/told" || exec /bin/sleep 60';
  const hanging = new Bench(t, {}, once);
  hanging.ready();
  await hanging.tells("READY=1");
  await hanging.clock.advance(5_000);
  await eventually(() => hanging.log.length === 1, "the log line");
  await hanging.clock.advance(1_000);
  await hanging.tells("READY=1", "READY=1", "STATUS=SERVING: no services");
  assert.match(hanging.log[0] ?? "", /systemd-notify was killed after 5000 ms/);
});
