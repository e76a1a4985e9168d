/**
 * The serving statuses of `grpc.health.v1`, as strings. Their numbers are in `wire/` only.
 */

/** The status of a service. Source: ServingStatus of grpc/health/v1/health.proto, values 0 to 2. */
export type ServingStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING";

/** The status in a Watch message: a serving status, or value 3 of the proto for an unknown service. */
export type WatchStatus = ServingStatus | "SERVICE_UNKNOWN";

/** All serving statuses, in the order of their numbers. */
export const SERVING_STATUSES: readonly ServingStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];

/** Whether a value is a serving status. */
export function isServingStatus(value: unknown): value is ServingStatus {
  return typeof value === "string" && (SERVING_STATUSES as readonly string[]).includes(value);
}
