/** Child processes of a test that is killed (Ctrl-C, SIGTERM, a time limit): `after` is not called then. */
import type { ChildProcess } from "node:child_process";

/** Calls `end` when this process ends before `child`. */
export function notOutlive(child: ChildProcess, end: () => void): void {
  const interrupted = () => process.exit(1);
  process.once("exit", end).once("SIGINT", interrupted).once("SIGTERM", interrupted);
  child.once("exit", () => process.off("exit", end).off("SIGINT", interrupted).off("SIGTERM", interrupted));
}
