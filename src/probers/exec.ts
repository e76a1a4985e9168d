/**
 * A program: passes when it ends with exit code 0.
 *
 *     spawn in a process group of its own --exit--> result; what is left of the group is killed
 *                                    '----abort--> TERM to the group --0.5 s--> KILL to the group
 *
 * There is no shell, so no argument is taken for a command. A program that hangs, forks or ignores signals is killed with
 * all processes that it has started, because they share its group. A process that leaves the group (setsid) is not.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../core/clock.js";
import type { ExecLimit } from "./exec-limit.js";
import { fail, PASS, type ProbeResult, type Prober, ProberError } from "./prober.js";

/** What a prober of a program works with. */
export interface ExecDeps {
  readonly clock: Clock;
  readonly gate: ExecLimit;
  /** The environment of this process. Only a few variables are passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Output beyond this is read and dropped. */
const MAX_OUTPUT_BYTES = 4_096;

/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 500;

/** Variables that a program gets. Others can be set by a wrapper. */
const PASSED_ON: readonly string[] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** Errors of `spawn` that say nothing about the program: this machine has no room for another process. */
const LOCAL_FAULTS: ReadonlySet<string> = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);

/** A prober that runs a program with its arguments. */
export function openExec(command: readonly string[], deps: ExecDeps): Prober {
  const [program = "", ...args] = command;
  const passedOn = PASSED_ON.flatMap((name) => {
    const value = deps.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = Object.fromEntries(passedOn);
  return {
    async probe({ signal }) {
      const release = await deps.gate.acquire(signal);
      try {
        const child = spawn(program, args, {
          env,
          detached: true,
          stdio: ["ignore", "pipe", "pipe"],
          windowsHide: true,
        });
        return await new RunningProgram(child, deps.clock).result(signal);
      } finally {
        release();
      }
    },
    close() {},
  };
}

/** A program that is running. */
class RunningProgram {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #output = "";

  constructor(child: ChildProcess, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
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
        cancelKill = this.#clock.setTimer(KILL_AFTER_MS, () => this.#kill("SIGKILL"));
      };
      const finish = (settle: () => void) => {
        signal.removeEventListener("abort", onAbort);
        cancelKill();
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
        settle();
      };
      this.#child.once("error", (error: NodeJS.ErrnoException) => finish(() => settleError(error, resolve, reject)));
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
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // no process is left in the group
    }
  }
}

function settleError(
  error: NodeJS.ErrnoException,
  resolve: (result: ProbeResult) => void,
  reject: (error: Error) => void,
): void {
  const { code = "", message } = error;
  if (LOCAL_FAULTS.has(code)) reject(new ProberError("prober", message, { cause: error }));
  else resolve(fail(code === "EACCES" || code === "EPERM" ? "EACCES" : "ENOENT", message));
}
