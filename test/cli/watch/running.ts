/** `healthbridge watch` in a pipe: the lines that it has written so far. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { eventually, inTime } from "../../support/eventually.js";
import { MAIN } from "./pseudo-terminal.js";

export class RunningWatch {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  #stderr = "";

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [MAIN, "watch", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const { stdout, stderr } = this.#child;
    if (stdout !== null) createInterface(stdout).on("line", (line) => this.lines.push(line));
    stderr?.on("data", (text) => {
      this.#stderr += text;
    });
  }

  /** The objects of `--json`. */
  get objects(): readonly Readonly<Record<string, unknown>>[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  /** The lines without their times. */
  get texts(): readonly string[] {
    return this.lines.map((line) => line.replace(/^\S+ {2}/, ""));
  }

  /** Resolves when so many lines match. */
  async writes(wanted: RegExp, count = 1, withinMs?: number): Promise<void> {
    const matching = () => this.lines.filter((line) => wanted.test(line)).length;
    try {
      await eventually(() => matching() >= count, `${count} lines ${wanted}`, withinMs);
    } catch (error) {
      throw new Error(`${error}\n${this.lines.join("\n")}\n${this.#stderr}`);
    }
  }

  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code, and what was written to stderr. */
  async end(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await inTime(once(this.#child, "close"), "the end of watch");
    return { code: this.#child.exitCode, stderr: this.#stderr };
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.end();
  }
}
