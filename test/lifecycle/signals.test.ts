/** Signals and uncaught errors, in a child process. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { listenToProcess, TERMINATION_SIGNALS } from "../../src/lifecycle/signals.js";
import { eventually } from "../support/eventually.js";

const LISTENER = fileURLToPath(new URL("signal-listener.ts", import.meta.url));

class Listening {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;

  constructor(t: TestContext) {
    this.#process = spawn(process.execPath, ["--import", "tsx", LISTENER], { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#process.stdout)
      createInterface({ input: this.#process.stdout }).on("line", (line) => this.lines.push(line));
    t.after(async () => {
      this.#process.kill("SIGKILL");
      await this.ended();
    });
  }

  static async start(t: TestContext): Promise<Listening> {
    const child = new Listening(t);
    await child.expect("ready");
    child.lines.length = 0;
    return child;
  }

  /** Sends a signal, and waits for its line. */
  async signal(signal: NodeJS.Signals, line: string): Promise<void> {
    this.#process.kill(signal);
    await this.expect(line);
  }

  async command(command: string, line: string): Promise<void> {
    this.#process.stdin?.write(`${command}\n`);
    await this.expect(line);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  expect(line: string): Promise<void> {
    return eventually(() => this.lines.includes(line), `the line ${line} (lines ${this.lines})`);
  }

  async ended(): Promise<string> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      await eventually(() => this.#process.exitCode !== null || this.#process.signalCode !== null, "the end");
    }
    return String(this.#process.signalCode ?? this.#process.exitCode);
  }
}

describe("the process", { concurrency: 3 }, () => {
  test("each termination signal has the exit code that a shell uses", () => {
    assert.deepEqual(TERMINATION_SIGNALS, { SIGINT: 130, SIGTERM: 143 });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`the first ${signal} asks for a shutdown, every later one forces it [A76]`, async (t) => {
      const child = await Listening.start(t);
      await child.signal(signal, `terminate ${signal}`);
      await child.signal("SIGTERM", "insist SIGTERM");
      await child.signal("SIGINT", "insist SIGINT");
      assert.deepEqual(child.lines, [`terminate ${signal}`, "insist SIGTERM", "insist SIGINT"]);
    });
  }

  test("every uncaught error is reported, thrown or rejected, of any type", async (t) => {
    const child = await Listening.start(t);
    await child.command("throw", "fatal thrown");
    await child.command("reject", "fatal rejected");
    await child.command("reject-text", "fatal a text");
    assert.equal(child.lines.length, 3);
  });

  test("an error is not a signal: the first signal after it still asks for a shutdown", async (t) => {
    const child = await Listening.start(t);
    await child.command("throw", "fatal thrown");
    await child.signal("SIGTERM", "terminate SIGTERM");
  });

  test("after unsubscribing, a signal ends the process", async (t) => {
    const child = await Listening.start(t);
    await child.command("leave", "left");
    child.kill("SIGTERM");
    assert.equal(await child.ended(), "SIGTERM");
    assert.deepEqual(child.lines, ["left"]);
  });

  test("unsubscribing leaves no listener", () => {
    const events = ["SIGINT", "SIGTERM", "uncaughtException", "unhandledRejection"];
    const count = () => events.map((event) => process.listenerCount(event));
    const before = count();
    const unsubscribe = listenToProcess({
      onTerminate: () => {},
      onInsist: () => {},
      onReload: () => {},
      onFatal: () => {},
    });
    assert.deepEqual(
      count(),
      before.map((listeners) => listeners + 1),
    );
    unsubscribe();
    unsubscribe();
    assert.deepEqual(count(), before);
  });
});
