/**
 * The program that changes statuses of the tested server (`--control`), in words on its input and output:
 *
 *     healthbridge -> program   set NAME STATUS     STATUS: SERVING or NOT_SERVING
 *                               clear NAME          NAME is unknown again
 *     program -> healthbridge   ok                  the change is done
 *                               no TEXT             the server cannot do it
 *
 * Any other line of the program is ignored, so that it may be the server itself, and log. The program and its children end
 * with the run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { CancelTimer, Clock } from "../core/clock.js";
import type { ServingStatus } from "../core/serving-status.js";
import { shown } from "./stream-answer.js";

/** The answer to a command: done, or why not. */
export type ControlReply = "ok" | { readonly refused: string };

interface PendingCommand {
  readonly settle: (answer: ControlReply) => void;
  readonly cancelTimer: CancelTimer;
}

/** The time from SIGTERM to SIGKILL for a program that has not ended. */
const KILL_AFTER_MS = 500;

/** The longest answer that is read. */
const MAX_LINE = 4_096;

export class ControlProgram {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #answerMs: number;
  readonly #pending: PendingCommand[] = [];
  /** The start of a line that is not complete. */
  #line = "";
  #ended: string | undefined;
  /** A process of the group is left. Another group may get the number of one that has no process. */
  #hasGroup = true;

  /** @param command for the shell of the system */
  constructor(command: string, clock: Clock, answerMs: number) {
    this.#clock = clock;
    this.#answerMs = answerMs;
    // a group of its own, so that the shell's children end with it
    this.#child = spawn("/bin/sh", ["-c", command], { stdio: ["pipe", "pipe", "inherit"], detached: true });
    this.#child.on("error", (error) => this.#onEnd(error.message));
    this.#child.on("exit", () => {
      this.#hasGroup = this.#signal(0);
    });
    this.#child.on("close", (code, signal) => this.#onEnd(`it ended with ${signal ?? `exit code ${code}`}`));
    this.#child.stdin?.on("error", () => {}); // its end is reported by `close`
    this.#child.stdout?.on("data", (bytes: Buffer) => this.#onOutput(bytes));
  }

  /** Why the program has ended; `undefined` while it runs. */
  get ended(): string | undefined {
    return this.#ended;
  }

  set(service: string, status: ServingStatus): Promise<ControlReply> {
    return this.#send(`set ${service} ${status}`);
  }

  clear(service: string): Promise<ControlReply> {
    return this.#send(`clear ${service}`);
  }

  /** Ends the program and its children. A child that has left its process group is not waited for. */
  async stop(): Promise<void> {
    if (!this.#hasGroup) return;
    this.#child.stdin?.end();
    this.#signal("SIGTERM");
    const cancelTimer = this.#clock.setTimer(KILL_AFTER_MS, () => this.#signal("SIGKILL"));
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    cancelTimer();
    this.#signal("SIGKILL");
    this.#child.stdout?.destroy();
  }

  #send(line: string): Promise<ControlReply> {
    if (this.#ended !== undefined) return Promise.resolve({ refused: this.#ended });
    return new Promise((resolve) => {
      const late = () => {
        this.#onEnd(`it did not answer ${JSON.stringify(line)} in time`);
      };
      this.#pending.push({ settle: resolve, cancelTimer: this.#clock.setTimer(this.#answerMs, late) });
      this.#child.stdin?.write(`${line}\n`);
    });
  }

  /** Only the start of a line is kept: an answer is short, and a log may have no line breaks. */
  #onOutput(bytes: Buffer): void {
    const [first = "", ...lines] = bytes.toString("utf8").split("\n");
    this.#line = (this.#line + first).slice(0, MAX_LINE);
    for (const line of lines) {
      this.#onLine(this.#line);
      this.#line = line.slice(0, MAX_LINE);
    }
  }

  #onLine(line: string): void {
    const text = line.trim();
    if (text !== "ok" && text !== "no" && !text.startsWith("no ")) return;
    const first = this.#pending.shift();
    first?.cancelTimer();
    first?.settle(text === "ok" ? "ok" : { refused: shown(text.slice(3)) || "the program said no" });
  }

  /** After an answer that is late, answers can no longer be told apart: no further command is sent. */
  #onEnd(why: string): void {
    this.#ended ??= why;
    for (const { settle, cancelTimer } of this.#pending.splice(0)) {
      cancelTimer();
      settle({ refused: why });
    }
  }

  /** Returns whether a process got it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      return process.kill(-pid, signal);
    } catch {
      return false; // it has ended already
    }
  }
}
