/**
 * Durations in text: `500ms`, `5s`, `1m`, `1h`, `1d`, `1w`, and sums such as `1m30s`.
 *
 * Text needs a unit, because a bare number could be seconds or milliseconds. The library also takes numbers, in
 * milliseconds.
 */
import { messageOf } from "./health-error.js";

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g;

/** The form of a duration: numbers, each with its unit. */
export const DURATION_FORM = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;

/** One year: longer than any useful setting, and exact as a number of milliseconds. */
const MAX_MS = 365 * UNIT_MS.d;

/** A duration: text with units, or a number of milliseconds. */
export type DurationLike = string | number;

/**
 * Milliseconds of a duration, or `undefined` when it is invalid, negative, or longer than a year. The caller knows the
 * name of the option and writes the error message.
 */
export function parseDuration(value: unknown): number | undefined {
  const ms = typeof value === "number" ? value : typeof value === "string" ? parseText(value) : Number.NaN;
  return ms >= 0 && ms <= MAX_MS ? ms : undefined;
}

/** Whether a text is a valid duration. */
export function isDuration(text: string): boolean {
  return parseDuration(text) !== undefined;
}

/** The shortest text for a number of milliseconds: `90000` is `1m30s`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = "";
  for (const unit of ["h", "m", "s"] as const) {
    const count = Math.floor(rest / UNIT_MS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNIT_MS[unit];
  }
  return rest > 0 || text === "" ? `${text}${rest}ms` : text;
}

/** A duration as its caller wrote it: a number with its unit. */
export function durationAsGiven(duration: unknown): string {
  return typeof duration === "number" ? `${duration} ms` : messageOf(duration);
}

function parseText(text: string): number {
  if (!DURATION_FORM.test(text)) return Number.NaN;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(PART)) ms += Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return ms;
}
