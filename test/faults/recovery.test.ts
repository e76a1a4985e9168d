/**
 * Automatic recovery for real: `healthbridge serve`, targets that are processes and servers, and programs that restart them.
 * Times are short: seconds stand for minutes.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { callControl } from "../../src/client/control-client.js";
import { DaemonProcess, type LogLine } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { findProcesses } from "../support/processes.js";

const BLOCK = fileURLToPath(new URL("../support/block-at-signal.cjs", import.meta.url));

/** Writes the time of its start, in milliseconds, into a file. */
const NOTE = 'date +%s%3N >> "$0"';

/** A target in this process, which can be down. */
class Target {
  readonly port: number;
  #server: Server | undefined;

  constructor(port: number) {
    this.port = port;
  }

  async up(): Promise<void> {
    const server = createServer((_, response) => response.end("OK"));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
  }

  down(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
  }
}

/** A folder with a configuration, its targets and a file with the starts of its program. */
class Site {
  readonly folder = mkdtempSync(join(tmpdir(), "healthbridge-recovery-"));
  readonly targets: Target[] = [];
  daemon: DaemonProcess | undefined;

  constructor(t: TestContext) {
    t.after(async () => {
      await this.daemon?.kill();
      for (const target of this.targets) target.down();
      rmSync(this.folder, { recursive: true });
    });
  }

  get file(): string {
    return join(this.folder, "starts");
  }

  /** Times at which the program was started, in milliseconds since 1970. */
  get starts(): readonly number[] {
    const lines = existsSync(this.file) ? readFileSync(this.file, "utf8").split("\n") : [];
    return lines.filter((line) => line !== "").map(Number);
  }

  get control(): string {
    return join(this.folder, "hb.sock");
  }

  async addTargets(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const target = new Target(await freePort());
      await target.up();
      this.targets.push(target);
    }
  }

  /** Starts a daemon with a check `t0`, `t1` ... of each target, and a rule for all of them. */
  async serve({ rule = {}, script = NOTE, more = "" } = {}, nodeArgs: readonly string[] = []): Promise<DaemonProcess> {
    const checks = this.targets.map(({ port }, index) => `  t${index}: http://127.0.0.1:${port}/`);
    const exec = ["/bin/sh", "-c", script.replaceAll("$", "$$$$"), this.file];
    const config = [
      `listen: ["127.0.0.1:0"]`,
      `control: ${this.control}`,
      `stateDir: ${join(this.folder, "state")}`,
      "allowExec: true",
      "defaults: { interval: 300ms, timeout: 200ms, edgeInterval: 100ms, unhealthyThreshold: 2, jitter: 0 }",
      "checks:",
      ...checks,
      `recovery: ${JSON.stringify({ restart: { exec, services: "*", after: "1s", cooldown: "1s", ...rule } })}`,
      more,
    ];
    const path = join(this.folder, "healthbridge.yaml");
    writeFileSync(path, config.join("\n"));
    return this.#start(path, nodeArgs);
  }

  /** Kills the daemon as `kill -9` does, and starts it again with the same file. */
  async restart(): Promise<DaemonProcess> {
    await this.daemon?.kill();
    return this.#start(join(this.folder, "healthbridge.yaml"), []);
  }

  async #start(path: string, nodeArgs: readonly string[]): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(["serve", "-c", path], nodeArgs);
    this.daemon = daemon;
    const isServing = () => hasLine(daemon, "serving") && hasLine(daemon, "started");
    await eventually(() => isServing() || daemon.exit !== undefined, "it serves, and all checks have a result");
    assert.equal(daemon.exit, undefined, daemon.stderr);
    return daemon;
  }
}

const linesOf = ({ log }: DaemonProcess, name: string): readonly LogLine[] => log.filter(({ event }) => event === name);
const hasLine = (daemon: DaemonProcess, name: string) => linesOf(daemon, name).length > 0;

