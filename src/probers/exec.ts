/**
 * A program: passes when it ends with exit code 0. `expect.warn` names the codes that are a warning, such as 1 for
 * plug-ins of Nagios and Consul; any other code fails. The last line of the output is the detail.
 *
 *     spawn in a process group of its own --exit--> result; what is left of the group is killed
 *                                    '----abort--> TERM to the group --0.5 s--> KILL to the group
 *
 * There is no shell, so no argument is taken for a command. A program that hangs, forks or ignores signals is killed with
 * all processes that it has started, because they share its group. A process that leaves the group (setsid) is not. When
 * healthbridge exits, at once by a second signal or after a fatal error too, the groups that still run are killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Clock } from "../core/clock.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { printable } from "../core/printable.js";
import { onProcessExit } from "../lifecycle/signals.js";
import type { Expectation } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, warn } from "./prober.js";
import { localFault } from "./reasons.js";

/** What a prober of a program works with. */
export interface ExecDeps {
  readonly clock: Clock;
  readonly groups: ProgramGroups;
  /** The environment of this process. Only a few variables are passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** So much of the end of stdout, and of stderr, is stored. */
const MAX_OUTPUT_BYTES = 4_096;

/** From the exit to the result at most. A process that has left the group may keep the pipes open. */
const DRAIN_MS = 200;

/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 500;

/** Variables that a program gets. Others can be set by a wrapper. */
const PASSED_ON: readonly string[] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** How many programs run at once, over all checks of one `Health`: a process costs far more than a socket. */
export const MAX_PROGRAMS = 8;

/** Descriptors that a program needs here: its two pipes, and one while it is started. */
export const PROGRAM_DESCRIPTORS = 3;

/** Errors of `spawn` that say that there is no such program. */
const NOT_FOUND: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/** Linux takes no longer argument (MAX_ARG_STRLEN, execve(2)). The limit here is for all arguments together. */
const MAX_COMMAND_BYTES = 131_072;

const MAX_EXIT_CODE = 255;

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

/** What is wrong with `expect.warn`; nothing for one exit code, or a list of them. Callers may have no types. */
export function warnFaults(given: unknown): readonly string[] {
  const codes: readonly unknown[] = Array.isArray(given) ? Array.from(given) : [given];
  if (codes.includes(0)) return ["must not have exit code 0, which is a pass"];
  const isValid = (code: unknown) => Number.isInteger(code) && Number(code) >= 1 && Number(code) <= MAX_EXIT_CODE;
  if (codes.length > 0 && codes.length <= MAX_EXIT_CODE && codes.every(isValid)) return [];
  return [`must be an exit code from 1 to ${MAX_EXIT_CODE}, or a list of such codes, such as 1 or [1, 3]`];
}

/**
 * A prober that runs a program with its arguments.
 * @throws HealthError INVALID_OPTION for what is not such a list, and for an `expect.warn` that is not exit codes
 */
export function openExec(command: readonly string[], deps: ExecDeps, expect: Expectation = {}): Prober {
  const [fault] = [
    ...commandFaults(command).map((text) => `exec ${text}`),
    ...(expect.warn === undefined ? [] : warnFaults(expect.warn)).map((text) => `expect.warn ${text}`),
  ];
  if (fault !== undefined) throw new HealthError("INVALID_OPTION", fault);
  const warnCodes = new Set([expect.warn ?? []].flat());
  const [program = "", ...args] = command;
  const passedOn = PASSED_ON.flatMap((name) => {
    const value = deps.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = Object.fromEntries(passedOn);
  return {
    async probe({ signal }) {
      try {
        const child = spawn(program, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
        return await new RunningProgram(child, deps, warnCodes).result(signal);
      } catch (error) {
        return resultOfSpawnError(error); // `spawn` throws some errors, and emits others
      }
    },
    close() {},
  };
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

/** A program that is running. */
class RunningProgram {
  readonly #child: ChildProcess;
  readonly #deps: ExecDeps;
  readonly #warnCodes: ReadonlySet<number>;
  readonly #stdout = new OutputEnd();
  readonly #stderr = new OutputEnd();

  constructor(child: ChildProcess, deps: ExecDeps, warnCodes: ReadonlySet<number>) {
    this.#child = child;
    this.#deps = deps;
    this.#warnCodes = warnCodes;
    if (child.pid !== undefined) deps.groups.add(child.pid);
    // all output is read: the program would block on a full pipe
    child.stdout?.on("data", (bytes: Buffer) => this.#stdout.add(bytes));
    child.stderr?.on("data", (bytes: Buffer) => this.#stderr.add(bytes));
    // a pipe ends with its program; `exit` has the result
    for (const stream of [child.stdout, child.stderr]) stream?.on("error", () => {});
  }

  result(signal: AbortSignal): Promise<ProbeResult> {
    return new Promise((resolve, reject) => {
      let cancelTimer = () => {};
      const onAbort = () => {
        this.#kill("SIGTERM");
        cancelTimer = this.#deps.clock.setTimer(KILL_AFTER_MS, () => this.#kill("SIGKILL"));
      };
      const stop = () => {
        signal.removeEventListener("abort", onAbort);
        cancelTimer();
        if (this.#child.pid !== undefined) this.#deps.groups.remove(this.#child.pid);
      };
      this.#child.once("error", (error) => {
        stop();
        reject(error);
      });
      this.#child.once("exit", (code, killedBy) => {
        this.#kill("SIGKILL"); // processes that it has left
        stop();
        const finish = () => {
          cancelTimer();
          this.#child.stdout?.destroy();
          this.#child.stderr?.destroy();
          resolve(this.#resultOf(code, killedBy));
        };
        // the end of the output may still be in the pipes
        cancelTimer = this.#deps.clock.setTimer(DRAIN_MS, finish);
        this.#child.once("close", finish);
      });
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #resultOf(code: number | null, killedBy: NodeJS.Signals | null): ProbeResult {
    if (code === 0) return PASS;
    const output = this.#describeOutput();
    if (killedBy !== null) return fail("signal", `ended by ${killedBy}${output}`);
    const detail = `exit code ${code}${meaningOf(code ?? 0)}${output}`;
    return this.#warnCodes.has(code ?? 0) ? warn("exit", detail) : fail("exit", detail);
  }

  #describeOutput(): string {
    const [out, err] = [this.#stdout.lastLine(), this.#stderr.lastLine()];
    if (out === "" && err === "") return ", without output";
    return out === "" || err === "" ? `: ${out}${err}` : `: ${out}; stderr: ${err}`;
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

/** The meaning of an exit code that a shell gives. */
function meaningOf(code: number): string {
  if (code === 126) return " (of a shell: the command cannot be executed)";
  if (code === 127) return " (of a shell: the command was not found)";
  const name = Object.entries(constants.signals).find(([, number]) => number === code - SHELL_SIGNAL)?.[0];
  return name === undefined ? "" : ` (of a shell: the command was ended by ${name})`;
}

/** @throws ProberError where this machine has no room for another process */
function resultOfSpawnError(error: unknown): ProbeResult {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "EACCES" || code === "EPERM") return fail("EACCES", messageOf(error));
  const local = localFault(error);
  if (local !== undefined) throw local;
  if (code === "") throw error;
  return fail(NOT_FOUND.has(code) ? "ENOENT" : "EACCES", messageOf(error));
}
