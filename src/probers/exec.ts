/**
 * A program: passes when it ends with exit code 0.
 *
 *     spawn in a process group of its own --exit--> result; what is left of the group is killed
 *                                    '----abort--> TERM to the group --0.5 s--> KILL to the group
 *
 * There is no shell, so no argument is taken for a command. A program that hangs, forks or ignores signals is killed with
 * all processes that it has started, because they share its group. A process that leaves the group (setsid) is not. When
 * healthbridge exits, at once by a second signal or after a fatal error too, the groups that still run are killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../core/clock.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { onProcessExit } from "../lifecycle/signals.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";
import { localFault } from "./reasons.js";

/** What a prober of a program works with. */
export interface ExecDeps {
  readonly clock: Clock;
  readonly groups: ProgramGroups;
  /** The environment of this process. Only a few variables are passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Output beyond this is read and dropped. */
const MAX_OUTPUT_BYTES = 4_096;

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

/**
 * A prober that runs a program with its arguments.
 * @throws HealthError INVALID_OPTION for what is not such a list
 */
export function openExec(command: readonly string[], deps: ExecDeps): Prober {
  const [fault] = commandFaults(command);
  if (fault !== undefined) throw new HealthError("INVALID_OPTION", `exec ${fault}`);
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
        return await new RunningProgram(child, deps).result(signal);
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
  #output = "";

  constructor(child: ChildProcess, deps: ExecDeps) {
    this.#child = child;
    this.#deps = deps;
    if (child.pid !== undefined) deps.groups.add(child.pid);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        // the rest is read too, or the program would block on a full pipe
        this.#output = (this.#output + text).slice(0, MAX_OUTPUT_BYTES);
      });
      stream?.on("error", () => {}); // the pipe ends with its program; `exit` has the result
    }
  }

  result(signal: AbortSignal): Promise<ProbeResult> {
    return new Promise((resolve, reject) => {
      let cancelKill = () => {};
      const onAbort = () => {
        this.#kill("SIGTERM");
        cancelKill = this.#deps.clock.setTimer(KILL_AFTER_MS, () => this.#kill("SIGKILL"));
      };
      const finish = (settle: () => void) => {
        signal.removeEventListener("abort", onAbort);
        cancelKill();
        if (this.#child.pid !== undefined) this.#deps.groups.remove(this.#child.pid);
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
        settle();
      };
      this.#child.once("error", (error) => finish(() => reject(error)));
      this.#child.once("exit", (code, killedBy) => {
        this.#kill("SIGKILL"); // processes that it has left
        finish(() => resolve(this.#judge(code, killedBy)));
      });
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #judge(code: number | null, killedBy: NodeJS.Signals | null): ProbeResult {
    if (code === 0) return PASS;
    const output = this.#output === "" ? "no output" : `output ${JSON.stringify(this.#output)}`;
    return killedBy === null
      ? fail("exit", `exit code ${code}; ${output}`)
      : fail("signal", `ended by ${killedBy}; ${output}`);
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) killGroup(this.#child.pid, signal);
  }
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
