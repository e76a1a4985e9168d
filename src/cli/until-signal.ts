/**
 * The end of a command that works for some time: by itself, by a signal, or by an uncaught error.
 */
import { setMaxListeners } from "node:events";
import { listenToProcess, TERMINATION_SIGNALS, type TerminationSignal } from "../lifecycle/signals.js";

/** How long `work` has to clean up after an uncaught error. */
const FATAL_MS = 1_000;

/**
 * Runs `work`, and resolves with its exit code. A termination signal aborts it; then the exit code is that of the signal. A
 * second one ends the process at once. An uncaught error aborts it too, and is thrown when `work` has cleaned up.
 * @throws what `work` throws unless it was aborted, and an uncaught error of the process
 */
export async function untilSignal(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // each probe or call that runs listens
  let received: TerminationSignal | undefined;
  let fatal: { readonly error: unknown } | undefined;
  let endLate = (_exitCode: number) => {};
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<number>((resolve) => {
    endLate = resolve;
  });
  const stopListening = listenToProcess({
    onTerminate(signal) {
      received = signal;
      abort.abort();
    },
    onInsist: (signal) => process.exit(TERMINATION_SIGNALS[signal]),
    onReload() {},
    onFatal(error) {
      timer ??= setTimeout(endLate, FATAL_MS, 0);
      fatal ??= { error };
      abort.abort();
    },
  });
  const working = work(abort.signal).catch((error: unknown) => {
    if (received === undefined && fatal === undefined) throw error;
    return 0;
  });
  try {
    const exitCode = await Promise.race([working, late]);
    if (fatal !== undefined) throw fatal.error;
    return received === undefined ? exitCode : TERMINATION_SIGNALS[received];
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}