async function statusOf(daemon: DaemonProcess, service: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${daemon.port}/healthcheck/${service}`);
  return (await response.text()).trim();
}

const isDown = (daemon: DaemonProcess, service = "t0") =>
  eventually(async () => (await statusOf(daemon, service)) === "NOT_SERVING", `${service} is down`);

/** The program of a service: an HTTP server. */
const SERVER = "require('node:http').createServer((_, r) => r.end('OK')).listen(Number(process.argv[1]), '127.0.0.1')";

describe("automatic recovery", { concurrency: 5 }, () => {
  test("a process that is killed is restarted by its program, and SERVING again", async (t) => {
    const site = new Site(t);
    const port = await freePort();
    const mark = `healthbridge-recovered-${process.pid}`;
    const command = [process.execPath, "-e", SERVER, String(port), mark];
    const process1: ChildProcess = spawn(command[0] ?? "", command.slice(1), { stdio: "ignore" });
    t.after(() => {
      process1.kill("SIGKILL");
      for (const pid of findProcesses(mark)) process.kill(pid, "SIGKILL");
    });
    const target = new Target(port);
    site.targets.push(target);
    const restart = `${NOTE}; setsid ${command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")} > /dev/null 2>&1 < /dev/null & echo restarted`;
    await eventually(
      () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        ),
      "the process listens",
    );
    const daemon = await site.serve({ script: restart, rule: { cooldown: "20s" } });
    assert.equal(await statusOf(daemon, "t0"), "OK");
    process1.kill("SIGKILL");
    await isDown(daemon);
    await eventually(async () => (await statusOf(daemon, "t0")) === "OK", "it is SERVING again");
    assert.equal(site.starts.length, 1);
    const [started, ended] = [linesOf(daemon, "recovery-started")[0], linesOf(daemon, "recovery-ended")[0]];
    assert.deepEqual([started?.service, started?.reason, started?.attempt], ["t0", "refused", 1]);
    assert.deepEqual([ended?.outcome, ended?.detail], ["success", "exit code 0: restarted"]);
    const metrics = await (await fetch(`http://127.0.0.1:${daemon.port}/metrics`)).text();
    assert.match(metrics, /^healthbridge_recovery_runs_total\{recovery="restart",outcome="success"\} 1$/m);
  });

  test("a service that keeps failing is not recovered more often than configured, also over kills of healthbridge", async (t) => {
    const site = new Site(t);
    await site.addTargets(1);
    await site.serve({ rule: { maxRuns: 3, cooldown: "2s" } });
    site.targets[0]?.down();
    for (const runs of [1, 2]) {
      await eventually(() => site.starts.length === runs, `run ${runs}`);
      await pause(1_200); // the journal is written within a second
      await site.restart();
    }
    await eventually(() => hasLine(site.daemon ?? assert.fail(), "recovery-gave-up"), "it is given up");
    await pause(1_200);
    const again = await site.restart();
    await eventually(() => linesOf(again, "recovery-gave-up").length === 1, "it is said again at the start");
    await pause(5_000);
    const { starts } = site;
    assert.equal(starts.length, 3);
    for (const [index, at] of starts.slice(1).entries()) {
      const waitedMs = at - (starts[index] ?? 0);
      assert.ok(waitedMs >= 2_000, `${waitedMs} ms after the run before`);
    }
  });

  test("healthbridge that is killed during a run starts no second program while the first may still run", async (t) => {
    const site = new Site(t);
    await site.addTargets(1);
    await site.serve({ script: `${NOTE}; sleep 8`, rule: { timeout: "8s" } });
    site.targets[0]?.down();
    await eventually(() => site.starts.length === 1, "the first run");
    await pause(1_200);
    await site.restart();
    await eventually(() => site.starts.length === 2, "the second run");
    const [first = 0, second = 0] = site.starts;
    // a moment passes from the record of the start to the line in the file
    assert.ok(second - first >= 8_900, `${second - first} ms: timeout 8 s and cooldown 1 s`);
  });

  test("a daemon that was stopped (SIGSTOP), or whose event loop was blocked, counts `after` from its end", async (t) => {
    const site = new Site(t);
    await site.addTargets(1);
    const daemon = await site.serve({ rule: { after: "3s", cooldown: "1m" } }, ["-r", BLOCK]);
    site.targets[0]?.down();
    await isDown(daemon);
    daemon.process.kill("SIGSTOP");
    await pause(4_000);
    daemon.process.kill("SIGCONT");
    await pause(1_500);
    const blockedAt = Date.now();
    daemon.process.kill("SIGUSR2"); // blocks for 2 s
    await eventually(() => site.starts.length === 1, "the run");
    const waitedMs = (site.starts[0] ?? 0) - blockedAt;
    assert.ok(waitedMs >= 4_900, `${waitedMs} ms: 2 s blocked, and \`after\``);
  });

  test("maintenance, a drain of the service and a drain of all: no run; after them, one", async (t) => {
    const site = new Site(t);
    await site.addTargets(3);
    const daemon = await site.serve({ rule: { cooldown: "1m" } });
    const call = { path: site.control, timeoutMs: 5_000 };
    await callControl("SetMaintenance", { service: "t0", durationMs: 60_000 }, call);
    site.targets[0]?.down();
    await isDown(daemon);
    await pause(2_500);
    await callControl("Drain", { service: "t0" }, call);
    await callControl("SetMaintenance", { service: "t0", durationMs: 0 }, call);
    await pause(2_500);
    await callControl("Drain", { all: true }, call);
    await callControl("Resume", { service: "t0" }, call);
    await pause(2_500);
    assert.deepEqual(site.starts, []);
    await callControl("Resume", { all: true }, call);
    await eventually(() => site.starts.length === 1, "it is recovered");
  });

  test("a service that is UNKNOWN is not recovered", async (t) => {
    const site = new Site(t);
    await site.addTargets(1);
    const more = "  never: { heartbeat: { ttl: 1h, token: t } }";
    const daemon = await site.serve({ rule: { after: "0s" } });
    const path = join(site.folder, "healthbridge.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace("recovery:", `${more}\nrecovery:`));
    daemon.process.kill("SIGHUP");
    await eventually(async () => (await statusOf(daemon, "never")) === "UNKNOWN", "it is there");
    await pause(3_000);
    assert.deepEqual(site.starts, []);
  });

  test("more than half of the services fail at once: nothing is run, and the log says why once for each", async (t) => {
    const site = new Site(t);
    await site.addTargets(5);
    const daemon = await site.serve({ rule: { cooldown: "1m" } });
    for (const target of site.targets.slice(0, 3)) target.down();
    await eventually(() => linesOf(daemon, "recovery-refused").length === 3, "it is refused");
    await pause(3_000);
    assert.deepEqual(site.starts, []);
    assert.deepEqual(new Set(linesOf(daemon, "recovery-refused").map(({ cause }) => cause)), new Set(["group"]));
    await site.targets[0]?.up();
    await eventually(() => site.starts.length === 1, "two of five are a case for recovery, one at a time");
    await pause(1_500);
    assert.equal(site.starts.length, 1, "maxShare of five services is one");
  });

  test("while the self-check fails, nothing is run, also after the hold", async (t) => {
    const site = new Site(t);
    await site.addTargets(5);
    const self = new Target(await freePort());
    await self.up();
    t.after(() => self.down());
    const more = `isolation: { selfCheck: "tcp://127.0.0.1:${self.port}", maxHold: 2s }`;
    const daemon = await site.serve({ rule: { maxFailing: 1, maxShare: 1 }, more });
    self.down();
    for (const target of site.targets) target.down();
    await isDown(daemon);
    await pause(3_000);
    assert.deepEqual(site.starts, []);
    await self.up();
    await eventually(() => site.starts.length >= 5, "the network works: the targets are down");
  });

  test("SIGTERM waits for a program that runs; it can write until its end", async (t) => {
    const site = new Site(t);
    await site.addTargets(1);
    const script = `${NOTE}; sleep 3; echo stopped; echo started; ${NOTE}`;
    const daemon = await site.serve({ script, rule: { cooldown: "1m" } });
    site.targets[0]?.down();
    await eventually(() => site.starts.length === 1, "it runs");
    daemon.process.kill("SIGTERM");
    assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
    assert.equal(site.starts.length, 2, "it has ended before");
    assert.equal(linesOf(daemon, "recovery-ended")[0]?.detail, "exit code 0: started");
  });

  test("a second SIGTERM ends healthbridge at once, and not the program", async (t) => {
    const site = new Site(t);
    await site.addTargets(1);
    const daemon = await site.serve({ script: `${NOTE}; sleep 3; ${NOTE}`, rule: { cooldown: "1m" } });
    site.targets[0]?.down();
    await eventually(() => site.starts.length === 1, "it runs");
    daemon.process.kill("SIGTERM");
    await eventually(() => hasLine(daemon, "draining"), "it drains");
    daemon.process.kill("SIGTERM");
    await daemon.ended();
    assert.equal(site.starts.length, 1);
    await eventually(() => site.starts.length === 2, "the program goes on to its end");
  });
});
