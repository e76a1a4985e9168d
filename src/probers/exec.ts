/**
 * A program: passes when it ends with exit code 0.
 *
 *     spawn in a process group of its own --exit--> verdict, and whatever is left of the group is killed
 *                                    '----abort--> TERM to the group --0.5 s--> KILL to the group
 *
 * There is no shell, so nothing in an argument is a command. A program that hangs, forks and ignores its signals is ended
 * with all that it has started, since they share its group; what leaves the group (setsid) has left on purpose.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../core/clock.js";
import type { ExecLimit } from "./exec-limit.js";
import { fail, PASS, type ProbeResult, type Prober, ProberError } from "./prober.js";

/** What a program is run with. */
export interface ExecDeps {
  readonly clock: Clock;
  readonly gate: ExecLimit;
  /** The environment of this process; few of its variables are handed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** More of what a program says is not kept. */
const MAX_OUTPUT_BYTES = 4_096;

/** Between the request to end and the end. */
const KILL_AFTER_MS = 500;

/** Variables that a program finds. Whatever else it needs, it can be told in its arguments or by a wrapper. */
const HANDED_ON = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** Errors of `spawn` that are ours: there is no room for another process. */
const OUR_FAULTS: ReadonlySet<string> = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);

/** A prober that runs a program with its arguments. */
export function openExec(command: readonly string[], deps: ExecDeps): Prober {
  const [program = "", ...args] = command;
  const handedOn = HANDED_ON.flatMap((name) => {
    const value = deps.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = Object.fromEntries(handedOn);
  return {
    async probe({ signal }) {
      const leave = await deps.gate.enter(signal);
      try {
        const child = spawn(program, args, {
          env,
          detached: true,
          stdio: ["ignore", "pipe", "pipe"],
          windowsHide: true,
        });
        return await new Running(child, deps.clock).result(signal);
      } finally {
        leave();
      }
    },
    close() {},
  };
}

/** A program that runs. */
class Running {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #output = "";

  constructor(child: ChildProcess, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        // what comes after is read, so that the program isn't stopped by a full pipe, and forgotten
        this.#output = (this.#output + text).slice(0, MAX_OUTPUT_BYTES);
      });
      stream?.on("error", () => {}); // the pipe broke with its program: `exit` tells
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
        this.#kill("SIGKILL"); // what it has left behind
        finish(() => resolve(this.#judge(code, killedBy)));
      });
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #judge(code: number | null, killedBy: NodeJS.Signals | null): ProbeResult {
    if (code === 0) return PASS;
    const said = this.#output === "" ? "it said nothing" : `it said ${JSON.stringify(this.#output)}`;
    return killedBy === null
      ? fail("exit", `exit code ${code}; ${said}`)
      : fail("signal", `ended by ${killedBy}; ${said}`);
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // nobody is left in the group
    }
  }
}

function settleError(
  error: NodeJS.ErrnoException,
  resolve: (result: ProbeResult) => void,
  reject: (error: Error) => void,
): void {
  const { code = "", message } = error;
  if (OUR_FAULTS.has(code)) reject(new ProberError("prober", message, { cause: error }));
  else resolve(fail(code === "EACCES" || code === "EPERM" ? "EACCES" : "ENOENT", message));
}
