/**
 * The program that changes statuses of the tested server (`--control`), in words on its input and output:
 *
 *     healthbridge -> program   set NAME STATUS     STATUS: SERVING or NOT_SERVING
 *                               clear NAME          NAME is unknown again
 *     program -> healthbridge   ok                  the change is done
 *                               no TEXT             the server cannot do it
 *
 * Any other line of the program is ignored, so that it may be the server itself, and log. The program and what it has
 * started end with the run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
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

export class ControlProgram {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #answerMs: number;
  readonly #pending: PendingCommand[] = [];
  #ended: string | undefined;
  #hasExited = false;

  /** @param command for the shell of the system */
  constructor(command: string, clock: Clock, answerMs: number) {
    this.#clock = clock;
    this.#answerMs = answerMs;
    // a group of its own, so that the shell's children end with it
    this.#child = spawn("/bin/sh", ["-c", command], { stdio: ["pipe", "pipe", "inherit"], detached: true });
    this.#child.on("error", (error) => this.#onExit(error.message));
    this.#child.on("close", (code, signal) => this.#onExit(`it ended with ${signal ?? `exit code ${code}`}`));
    this.#child.stdin?.on("error", () => {}); // its end is reported by `close`
    if (this.#child.stdout !== null) createInterface(this.#child.stdout).on("line", (line) => this.#onLine(line));
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

  /** Ends the program and its children. */
  async stop(): Promise<void> {
    if (this.#hasExited) return;
    const closed = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    this.#child.stdin?.end();
    this.#signal("SIGTERM");
    const cancel = this.#clock.setTimer(KILL_AFTER_MS, () => this.#signal("SIGKILL"));
    await closed;
    cancel();
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

  #onLine(line: string): void {
    const text = line.trim();
    if (text !== "ok" && text !== "no" && !text.startsWith("no ")) return;
    const first = this.#pending.shift();
    first?.cancelTimer();
    first?.settle(text === "ok" ? "ok" : { refused: shown(text.slice(3)) || "the program said no" });
  }

  #onExit(why: string): void {
    this.#hasExited = true;
    this.#onEnd(why);
  }

  /** After an answer that is late, answers can no longer be told apart: no further command is sent. */
  #onEnd(why: string): void {
    this.#ended ??= why;
    for (const { settle, cancelTimer } of this.#pending.splice(0)) {
      cancelTimer();
      settle({ refused: why });
    }
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // it has ended already
    }
  }
}
