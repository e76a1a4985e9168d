/**
 * A program that healthbridge runs, for a check or for a recovery: its process group, its time, and the end of its output.
 *
 *     spawn in a process group of its own --exit--> end; for a check, what is left of the group is killed
 *                                    '----abort--> TERM to the group --killAfterMs--> KILL to the group
 *
 * There is no shell, so no argument is taken for a command. A program that hangs, forks or ignores signals is killed with
 * all processes that it has started, because they share its group. A process that leaves the group (setsid) is not.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { CancelTimer, Clock } from "../core/clock.js";
import { printable } from "../core/printable.js";
import { onProcessExit } from "../lifecycle/signals.js";

/** How a program is run. */
export interface ProgramOptions {
  readonly clock: Clock;
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  /** Aborted at the deadline: the program gets SIGTERM, and SIGKILL after `killAfterMs`. */
  readonly signal: AbortSignal;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
  /**
   * Kills the processes that the program leaves in its group: at its end, and when this process exits. Without it, they
   * stay.
   */
  readonly groups?: ProgramGroups | undefined;
}

/** How a program has ended. */
export interface ProgramEnd {
  /** `undefined` when a signal has ended it. */
  readonly code: number | undefined;
  readonly killedBy: NodeJS.Signals | undefined;
  /** The last lines of stdout and stderr that are not blank, safe to print; `""` without any. */
  readonly output: string;
}

/** So much of the end of stdout, and of stderr, is stored. */
const MAX_OUTPUT_BYTES = 4_096;

/** From the exit to the end at most. A process that is left may keep the pipes open. */
const DRAIN_MS = 200;

/** Variables that a program gets. Others can be set by a wrapper. */
const PASSED_ON: readonly string[] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** How many programs of a kind run at once: a process costs far more than a socket. */
export const MAX_PROGRAMS = 8;

/** Linux takes no longer argument (MAX_ARG_STRLEN, execve(2)). The limit here is for all arguments together. */
const MAX_COMMAND_BYTES = 131_072;

/** A shell whose command was ended by signal N has exit code 128 + N. */
const SHELL_SIGNAL = 128;

/** What is wrong with a command; nothing for a list of a program and its arguments. Callers may have no types. */
export function commandFaults(command: readonly unknown[]): readonly string[] {
  // an array with holes has items that `every` leaves out
  const words: readonly unknown[] = Array.isArray(command) ? Array.from(command) : [undefined];
  if (!words.every((word) => typeof word === "string")) return ["must be a list: the program and its arguments"];
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  return [
    ...(words.length === 0 || words[0] === "" ? ["must name a program"] : []),
    ...(words.some((word) => word.includes("\0")) ? ["must not contain a NUL character"] : []),
    ...(bytes > MAX_COMMAND_BYTES
      ? [`must have at most ${MAX_COMMAND_BYTES} bytes, with all arguments; got ${bytes}`]
      : []),
  ];
}

