/**
 * The entry of the thread that reads a configuration for a reload: see `config-thread`. It reads and validates as `serve`
 * does at its start, and starts nothing.
 */
import { parentPort, workerData } from "node:worker_threads";
import { requireValid } from "../config/validate.js";
import { HealthError } from "../core/health-error.js";
import { type ConfigPart, partsOf, type ThreadAnswer, type ThreadRequest } from "./config-parts.js";
import { loadConfig } from "./load-config.js";

async function answer(): Promise<ThreadAnswer> {
  // only `config-thread` starts this file
  const { file, values, port } = workerData as ThreadRequest;
  try {
    const config = requireValid(await loadConfig(file, values));
    for (const part of partsOf(config)) port.postMessage(part satisfies ConfigPart);
    return { kind: "valid" };
  } catch (error) {
    if (!(error instanceof HealthError)) throw error;
    return { kind: "invalid", message: error.message };
  }
}

answer().then(
  (found) => parentPort?.postMessage(found),
  (error: unknown) => {
    throw error;
  },
);
