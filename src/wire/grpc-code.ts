/**
 * The status codes of gRPC, and what Connect makes of them.
 * Sources: grpc/grpc doc/statuscodes.md; connectrpc.com/docs/protocol, "Error codes".
 */
export const GRPC_CODES = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The name of a code. */
export type GrpcCode = keyof typeof GRPC_CODES;

const NAMES = Object.keys(GRPC_CODES) as readonly GrpcCode[];

/** The name of a code's number; `UNKNOWN` for a number that gRPC does not define. */
export function grpcCodeOf(number: number): GrpcCode {
  return NAMES[number] ?? "UNKNOWN";
}

/** The HTTP status of a unary answer of Connect. */
export const CONNECT_HTTP_STATUS: Readonly<Record<GrpcCode, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** An error as the JSON of Connect. */
export function connectErrorOf(code: GrpcCode, message: string): { readonly code: string; readonly message: string } {
  return { code: code === "CANCELLED" ? "canceled" : code.toLowerCase(), message };
}
