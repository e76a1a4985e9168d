/**
 * The entry of the thread that reads a configuration for a reload: see `config-thread`. It reads and validates as `serve`
 * does at its start, and starts nothing.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Violation } from "../checks/violation.js";
import { type LoadedConfig, requireValid } from "../config/validate.js";
import { HealthError } from "../core/health-error.js";
import { type ConfigPart, partsOf, type ThreadAnswer, type ThreadRequest } from "./config-parts.js";
import { loadConfig } from "./load-config.js";
import { type Renewed, renewFiles } from "./renew-files.js";

async function answer(): Promise<ThreadAnswer> {
  // only `config-thread` starts this file
  const request = workerData as ThreadRequest;
  try {
    const { loaded, failed, renewed } = await read(request);
    for (const part of partsOf(loaded)) request.port.postMessage(part satisfies ConfigPart);
    return { kind: "valid", failed, renewed };
  } catch (error) {
    if (!(error instanceof HealthError)) throw error;
    return { kind: "invalid", message: error.message };
  }
}

async function read({ file, values, fileChecks, accepted }: ThreadRequest): Promise<Renewed> {
  if (accepted !== undefined)
    return renewFiles({ file, values, text: accepted.text }, accepted.files, accepted.changed);
  const loaded = await loadConfig(file, values);
  requireValid(loaded, lostChecks(fileChecks, loaded), process.env);
  return { loaded, failed: [], renewed: [] };
}

/** All checks are removed only by a file that says so. */
function lostChecks(count: number | undefined, next: LoadedConfig): readonly Violation[] {
  if (count === undefined || count === 0 || next.fileChecks !== undefined) return [];
  const checks = count === 1 ? "a check" : `${count} checks`;
  const text = `the previous configuration has ${checks}, and this file has no \`checks\`; to remove all checks write checks: {}`;
  return [{ code: "INVALID_OPTION", path: ["checks"], text }];
}

answer().then(
  (result) => parentPort?.postMessage(result),
  (error: unknown) => {
    throw error;
  },
);
