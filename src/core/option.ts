/** Options that are numbers: validation and defaults. Errors name the option. */
import { HealthError, messageOf } from "./health-error.js";
import { nearestTo } from "./nearest.js";

/** Maximum delay of a Node timer, in milliseconds. Node fires timers with a longer delay at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Services that a List answers, by default. With the longest names they fit the 4 MiB that gRPC clients accept in one
 * message.
 */
export const DEFAULT_LIST_LIMIT = 10_000;

/** Milliseconds for the first byte of a connection, and again for what the client must send before its requests. */
export const DEFAULT_FIRST_BYTES_TIMEOUT_MS = 5_000;

/** Milliseconds that a request may take to arrive. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 5_000;

/** The default of `drainDelayMs`: what Kubernetes needs to withdraw an endpoint. */
export const DEFAULT_DRAIN_DELAY_MS = 5_000;

/** The default of `closeTimeoutMs`: how long clients have to finish their requests. */
export const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;

/** Limits of the history: megabytes of memory, and how long it is kept. */
export const HISTORY_LIMITS = {
  defaultMemoryMb: 32,
  maxMemoryMb: 4_096,
  defaultRetainMs: 2_592_000_000,
  minRetainMs: 86_400_000,
  maxRetainMs: 7_776_000_000,
} as const;

/**
 * The value of a count, or its default.
 * @throws HealthError INVALID_OPTION for anything but a whole number from 1 to `max`
 */
export function wholeNumber(
  option: string,
  value: number | undefined,
  fallback: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? "from 1 on" : `from 1 to ${max}`;
  throw new HealthError("INVALID_OPTION", `${option} must be a whole number ${range}; got ${messageOf(value)}`);
}

/**
 * The value of a switch, or its default. Any other value would count as true, and `startsReady: "no"` would be a false OK.
 * @throws HealthError INVALID_OPTION for anything but true or false
 */
export function trueOrFalse(option: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === "boolean") return value;
  throw new HealthError("INVALID_OPTION", `${option} must be true or false; got ${messageOf(value)}`);
}

/**
 * The value of a time in milliseconds, or its default.
 * @throws HealthError INVALID_OPTION for anything but a whole number from 1 to `MAX_TIMER_MS`
 */
export function milliseconds(option: string, value: number | undefined, fallbackMs: number): number {
  return wholeNumber(option, value, fallbackMs, MAX_TIMER_MS);
}

/**
 * The value of `drainDelayMs`, or its default. With 0 there is no delay.
 * @throws HealthError INVALID_OPTION for anything but 0 or a time
 */
export function drainDelay(value: number | undefined): number {
  return value === 0 ? 0 : milliseconds("drainDelayMs", value, DEFAULT_DRAIN_DELAY_MS);
}

/**
 * Refuses an option that does not exist: callers may have no types.
 * @throws HealthError INVALID_OPTION with the nearest known option; also for what is no object
 */
export function requireKnownOptions(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null)
    throw new HealthError("INVALID_OPTION", `the options of ${owner} must be an object; got ${String(options)}`);
  const unknown = Object.keys(options).find((option) => !known.includes(option));
  if (unknown === undefined) return;
  const nearest = nearestTo(unknown, known);
  const hint = nearest === undefined ? `known: ${known.join(", ")}` : `did you mean ${nearest}?`;
  throw new HealthError("INVALID_OPTION", `${JSON.stringify(unknown)} is not an option of ${owner}; ${hint}`);
}
