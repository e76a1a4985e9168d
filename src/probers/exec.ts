/**
 * A program: passes when it ends with exit code 0. `expect.warn` names the codes that are a warning, such as 1 for
 * plug-ins of Nagios and Consul; any other code fails. The last line of the output is the detail.
 *
 * The whole process group ends with the program, at the timeout, and when healthbridge exits, at once by a second signal or
 * after a fatal error too.
 */
import type { Clock } from "../core/clock.js";
import { HealthError, messageOf } from "../core/health-error.js";
import type { Expectation } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, warn } from "./prober.js";
import {
  commandFaults,
  describeExit,
  type ProgramEnd,
  type ProgramGroups,
  passedOn,
  RunningProgram,
} from "./program.js";
import { localFault } from "./reasons.js";

/** What a prober of a program works with. */
export interface ExecDeps {
  readonly clock: Clock;
  readonly groups: ProgramGroups;
  /** The environment of this process. Only a few variables are passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 500;

/** Descriptors that a program needs here: its two pipes, and one while it is started. */
export const PROGRAM_DESCRIPTORS = 3;

/** Errors of `spawn` that say that there is no such program. */
const NOT_FOUND: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

const MAX_EXIT_CODE = 255;

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
  const { clock, groups, environment } = deps;
  const options = { clock, groups, env: passedOn(environment), killAfterMs: KILL_AFTER_MS };
  return {
    async probe({ signal }) {
      try {
        return resultOf(await new RunningProgram(command, { ...options, signal }).ended, warnCodes);
      } catch (error) {
        return resultOfSpawnError(error); // `spawn` throws some errors, and emits others
      }
    },
    close() {},
  };
}

function resultOf({ code = 0, killedBy, output }: ProgramEnd, warnCodes: ReadonlySet<number>): ProbeResult {
  const text = output === "" ? ", without output" : `: ${output}`;
  if (killedBy !== undefined) return fail("signal", `ended by ${killedBy}${text}`);
  if (code === 0) return PASS;
  const detail = `${describeExit(code)}${text}`;
  return warnCodes.has(code) ? warn("exit", detail) : fail("exit", detail);
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
