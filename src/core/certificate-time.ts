/**
 * When the certificates of a chain begin and end to be valid, and the warnings about it.
 *
 * A client refuses a chain when one of its certificates is out of its time, so an intermediate certificate counts too.
 */
import type { X509Certificate } from "node:crypto";

const DAY_MS = 86_400_000;

/** A certificate that expires within this time is a warning: automatic renewal has failed by then. */
export const WARN_BEFORE_MS = 14 * DAY_MS;

/** Wall time at which the first certificate of a chain expires. */
export function chainEndsAt(chain: readonly X509Certificate[]): number {
  return Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
}

/** One text for each certificate of a chain that is expired, expires soon, or is not valid yet. `name` names the chain. */
export function timeWarnings(chain: readonly X509Certificate[], name: string, wallTime: number): readonly string[] {
  return chain.flatMap(({ validFrom, validTo }, index) => {
    const what = index === 0 ? name : `${name}: certificate ${index + 1} of the chain`;
    const [startsAt, endsAt] = [Date.parse(validFrom), Date.parse(validTo)];
    if (endsAt <= wallTime) return [`${what} expired on ${dateOf(endsAt)}: clients refuse it`];
    if (startsAt > wallTime) return [`${what} is not valid before ${dateOf(startsAt)}: clients refuse it`];
    if (endsAt - wallTime >= WARN_BEFORE_MS) return [];
    const days = Math.floor((endsAt - wallTime) / DAY_MS);
    return [`${what} expires in ${days} ${days === 1 ? "day" : "days"}, on ${dateOf(endsAt)}`];
  });
}

function dateOf(time: number): string {
  return new Date(time).toISOString().replace(".000Z", "Z");
}
