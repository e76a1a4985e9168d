/** The end of the daemon after a fatal error and after a second signal: always, soon, and without programs left behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const LISTEN = ["--listen", "127.0.0.1:0"];
const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

const METER = fileURLToPath(new URL("../support/end-meter.cjs", import.meta.url));
const LIMIT_MS = 1_000;

/** Runs `code` in the daemon at SIGUSR2, and measures the time from then to its end. */
const atSignal = (code: string) => [
  ...["-r", METER],
  ...["--import", `data:text/javascript,process.on("SIGUSR2", () => { ${code} })`],
];

/** Asserts that the meter has counted at most a second. */
function assertSoon(stderr: string): void {
  const [, ms] = /^ENDED (.*)$/m.exec(stderr) ?? [];
  assert.ok(Number(ms) < LIMIT_MS, `the end took ${ms} ms`);
}

async function start(t: TestContext, code: string, ...args: string[]): Promise<DaemonProcess> {
  const daemon = new DaemonProcess(["serve", ...args], atSignal(code));
  t.after(() => daemon.kill());
  await eventually(() => daemon.log.some(({ event }) => event === "serving"), "the daemon serves");
  return daemon;
}

/** Asserts that the daemon ends with an exit code within a second. */
async function endsWith(daemon: DaemonProcess, code: number, cause: () => unknown): Promise<void> {
  await cause();
  assert.deepEqual(await daemon.ended(), { code, signal: null });
  assertSoon(daemon.stderr);
}

/** Processes, zombies left out, whose command line holds a mark. */
function find(mark: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
    } catch {
      return false; // it has gone meanwhile
    }
  });
}

describe("after a fatal error the daemon exits with code 1 within a second", { concurrency: 3 }, () => {
  const causes: Readonly<Record<string, string>> = {
    "an error that is thrown": `throw new Error("boom")`,
    "an error that is thrown in a timer": `setTimeout(() => { throw new Error("boom") }, 10)`,
    "a rejection without a handler": `Promise.reject(new Error("boom"))`,
    "a rejection with undefined": `Promise.reject()`,
    "a thrown null": `throw null`,
    "an error whose text cannot be read": `throw Object.defineProperty(new Error(), "message", { get() { throw 1 } })`,
    "two errors, one after the other": `setTimeout(() => { throw new Error("again") }, 100); throw new Error("boom")`,
    "an error in every turn of the event loop": `setInterval(() => { throw new Error("again") }, 0); throw new Error("boom")`,
    "an error, while something waits for ever": `await_(); async function await_() { await new Promise(() => {}) } throw new Error("boom")`,
    "an error, while the exit code is another one": `process.exitCode = 13; throw new Error("boom")`,
    "an error, while a timer keeps the process alive": `setInterval(() => {}, 1e6); throw new Error("boom")`,
  };
  for (const [name, code] of Object.entries(causes))
    test(name, async (t) => {
      const daemon = await start(t, code, ...LISTEN, "--drain-delay", "1m");
      await endsWith(daemon, 1, () => daemon.process.kill("SIGUSR2"));
      const lines = daemon.log.filter(({ msg }) => msg === "unexpected error; shutting down").length;
      assert.ok(lines >= 1 && lines <= 5, `${lines} lines`);
    });

  test("during a drain, and the signals after it change nothing", async (t) => {
    const daemon = await start(t, `throw new Error("boom")`, ...LISTEN, "--drain-delay", "1m");
    daemon.process.kill("SIGTERM");
    await eventually(() => daemon.log.some(({ event }) => event === "draining"), "the drain");
    await endsWith(daemon, 1, async () => {
      daemon.process.kill("SIGUSR2");
      await eventually(() => daemon.log.some(({ event }) => event === "fatal"), "the error");
      daemon.process.kill("SIGTERM");
    });
  });

  for (const afterMs of [0, 20, 40, 80, 160])
    test(`${afterMs} ms after the process began: in the middle of the start`, async (t) => {
      const code = `setTimeout(() => { throw new Error("boom") }, ${afterMs})`;
      const daemon = new DaemonProcess(
        ["serve", "--listen", "slow.invalid:0"],
        ["--import", `data:text/javascript,${code}`],
      );
      t.after(() => daemon.kill());
      const { code: exitCode } = await daemon.ended();
      assert.ok(exitCode === 1 || (exitCode === 2 && afterMs > 20), `exit code ${exitCode}`);
    });

  test("while its output is not read", async (t) => {
    const code = `process.stdout.write("x".repeat(1e6)); throw new Error("boom")`;
    const args = [...atSignal(code), MAIN, "serve", ...LISTEN];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    notOutlive(child, () => child.kill("SIGKILL"));
    t.after(() => child.kill("SIGKILL"));
    await once(child.stdout, "readable");
    child.kill("SIGUSR2");
    assert.deepEqual(await once(child, "exit"), [1, null]);
    await eventually(() => child.stderr.destroyed, "its errors are read");
    assertSoon(stderr);
  });
});

describe("programs of exec end with the daemon", { concurrency: 2 }, () => {
  /** A program that ignores SIGTERM, with a child and a grandchild that do so too. */
  function configOf(t: TestContext, mark: string): string {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-fatal-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "healthbridge.yaml");
    const loop = `trap '' TERM INT HUP; while :; do sleep 0.1; done # ${mark}`;
    const script = `trap '' TERM INT HUP; sh -c "sh -c \\"${loop}\\" & ${loop}" & ${loop}`;
    const command = JSON.stringify(["/bin/sh", "-c", script]);
    writeFileSync(
      file,
      `allowExec: true\nlisten: ["127.0.0.1:0"]\ndrainDelay: 1m\nchecks:\n  a: { exec: ${command}, interval: 1h, timeout: 59m }\n`,
    );
    return file;
  }

  const ends: Readonly<Record<string, readonly [code: number, act: (daemon: DaemonProcess) => Promise<void>]>> = {
    "at a fatal error": [1, async (daemon) => void daemon.process.kill("SIGUSR2")],
    "at a second SIGTERM": [143, (daemon) => twice(daemon, "SIGTERM")],
    "at a second SIGINT": [130, (daemon) => twice(daemon, "SIGINT")],
    "when it exits by itself": [7, async (daemon) => void daemon.process.kill("SIGUSR1")],
  };
  for (const [name, [code, act]] of Object.entries(ends))
    test(name, async (t) => {
      const mark = `healthbridge-fatal-${process.pid}-${code}`;
      const daemon = await start(
        t,
        `throw new Error("boom") }).on("SIGUSR1", () => { process.exit(7)`,
        "-c",
        configOf(t, mark),
      );
      await eventually(() => find(mark).length >= 3, "the program, its child and its grandchild run");
      await act(daemon);
      assert.deepEqual(await daemon.ended(), { code, signal: null });
      await eventually(() => find(mark).length === 0, "none of them is left");
    });

  async function twice(daemon: DaemonProcess, signal: NodeJS.Signals): Promise<void> {
    daemon.process.kill(signal);
    await eventually(() => daemon.log.some(({ event }) => event === "draining"), "the drain");
    daemon.process.kill(signal);
  }
});
