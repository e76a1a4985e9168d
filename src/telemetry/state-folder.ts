/**
 * The file system under the journal: its folder, the size of its file, and which errors of the system refuse a start.
 *
 *     start --> an error that an operator must fix --> HealthError STATE_FAILED, which names the folder
 *         '---> a full disk                        --> the start continues without a file
 */
import { mkdir, open, stat } from "node:fs/promises";
import { HealthError, messageOf } from "../core/health-error.js";

/** Temporary errors. Any other error ends the start. */
const PASSING_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/** A new file survives a power cut only if its folder was synced too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Runs a step of the start. An error that an operator must fix becomes a HealthError. */
export async function refusing<Value>(folder: string, step: () => Promise<Value>): Promise<Value> {
  try {
    return await step();
  } catch (cause) {
    if (cause instanceof HealthError) throw cause;
    throw new HealthError("STATE_FAILED", `stateDir ${folder}: cannot be used (${messageOf(cause)})`, { cause });
  }
}

/** Returns undefined for a temporary error: on a full disk, the start continues without a file. */
export function ignorePassing(error: unknown): undefined {
  if (!PASSING_CODES.has(codeOf(error))) throw error;
}

/** Not with `recursive`: in /proc that never ends. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (!(await stat(folder)).isDirectory()) throw new HealthError("STATE_FAILED", `stateDir ${folder}: not a folder`);
  }
}

/** The size of a regular file; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) throw new HealthError("STATE_FAILED", `${path} must be a regular file`);
    return stats.size;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return 0;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
