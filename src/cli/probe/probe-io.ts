/** What a probe has of its process: the environment, both streams and the signals. */
import { writeSync } from "node:fs";
import { onTerminationSignal, type TerminationSignal } from "../../lifecycle/signals.js";

export interface ProbeIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line to stdout, and adds the line break. Returns false when it could not be written: the reader is gone. */
  readonly out: (line: string) => boolean;
  /** The same for stderr. */
  readonly err: (line: string) => void;
  /** Calls the listener for SIGINT and SIGTERM. Returns an unsubscribe function. */
  readonly onSignal: (listener: (signal: TerminationSignal) => void) => () => void;
}

/** That of this process. The streams of Node take milliseconds to load, so lines are written to their descriptors. */
export function processIo(): ProbeIo {
  return {
    env: process.env,
    out: (line) => writeLine(1, line),
    err: (line) => writeLine(2, line),
    onSignal: (listener) => {
      onTerminationSignal(listener);
      return () => {}; // the process ends after the probe: to remove the listeners would only take time
    },
  };
}

const RETRY_MS = 5;
const MAX_RETRIES = 200;

/** A pipe may be full for a moment, and a reader may be gone: the exit code counts then. */
function writeLine(descriptor: number, line: string): boolean {
  let rest = Buffer.from(`${line}\n`);
  for (let retries = 0; rest.length > 0 && retries < MAX_RETRIES; ) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (Object(error).code !== "EAGAIN") return false;
      retries += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
  return rest.length === 0;
}
