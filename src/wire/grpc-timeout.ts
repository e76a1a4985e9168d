/**
 * The `grpc-timeout` header: at most eight digits and a unit.
 * Source: grpc/grpc doc/PROTOCOL-HTTP2.md, "Timeout".
 */

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header; `undefined` when it is not one. Up to 1e8 hours: more than a timer can hold. */
export function parseGrpcTimeout(header: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  return unitMs === undefined ? undefined : Number(match?.[1]) * unitMs;
}
