/**
 * The time range that a client of `/history` or of an uptime badge asks for.
 *
 *     ?hours=24                     up to now
 *     ?from=2026-11-26T08:00:00Z    ISO 8601 with a zone, or seconds since 1970; ?to= likewise, default now
 */

/** A request for the past of a service. */
export interface HistoryRoute {
  readonly kind: "history";
  readonly service: string;
  readonly hours: number | undefined;
  /** Wall time in milliseconds. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** The ranges of uptime badges, in hours. */
export const UPTIMES = { "24h": 24, "7d": 168, "30d": 720 } as const;

export type Uptime = keyof typeof UPTIMES;

export function isUptime(text: string | undefined): text is Uptime {
  return text !== undefined && Object.hasOwn(UPTIMES, text);
}

const MAX_HOURS = 2_400;

/** The start of the year 3000: a time beyond it is a mistake. */
const MAX_TIME_MS = 32_503_680_000_000;

/** A date with a time of day, and its zone: a browser and a server must not read it in two ways. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** The values of each parameter. */
interface RangeParameters {
  readonly hours: readonly string[];
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** `undefined` when a parameter is repeated or wrong, or when the range ends before it begins. */
export function historyRoute(service: string, { hours, from, to }: RangeParameters): HistoryRoute | undefined {
  if (hours.length > 1 || from.length > 1 || to.length > 1 || (hours.length > 0 && from.length > 0)) return undefined;
  const [hourCount, start, end] = [readHours(hours[0]), readTime(from[0]), readTime(to[0])];
  if (hourCount === "wrong" || start === "wrong" || end === "wrong") return undefined;
  if (end !== undefined && start === undefined) return undefined;
  if (start !== undefined && end !== undefined && start >= end) return undefined;
  return { kind: "history", service, hours: hourCount, from: start, to: end };
}

function readHours(text: string | undefined): number | undefined | "wrong" {
  if (text === undefined) return undefined;
  const hours = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return hours >= 1 && hours <= MAX_HOURS ? hours : "wrong";
}

function readTime(text: string | undefined): number | undefined | "wrong" {
  if (text === undefined) return undefined;
  const ms = /^\d{1,11}$/.test(text) ? Number(text) * 1_000 : ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return ms >= 0 && ms <= MAX_TIME_MS ? ms : "wrong";
}
