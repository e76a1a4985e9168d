/** Programs of a test that is ended from outside (Ctrl-C, SIGTERM, a time limit): no `after` is called then. */
import type { ChildProcess } from "node:child_process";

/** Calls `end` when this process ends before `child` does. */
export function notOutlive(child: ChildProcess, end: () => void): void {
  const interrupted = () => process.exit(1);
  process.once("exit", end).once("SIGINT", interrupted).once("SIGTERM", interrupted);
  child.once("exit", () => process.off("exit", end).off("SIGINT", interrupted).off("SIGTERM", interrupted));
}
