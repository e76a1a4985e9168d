/**
 * A worker of BullMQ as a check function. Its code, `bullmq-check`, is loaded by the first call: the import of the library
 * stays small.
 */
import type { CheckFunction } from "../probers/function.js";
import { type BullmqWorker, type BullmqWorkerOptions, createWorkerCheck } from "./bullmq-check.js";

/**
 * A check function for a worker of BullMQ, version 5 or later: `health.check("worker", bullmqWorker(worker))`. Call it where
 * the worker is made, before it takes its first job.
 * @throws HealthError INVALID_OPTION
 */
export function bullmqWorker(worker: BullmqWorker, options: BullmqWorkerOptions = {}): CheckFunction {
  return createWorkerCheck(worker, options);
}
