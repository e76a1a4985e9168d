/**
 * The headers that `-rpc-header` adds to a call, by the rules of grpc-go: names of its own are ignored, and a name or value
 * that cannot be sent fails the call. No text has a value, which may be a secret.
 *
 * Source: isReservedHeader in grpc-go's internal/transport/http_util.go, and its internal/metadata.
 */
import type { MetadataFields } from "../../client/grpc-head.js";
import { goQuote } from "./go-format.js";

/** Headers that gRPC itself sends: `-rpc-header` cannot set them. */
const RESERVED: ReadonlySet<string> = new Set([
  "content-type",
  "user-agent",
  "grpc-message-type",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-timeout",
  "te",
]);

/** Why headers cannot be sent; `undefined` if they can. */
export function metadataFault(headers: MetadataFields): string | undefined {
  for (const [name, value] of headers) {
    if (name === "") return "there is an empty key in the header";
    if (name.startsWith(":")) continue;
    if (!/^[a-z0-9._-]+$/.test(name))
      return `header key ${goQuote(name)} contains illegal characters not in [0-9a-z-_.]`;
    if (!name.endsWith("-bin") && !/^[\x20-\x7e]*$/.test(value))
      return `header key ${goQuote(name)} contains value with non-printable ASCII characters`;
  }
  return undefined;
}

/** What a call has beside the given headers. */
interface OwnFields {
  readonly encoding: string | undefined;
  readonly timeoutMs: number | undefined;
}

/** The fields of a call, with those of gRPC first. The value of a name that ends with `-bin` is sent as base64. */
export function sentMetadata(headers: MetadataFields, { encoding, timeoutMs }: OwnFields): MetadataFields {
  const own: (readonly [string, string])[] = [];
  if (encoding !== undefined) own.push(["grpc-encoding", encoding], ["grpc-accept-encoding", encoding]);
  if (timeoutMs !== undefined) own.push(["grpc-timeout", timeoutText(timeoutMs)]);
  const given = headers.filter(([name]) => !name.startsWith(":") && !RESERVED.has(name));
  return [...own, ...given.map(([name, value]) => [name, name.endsWith("-bin") ? base64(value) : value] as const)];
}

/** At most eight digits and a unit (grpc/grpc doc/PROTOCOL-HTTP2.md, "Timeout"). */
function timeoutText(milliseconds: number): string {
  const microseconds = Math.max(1, Math.ceil(milliseconds * 1_000));
  if (microseconds < 1e8) return `${microseconds}u`;
  if (milliseconds < 1e8) return `${Math.ceil(milliseconds)}m`;
  return `${Math.min(99_999_999, Math.ceil(milliseconds / 1_000))}S`;
}

function base64(value: string): string {
  return Buffer.from(value).toString("base64").replace(/=+$/, "");
}
