/**
 * The status words of `grpc.health.v1`, as this project holds them inside.
 *
 * They are words, not the wire's numbers: the numbers are known to `wire/` alone, so that nothing in between can
 * mistake one for the other.
 */

/** What a service can be set to. Source: ServingStatus of grpc/health/v1/health.proto, values 0 to 2. */
export type ServingStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING";

/** What a Watch can say: a serving status, or that nobody has declared the name (value 3 of the proto). */
export type WatchStatus = ServingStatus | "SERVICE_UNKNOWN";

/** Every word that a service can be set to, in the order of the wire's numbers. */
export const SERVING_STATUSES: readonly ServingStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];

/** Tells a word that a service can be set to from anything else. */
export function isServingStatus(value: unknown): value is ServingStatus {
  return typeof value === "string" && (SERVING_STATUSES as readonly string[]).includes(value);
}
