/**
 * Runs the program of a recovery once.
 *
 * It gets what it is about as environment variables, and nothing as an argument: the name of a Celery worker comes from
 * the cluster, and could be read as an option or be inserted into a command by a shell.
 *
 * Its process group is killed at the timeout alone. What it has started may be the service itself.
 */
import type { RecoveryOutcome } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { createMask, secretsOfProgram } from "../probers/masked.js";
import { describeExit, type ProgramEnd, passedOn, RunningProgram } from "../probers/program.js";
import type { SeenService } from "./recovery-planner.js";
import type { RecoveryRule } from "./recovery-rules.js";

/** From SIGTERM to SIGKILL: a program may have to put something right before it ends. */
const KILL_AFTER_MS = 5_000;

const MAX_DETAIL_CHARACTERS = 300;

export interface RecoveryProgramDeps {
  readonly clock: Clock;
  /** The environment of this process. A few variables are passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What a run is for. */
export interface RecoveryRun {
  readonly rule: RecoveryRule;
  readonly service: SeenService;
  /** 1 for the first run within the rule's window. */
  readonly attempt: number;
}

/** How a run has ended. */
export interface RecoveryResult {
  readonly outcome: RecoveryOutcome;
  readonly detail: string;
}

/** A run that goes on. */
export interface RunningRecovery {
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly ended: Promise<RecoveryResult>;
  /** Leaves the program alone, for the end of this process. */
  readonly leave: () => void;
}

/** Starts the program. Never throws: what cannot be started has ended. */
export function startRecovery(run: RecoveryRun, { clock, environment }: RecoveryProgramDeps): RunningRecovery {
  const { command, timeoutMs } = run.rule;
  const abort = new AbortController();
  const env = { ...passedOn(environment), ...variablesOf(run) };
  const mask = createMask(secretsOfProgram(command, environment));
  const refused = (error: unknown): RecoveryResult => ({ outcome: "not-started", detail: mask(messageOf(error)) });
  try {
    const program = new RunningProgram(command, { clock, env, signal: abort.signal, killAfterMs: KILL_AFTER_MS });
    const cancel = clock.setTimer(timeoutMs, () => abort.abort());
    const ended = program.ended.then((end) => resultOf(end, abort.signal.aborted, mask), refused).finally(cancel);
    const leave = () => {
      cancel();
      program.leave();
    };
    return { pid: program.pid, ended, leave };
  } catch (error) {
    // `spawn` throws some errors, and emits others
    return { pid: undefined, ended: Promise.resolve(refused(error)), leave: () => {} };
  }
}

/** The variables of a run. docs/recovery.md describes them. */
function variablesOf({ rule, service, attempt }: RecoveryRun): Readonly<Record<string, string>> {
  return {
    HEALTHBRIDGE_RECOVERY: rule.name,
    HEALTHBRIDGE_SERVICE: service.name,
    HEALTHBRIDGE_STATUS: service.status,
    HEALTHBRIDGE_REASON: service.reason ?? "",
    HEALTHBRIDGE_SINCE: new Date(service.since).toISOString(),
    HEALTHBRIDGE_ATTEMPT: String(attempt),
  };
}

function resultOf(
  { code = 0, killedBy, output }: ProgramEnd,
  isTimeout: boolean,
  mask: (text: string) => string,
): RecoveryResult {
  const exit = killedBy === undefined ? describeExit(code) : `ended by ${killedBy}`;
  const detail = mask(output === "" ? `${exit}, without output` : `${exit}: ${output}`).slice(0, MAX_DETAIL_CHARACTERS);
  if (isTimeout) return { outcome: "timeout", detail };
  return { outcome: code === 0 && killedBy === undefined ? "success" : "failure", detail };
}