/** The variables that a program gets of an environment. */
export function passedOn(environment: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const entries = PASSED_ON.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** What the exit code of a program says, with the meaning that a shell gives it: `exit code 3`. */
export function describeExit(code: number): string {
  return `exit code ${code}${meaningOf(code)}`;
}

function meaningOf(code: number): string {
  if (code === 126) return " (of a shell: the command cannot be executed)";
  if (code === 127) return " (of a shell: the command was not found)";
  const name = Object.entries(constants.signals).find(([, number]) => number === code - SHELL_SIGNAL)?.[0];
  return name === undefined ? "" : ` (of a shell: the command was ended by ${name})`;
}

/** The process groups of the programs that run now. */
export class ProgramGroups {
  readonly #groups = new Set<number>();
  #stopListening = () => {};

  /** Kills the group when this process exits. */
  add(group: number): void {
    if (this.#groups.size === 0)
      this.#stopListening = onProcessExit(() => {
        for (const each of this.#groups) killGroup(each, "SIGKILL");
      });
    this.#groups.add(group);
  }

  remove(group: number): void {
    this.#groups.delete(group);
    if (this.#groups.size === 0) this.#stopListening();
  }
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // no process is left in the group
  }
}

function isGroup(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}

/** A program that is running. */
export class RunningProgram {
  /** Rejects with the error of a program that could not be started. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #options: ProgramOptions;
  readonly #stdout = new OutputEnd();
  readonly #stderr = new OutputEnd();
  #cancelTimer: CancelTimer = () => {};
  #cancelKill: CancelTimer = () => {};

  /**
   * Starts a program with its arguments.
   * @throws some errors of `spawn`; others reject `ended`
   */
  constructor([program = "", ...args]: readonly string[], options: ProgramOptions) {
    const { env, groups } = options;
    this.#options = options;
    this.#child = spawn(program, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const { pid, stdout, stderr } = this.#child;
    if (pid !== undefined) groups?.add(pid);
    // all output is read: the program would block on a full pipe
    stdout?.on("data", (bytes: Buffer) => this.#stdout.add(bytes));
    stderr?.on("data", (bytes: Buffer) => this.#stderr.add(bytes));
    // a pipe ends with its program; `exit` has the result
    for (const stream of [stdout, stderr]) stream?.on("error", () => {});
    this.ended = new Promise((resolve, reject) => this.#settle(resolve, reject));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Leaves the program alone: it keeps running, its output is not read, and it does not keep this process alive. */
  leave(): void {
    this.#child.unref();
    this.#closeOutput();
  }

  #settle(resolve: (end: ProgramEnd) => void, reject: (error: unknown) => void): void {
    const { clock, signal, groups, killAfterMs } = this.#options;
    const { pid } = this.#child;
    const onAbort = () => {
      this.#kill("SIGTERM");
      this.#cancelKill = clock.setTimer(killAfterMs, () => this.#kill("SIGKILL"));
    };
    const stop = () => {
      signal.removeEventListener("abort", onAbort);
      if (pid !== undefined) groups?.remove(pid);
    };
    this.#child.once("error", (error) => {
      stop();
      this.#cancelKill();
      reject(error);
    });
    this.#child.once("exit", (code, killedBy) => {
      if (groups !== undefined) this.#kill("SIGKILL"); // processes that it has left
      // without `groups`, what ignores SIGTERM is killed later, also when the program itself has ended; but the number of a
      // group that is empty may soon be that of another one
      if (groups !== undefined || pid === undefined || !isGroup(pid)) this.#cancelKill();
      stop();
      const finish = () => {
        this.#cancelTimer();
        this.#closeOutput();
        resolve({ code: code ?? undefined, killedBy: killedBy ?? undefined, output: this.#lastLines() });
      };
      // the end of the output may still be in the pipes
      this.#cancelTimer = clock.setTimer(DRAIN_MS, finish);
      this.#child.once("close", finish);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }

  #closeOutput(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  #lastLines(): string {
    const [out, err] = [this.#stdout.lastLine(), this.#stderr.lastLine()];
    return out === "" || err === "" ? `${out}${err}` : `${out}; stderr: ${err}`;
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) killGroup(this.#child.pid, signal);
  }
}

/** The end of an output, of any number of bytes. */
class OutputEnd {
  #bytes: Buffer = Buffer.alloc(0);
  #isCut = false;

  add(chunk: Buffer): void {
    const bytes = chunk.length < MAX_OUTPUT_BYTES ? Buffer.concat([this.#bytes, chunk]) : chunk;
    this.#isCut ||= this.#bytes.length + chunk.length > MAX_OUTPUT_BYTES;
    // a copy: a view would keep the whole chunk
    this.#bytes = Buffer.from(bytes.subarray(-MAX_OUTPUT_BYTES));
  }

  /** The last line that is not blank, safe to print; `""` without one. A carriage return ends a line too. */
  lastLine(): string {
    // a character of several bytes may be cut at the start
    const start = this.#isCut ? this.#bytes.findIndex((byte) => (byte & 0xc0) !== 0x80) : 0;
    const lines = this.#bytes.toString("utf8", Math.max(start, 0)).split(/[\r\n]/);
    const last = lines.findLastIndex((line) => line.trim() !== "");
    const text = lines[last]?.trim() ?? "";
    return printable(this.#isCut && last === 0 ? `...${text}` : text);
  }
}
