/**
 * The end of a command that works for some time: by itself, by a signal, or by an uncaught error.
 */
import { setMaxListeners } from "node:events";
import { listenToProcess, TERMINATION_SIGNALS, type TerminationSignal } from "../lifecycle/signals.js";

/**
 * Runs `work`, and resolves with its exit code. A termination signal aborts it; then the exit code is that of the signal. A
 * second one ends the process at once.
 * @throws what `work` throws unless it was aborted, and an uncaught error of the process
 */
export async function untilSignal(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // each probe or call that runs listens
  let received: TerminationSignal | undefined;
  let rejectFatal = (_error: unknown) => {};
  const fatal = new Promise<never>((_, reject) => {
    rejectFatal = reject;
  });
  const stopListening = listenToProcess({
    onTerminate(signal) {
      received = signal;
      abort.abort();
    },
    onInsist: (signal) => process.exit(TERMINATION_SIGNALS[signal]),
    onReload() {},
    onFatal: rejectFatal,
  });
  const aborted = (exitCode: number) => (received === undefined ? exitCode : TERMINATION_SIGNALS[received]);
  const working = work(abort.signal).then(aborted, (error: unknown) => {
    if (received === undefined) throw error;
    return aborted(0);
  });
  try {
    return await Promise.race([working, fatal]);
  } finally {
    stopListening();
  }
}
