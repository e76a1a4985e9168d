/**
 * What the system and the language tell the process: the only place that listens to `process`.
 */

/** The signals that ask a process to end, with the exit code that a shell gives for each. */
export const TERMINATION_SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that asks the process to end. */
export type TerminationSignal = keyof typeof TERMINATION_SIGNALS;

/** Who is told of what. */
export interface ProcessListener {
  /** The first signal that asks to end. */
  onTerminate(signal: TerminationSignal): void;
  /** A second one: whoever sends it doesn't want to wait. */
  onInsist(signal: TerminationSignal): void;
  /** SIGHUP: read the configuration again. */
  onReload(): void;
  /** An error that nobody caught. The process is in an unknown state and must not go on. */
  onFatal(error: unknown): void;
}

/** Starts to listen. Returns the way out. */
export function listenToProcess(listener: ProcessListener): () => void {
  let asked = false;
  const onSignal = (signal: TerminationSignal) => {
    if (asked) listener.onInsist(signal);
    else listener.onTerminate(signal);
    asked = true;
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
