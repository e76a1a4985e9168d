/** Options that are numbers: read with their default, refused by name when they make no sense. */
import { HealthError } from "./health-error.js";

/** The longest time that Node's timers can count; what is longer they fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Services that a List answers, if nothing else is configured. With names of the longest kind they fit the 4 MiB that
 * clients of gRPC take in one message.
 */
export const DEFAULT_LIST_LIMIT = 10_000;

/**
 * The value of an option that counts something, or its default.
 * @throws HealthError INVALID_OPTION for anything but a whole number from 1 to `most`
 */
export function wholeNumber(
  option: string,
  value: number | undefined,
  fallback: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  const upTo = most === Number.MAX_SAFE_INTEGER ? "on" : `to ${most}`;
  throw new HealthError("INVALID_OPTION", `${option} must be a whole number from 1 ${upTo}; got ${String(value)}`);
}

/**
 * The value of an option that is a time in milliseconds, or its default.
 * @throws HealthError INVALID_OPTION for anything but a whole number from 1 to what a timer can count
 */
export function milliseconds(option: string, value: number | undefined, fallbackMs: number): number {
  return wholeNumber(option, value, fallbackMs, MAX_TIMER_MS);
}
