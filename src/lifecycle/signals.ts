/**
 * Signals and uncaught errors of the process. No other file listens to `process`.
 */
import { constants } from "node:os";

/** The signals that end the process, each with the exit code that a shell reports for it. */
export const TERMINATION_SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

export type TerminationSignal = keyof typeof TERMINATION_SIGNALS;

/** What is called for each event. */
export interface ProcessListener {
  /** The first termination signal. */
  onTerminate(signal: TerminationSignal): void;
  /** A second termination signal: exit now. */
  onInsist(signal: TerminationSignal): void;
  /** SIGHUP: reload the configuration. */
  onReload(): void;
  /** An uncaught error. The process is in an unknown state and must end. */
  onFatal(error: unknown): void;
}

/** Starts to listen. Returns an unsubscribe function. */
export function listenToProcess(listener: ProcessListener): () => void {
  let isTerminating = false;
  const onSignal = (signal: TerminationSignal) => {
    if (isTerminating) listener.onInsist(signal);
    else listener.onTerminate(signal);
    isTerminating = true;
  };
  const onReload = () => listener.onReload();
  const onFatal = (error: unknown) => listener.onFatal(error);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onReload);
  process.on("uncaughtException", onFatal).on("unhandledRejection", onFatal);
  return () => {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onReload);
    process.off("uncaughtException", onFatal).off("unhandledRejection", onFatal);
  };
}

/**
 * Calls `listener` for each termination signal, for a program that has nothing to reload. Returns an unsubscribe function.
 */
export function onTerminationSignal(listener: (signal: TerminationSignal) => void): () => void {
  return onSignals(["SIGINT", "SIGTERM"], listener);
}

/** Calls `listener` for each of the signals. Returns an unsubscribe function. */
export function onSignals<Signal extends NodeJS.Signals>(
  signals: readonly Signal[],
  listener: (signal: Signal) => void,
): () => void {
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

/** Ends this process as the signal does where it has no listener. */
export function endBySignal(signal: NodeJS.Signals): void {
  // the kernel drops such a signal for the first process of a container, and another listener would ignore it
  if (process.pid === 1 || process.listenerCount(signal) > 0) process.exit(128 + constants.signals[signal]);
  process.kill(process.pid, signal);
}

/**
 * Ends the process by a termination signal while it has no other listener. It is for the first process of a container: the
 * kernel drops signals without a listener there, so that `docker stop` during the start would wait for its time limit.
 */
export function endByUnheardSignals(): void {
  for (const [signal, exitCode] of Object.entries(TERMINATION_SIGNALS))
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(exitCode);
    });
}

/** The shutdowns that signals have started in this process. */
interface Terminations {
  /** Those that are not done. */
  running: number;
  /** Whether one of those that are done ends the process by the signal. */
  endsBySignal: boolean;
}

const TERMINATIONS = Symbol.for("healthbridge.terminations");

/** The process itself keeps them: it may have several copies of this package. */
export function terminationsOfProcess(): Terminations {
  const owner: NodeJS.Process & { [TERMINATIONS]?: Terminations } = process;
  owner[TERMINATIONS] ??= { running: 0, endsBySignal: false };
  return owner[TERMINATIONS];
}

/** What is called around a stop of the process by job control. */
export interface JobControlListener {
  /** Before the process stops. */
  onStop(): void;
  /** After it has continued, and where it could not stop: without a shell that could continue it, a signal has no effect. */
  onContinue(): void;
}

/** Long enough for a signal to stop the process. */
const STOP_MS = 20;

/** Listens to SIGTSTP (Ctrl-Z) and SIGCONT (`fg`). Returns an unsubscribe function. */
export function onJobControl({ onStop, onContinue }: JobControlListener): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onSuspend = () => {
    onStop();
    // without a listener, the signal stops the process, if there is a shell to continue it
    process.off("SIGTSTP", onSuspend);
    process.kill(process.pid, "SIGTSTP");
    timer = setTimeout(onResume, STOP_MS);
  };
  const onResume = () => {
    clearTimeout(timer);
    process.off("SIGTSTP", onSuspend).on("SIGTSTP", onSuspend);
    onContinue();
  };
  process.on("SIGTSTP", onSuspend).on("SIGCONT", onResume);
  return () => {
    clearTimeout(timer);
    process.off("SIGTSTP", onSuspend).off("SIGCONT", onResume);
  };
}

/**
 * Calls `listener` when the process exits: at its end, by `process.exit` and after an uncaught error, but not when a signal
 * kills it. Only synchronous work is done. Returns an unsubscribe function.
 */
export function onProcessExit(listener: () => void): () => void {
  process.on("exit", listener);
  return () => void process.off("exit", listener);
}
