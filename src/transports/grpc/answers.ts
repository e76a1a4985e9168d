/**
 * The answers of Check and List, for any engine. Pure.
 *
 * Error texts are constants. A name that a client sent is never echoed: a long one would make the header fields larger than
 * clients accept, which ends a connection that many callers share (docs/known-faults.md 0.3).
 */
import { OVERALL } from "../../core/service-name.js";
import type { ServiceStatus, StatusReader } from "../../registry/ports.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { healthCheckResponse, readHealthCheckRequest, writeHealthListResponse } from "../../wire/health-messages.js";

/** An answer to a unary call: a message, or an error. */
export type UnaryAnswer =
  | { readonly message: Buffer; readonly degraded: boolean }
  | { readonly code: GrpcCode; readonly text: string };

/** The metadata key of a service that is SERVING, but degraded. Envoy reads the same name as an HTTP header. */
export const DEGRADED_KEY = "x-envoy-degraded";

/** Answers a Check. O(1). */
export function answerCheck(reader: StatusReader, request: Uint8Array): UnaryAnswer {
  const reading = readHealthCheckRequest(request);
  if ("fault" in reading) return { code: "INVALID_ARGUMENT", text: reading.fault };
  const found = reader.read(reading.service);
  return found === undefined ? { code: "NOT_FOUND", text: "unknown service" } : answerOf(found);
}

/** Answers a List. O(services), at most `listLimit`. The server as a whole does not count. */
export function answerList(reader: StatusReader, listLimit: number): UnaryAnswer {
  const statuses: [string, ServiceStatus["status"]][] = [];
  let counted = 0;
  for (const [service, { status }] of reader.services()) {
    if (service !== OVERALL) counted += 1;
    if (counted > listLimit) return { code: "RESOURCE_EXHAUSTED", text: "too many services to list" };
    statuses.push([service, status]);
  }
  return { message: writeHealthListResponse(statuses), degraded: false };
}

/**
 * Answers a load balancer that reads the status code alone (for AWS ALB every OK is healthy): OK when the server as a whole
 * is SERVING, else UNAVAILABLE.
 */
export function answerByCode(reader: StatusReader): UnaryAnswer {
  const overall = reader.read("");
  if (overall?.status === "SERVING") return answerOf(overall);
  return { code: "UNAVAILABLE", text: overall?.status ?? "UNKNOWN" };
}

function answerOf(found: ServiceStatus): UnaryAnswer {
  return { message: healthCheckResponse(found.status), degraded: found.degraded };
}
