/**
 * Makes one probe of one check, and its report. The probe ends by its deadline, and nothing is left behind.
 *
 *     open the source --> room for a probe --> probe --result or error------------------------> report
 *                                                '--deadline: cancel, at most 1 s for its end--> report: timeout
 */
import { splitOptions } from "../checks/check-options.js";
import type { CheckDeclaration } from "../checks/declarations.js";
import { withLatency } from "../checks/evaluate.js";
import { checkOptions } from "../checks/option-rules.js";
import { ProbeRun } from "../checks/probe-run.js";
import type { CompleteSettings } from "../checks/settings.js";
import { SourceOpener } from "../checks/sources.js";
import { keepAlive } from "../core/background.js";
import { systemClock } from "../core/clock.js";
import { formatDuration } from "../core/duration.js";
import { messageOf } from "../core/health-error.js";
import { maskerOf } from "../probers/masked.js";
import { type ProbeResult, type Prober, ProberError } from "../probers/prober.js";
import { isAlwaysTls } from "../probers/schemes.js";
import { expectationsOf, shownSource } from "./test-expectation.js";
import { type ProbeEnd, phaseOf, reportOf, type TestReport, type TimedStep } from "./test-report.js";

/** How a check is tested. */
export interface TestOptions {
  /** In place of the timeout of the check. */
  readonly timeoutMs: number | undefined;
  readonly allowLinkLocal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by a signal of the process: the probe ends at once. */
  readonly signal: AbortSignal;
}

/** The time that an aborted probe has to end: a program gets SIGTERM, and half a second later SIGKILL. */
const ABORT_GRACE_MS = 1_000;

const WAITS: ProbeEnd = {
  verdict: "not-probed",
  detail: "a heartbeat is not probed: it waits for reports (POST /heartbeat/NAME with its token)",
};

/**
 * Probes once.
 * @throws HealthError INVALID_TARGET, INVALID_OPTION, MISSING_PACKAGE; the reason of the signal, when it is aborted
 */
export async function testCheck(declaration: CheckDeclaration, options: TestOptions): Promise<TestReport> {
  const { source } = declaration;
  const { settings } = checkOptions(declaration);
  const { proberOptions } = splitOptions(declaration.options);
  const timeoutMs = options.timeoutMs ?? settings.timeoutMs;
  const recorder = new StepRecorder();
  const opener = new SourceOpener({
    clock: systemClock,
    random: Math.random,
    environment: options.environment,
    trace: recorder.trace,
  });
  const { prober, heartbeat } = opener.open(source, proberOptions, options.allowLinkLocal);
  const tested = {
    check: declaration.name === "" ? undefined : declaration.name,
    target: shownSource(source),
    expected: expectationsOf(declaration),
    timeoutMs,
    mask: source.kind === "target" ? maskerOf(source.url, proberOptions) : (text: string) => text,
  };
  try {
    if (heartbeat !== undefined) return reportOf({ ...tested, startedAt: Date.now(), totalMs: 0 }, [], WAITS);
    if (prober.reserve !== undefined) await new Promise<void>((resolve) => prober.reserve?.(resolve));
    const startedAt = Date.now();
    recorder.start();
    const outcome = await probeOnce(prober, runOf(timeoutMs), options.signal);
    const { totalMs } = outcome;
    const context = { steps: recorder.steps, settings, isTls: source.kind === "target" && isAlwaysTls(source.url) };
    return reportOf({ ...tested, startedAt, totalMs }, recorder.steps, endOf(outcome, context));
  } finally {
    prober.close();
  }
}

/** This command has nothing else to do: it has no delays that move a deadline. */
function runOf(timeoutMs: number): ProbeRun {
  const startedAt = systemClock.now();
  const deadlines = { leftMs: () => startedAt + timeoutMs - systemClock.now() };
  return new ProbeRun({ startedAt, startLagMs: 0, timeoutMs, lostMs: 0, deadlines });
}

