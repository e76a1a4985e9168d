/**
 * Reads a token from a file: an environment variable or a flag would show it to whoever lists processes.
 */
import { readFileSync } from "node:fs";
import { HealthError, messageOf } from "../core/health-error.js";

/**
 * The token, without the line end that editors leave.
 * @throws HealthError INVALID_OPTION naming the file
 */
export function readTokenFile(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new HealthError("INVALID_OPTION", `token file: cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}
