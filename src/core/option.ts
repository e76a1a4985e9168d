/** Options that are numbers: read with their default, refused by name when they make no sense. */
import { HealthError } from "./health-error.js";

/**
 * The value of an option that counts something (milliseconds, connections), or its default.
 * @throws HealthError INVALID_OPTION for anything but a whole number from `least` on
 */
export function wholeNumber(option: string, value: number | undefined, fallback: number, least = 1): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new HealthError("INVALID_OPTION", `${option} must be a whole number from ${least} on; got ${String(value)}`);
}