/** Collects the steps of a probe, with their times. */
class StepRecorder {
  readonly steps: TimedStep[] = [];
  #startedAt = 0;

  start(): void {
    this.#startedAt = systemClock.now();
  }

  readonly trace = (step: TimedStep["step"]): void => {
    this.steps.push({ step, atMs: systemClock.now() - this.#startedAt });
  };
}

/** What became of a probe: `late` when it had not ended at its deadline. */
type ProbeOutcome = { readonly totalMs: number } & (
  | { readonly kind: "result"; readonly result: ProbeResult }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "late"; readonly timeoutMs: number }
);

/** What a probe says that the deadline has ended. A program gets a signal then. */
const OF_DEADLINE: readonly (string | undefined)[] = [undefined, "timeout", "signal"];

/** @throws the reason of the signal, when it is aborted */
async function probeOnce(prober: Prober, run: ProbeRun, signal: AbortSignal): Promise<ProbeOutcome> {
  const { startedAt, timeoutMs } = run;
  const ended = prober.probe(run).then(
    (result) => ({ kind: "result" as const, result }),
    (error: unknown) => ({ kind: "error" as const, error }),
  );
  const inTime = await within(timeoutMs, ended, signal);
  const totalMs = systemClock.now() - startedAt;
  if (inTime !== undefined) return { totalMs, ...inTime };
  run.end();
  prober.cancel?.();
  const late = await within(ABORT_GRACE_MS, ended);
  signal.throwIfAborted();
  // an aborted probe may know better than that the time is over: that no name server has answered, for example
  const isPlain = late === undefined || (late.kind === "result" && OF_DEADLINE.includes(late.result.reason));
  return { totalMs, ...(isPlain ? { kind: "late", timeoutMs } : late) };
}

/** The value of a promise; `undefined` when the time is over or the signal is aborted before. */
async function within<Value>(delayMs: number, work: Promise<Value>, signal?: AbortSignal): Promise<Value | undefined> {
  let cancelTimer = () => {};
  let onAbort = () => {};
  const over = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
    cancelTimer = systemClock.setTimer(delayMs, onAbort);
    signal?.addEventListener("abort", onAbort);
  });
  if (signal?.aborted === true) onAbort();
  try {
    return await keepAlive(Promise.race([work, over]));
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** A deadline that is noticed so late was not used up by the target. */
const MAX_OVERDUE_MS = 1_000;

function busyText(overdueMs: number): string {
  const seconds = (overdueMs / 1_000).toFixed(1);
  return `this machine is too busy: healthbridge itself was blocked for ${seconds} s beyond the deadline; try again`;
}

/** What is said about the end of a probe. */
interface EndContext {
  readonly steps: readonly TimedStep[];
  readonly settings: CompleteSettings;
  /** Whether TLS begins as soon as the connection is made. */
  readonly isTls: boolean;
}

function endOf(outcome: ProbeOutcome, { steps, settings, isTls }: EndContext): ProbeEnd {
  switch (outcome.kind) {
    case "result": {
      const { outcome: verdict, ...rest } = withLatency(outcome.result, outcome.totalMs, settings);
      return { verdict, ...rest };
    }
    case "error": {
      const { error } = outcome;
      return {
        verdict: "not-probed",
        reason: error instanceof ProberError ? error.reason : "prober",
        detail: messageOf(error),
      };
    }
    case "late": {
      const overdueMs = outcome.totalMs - outcome.timeoutMs;
      if (overdueMs > MAX_OVERDUE_MS) return { verdict: "not-probed", reason: "prober", detail: busyText(overdueMs) };
      const phase = phaseOf(steps, isTls);
      const detail = `no answer within ${formatDuration(outcome.timeoutMs)}${phase === undefined ? "" : `; the time ended ${phase}`}`;
      return { verdict: "fail", reason: "timeout", detail };
    }
    default:
      return outcome satisfies never;
  }
}
