/**
 * Where log lines go: stdout, as JSON for a pipe, as words for a person at a terminal.
 */
import { terminalLine } from "../telemetry/terminal.js";

/** Takes lines of JSON. */
export interface LogDestination {
  write(line: string): void;
}

/** The destination of this process. `NO_COLOR` and a dumb terminal are obeyed. */
export function logDestination(): LogDestination {
  const { stdout } = process;
  // a reader that has gone away (EPIPE) must not end the service: lines are lost, and nothing else
  stdout.on("error", () => {});
  if (!stdout.isTTY) return { write: (line) => void stdout.write(line) };
  const colour = stdout.hasColors() && (process.env.NO_COLOR ?? "") === "";
  return { write: (line) => void stdout.write(terminalLine(line, colour)) };
}
