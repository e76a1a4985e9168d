/** When a new report of a check changes an answer, beside its latency and times. */
import type { CheckReport } from "./ports.js";

/** Whether two reports of a check differ in nothing but latency and times. */
export function hasSameStatus(one: CheckReport, other: CheckReport): boolean {
  return (
    one.state === other.state &&
    one.reason === other.reason &&
    one.critical === other.critical &&
    one.counted === other.counted &&
    one.startup === other.startup &&
    one.held === other.held &&
    one.drained === other.drained &&
    one.group === other.group &&
    one.reported === other.reported &&
    (one.lastResultAt === undefined) === (other.lastResultAt === undefined) &&
    hasSameItems(one.services, other.services)
  );
}

function hasSameItems(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((item, index) => item === other[index]));
}
