/**
 * Headers of a gRPC request, for every engine and transport. Source: grpc/grpc doc/PROTOCOL-HTTP2.md, "Requests".
 */

const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Whether a request is a gRPC call: `application/grpc`, with a format such as `+proto` or a parameter. */
export function isGrpcContentType(contentType: string | undefined): boolean {
  return contentType === "application/grpc" || (contentType !== undefined && GRPC_CONTENT_TYPE.test(contentType));
}

/**
 * Milliseconds of a `grpc-timeout` header, which has at most eight digits and a unit; `undefined` for any other text. Up
 * to 1e8 hours: more than a timer can hold.
 */
export function parseGrpcTimeout(header: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  return unitMs === undefined ? undefined : Number(match?.[1]) * unitMs;
}

/** A text as the value of `grpc-message`: percent-encoded UTF-8 but for printable ASCII ("Responses"). */
export function encodeGrpcMessage(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\x20-\x24\x26-\x7e]+/g, (part) =>
      [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
    );
}
