/**
 * The load of this process as a check function. Its code, `pressure-check`, is loaded by the first call: the import of the
 * library stays small.
 */
import { systemClock } from "../core/clock.js";
import type { CheckFunction } from "./function.js";
import { createPressureCheck, type PressureLimits, type ProcessMeter } from "./pressure-check.js";

const THIS_PROCESS: ProcessMeter = {
  clock: systemClock,
  busyMs: () => performance.eventLoopUtilization().active,
  memory: () => process.memoryUsage(),
};

/**
 * A check function that fails while this process is under pressure: `health.check("process", processPressure({ ... }))`.
 * @throws HealthError INVALID_OPTION
 */
export function processPressure(limits: PressureLimits): CheckFunction {
  return createPressureCheck(limits, THIS_PROCESS);
}
