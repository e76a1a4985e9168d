/**
 * The uptime of a service: the time serving of the time serving or not serving. Times that are unknown, in maintenance or
 * without data do not count: they show neither.
 */
import type { PastOfService } from "../../telemetry/history/service-history.js";

/** The share of the time serving; `undefined` when the service was neither serving nor not serving. */
export function uptimeOf({ parts: { serving, notServing } }: Pick<PastOfService, "parts">): number | undefined {
  return serving + notServing === 0 ? undefined : serving / (serving + notServing);
}
