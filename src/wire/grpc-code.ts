/** The status codes of gRPC that healthbridge sends or receives. Source: grpc/grpc doc/statuscodes.md. */
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
