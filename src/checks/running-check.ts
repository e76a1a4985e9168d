/** A check that runs: what was declared, and its runner. */
import { isAuthorized } from "../core/bearer-token.js";
import type { Heartbeat, Report } from "../probers/heartbeat.js";
import { RenewableProber } from "../probers/renewable-prober.js";
import type { Assumption } from "./assumption.js";
import type { ConfiguredCheck, OpenedCheck } from "./checks-plan.js";
import type { CheckDeclaration } from "./declarations.js";
import type { Progress } from "./evaluate.js";
import type { FailureDecision } from "./isolation.js";
import { CheckRunner } from "./runner.js";
import type { LastProbe, RunnerDeps } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";
import type { NewCheck } from "./spread.js";

export interface RunningCheck extends ConfiguredCheck, NewCheck {
  declaration: CheckDeclaration;
  settings: CompleteSettings;
  runner: CheckRunner;
  /** Puts a new runner in the place of one that was stopped. The prober stays. */
  readonly renewRunner: () => void;
  readonly prober: RenewableProber;
  readonly heartbeat: Heartbeat | undefined;
}

/** A check that is taken out: its runner, which is to be ended, and the state that one with another target takes over. */
export interface TakenCheck {
  readonly runner: CheckRunner;
  readonly lastState: Assumption | undefined;
}

/** Receives the progress of every check. See `RunnerListener`. */
export interface CheckListener {
  onProgress(check: RunningCheck, progress: Progress, last: LastProbe | undefined): void;
  onThreshold(check: RunningCheck): FailureDecision;
  onProberError(check: RunningCheck, reason: string): void;
}

/** A check whose runner has not been started. */
export function createCheck(opened: OpenedCheck, deps: RunnerDeps, listener: CheckListener): RunningCheck {
  const { declaration, settings, prober, heartbeat } = opened;
  const runnerListener = {
    onProgress: (progress: Progress, last: LastProbe | undefined) => listener.onProgress(check, progress, last),
    onThreshold: () => listener.onThreshold(check),
    onProberError: (reason: string) => listener.onProberError(check, reason),
  };
  const renewable = new RenewableProber(prober);
  const options = { name: declaration.name, prober: renewable, settings, deps, listener: runnerListener };
  const check: RunningCheck = {
    ...{ declaration, settings, heartbeat },
    prober: renewable,
    runner: new CheckRunner(options),
    renewRunner: () => {
      check.runner = new CheckRunner({ ...options, settings: check.settings });
    },
  };
  return check;
}

/** Whether the first probe waits for the initial delay alone, however many checks start at the same time. */
export function isPassive({ declaration: { source } }: RunningCheck): boolean {
  return source.kind === "heartbeat" || (source.kind === "prober" && source.passive === true);
}

/** Gives a report to a heartbeat. False for a wrong token, and for a check that takes no reports. */
export function takeReport(
  check: RunningCheck | undefined,
  authorization: string | undefined,
  report: Report,
): boolean {
  const source = check?.declaration.source;
  if (source?.kind !== "heartbeat" || source.token === undefined) return false;
  if (!isAuthorized(authorization, source.token)) return false;
  check?.heartbeat?.beat(report);
  return true;
}
