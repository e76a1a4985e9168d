/**
 * Signals and uncaught errors of the process. No other file listens to `process`.
 */

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
  process.on("SIGINT", listener).on("SIGTERM", listener);
  return () => void process.off("SIGINT", listener).off("SIGTERM", listener);
}

/**
 * Calls `listener` when the process exits: at its end, by `process.exit` and after an uncaught error, but not when a signal
 * kills it. Only synchronous work is done. Returns an unsubscribe function.
 */
export function onProcessExit(listener: () => void): () => void {
  process.on("exit", listener);
  return () => void process.off("exit", listener);
}
