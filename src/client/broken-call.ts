/**
 * How a call can end without a status, and what that says of the peer.
 *
 * Node tells it in many ways: an error of the system, of the session, of the stream, a stream that ends with nothing in
 * it. Here they become one of five kinds, because two questions hang on it: whose fault was it, and may the question be
 * asked again?
 */

/** What ended the call. */
export type BrokenKind =
  /** The peer, or the way to it, broke the stream or the connection on purpose. */
  | "reset"
  /** The connection ended before the answer did. */
  | "closed"
  /** The peer was leaving and has never begun with the call: it can be asked again without harm. */
  | "unprocessed"
  /** What the peer said is not gRPC. */
  | "protocol"
  /** We have ended it ourselves. */
  | "cancelled";

/** A call that ended without a status. */
export class BrokenCall extends Error {
  override readonly name = "BrokenCall";
  readonly kind: BrokenKind;

  constructor(kind: BrokenKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** A stream as far as its end is concerned. */
interface EndedStream {
  readonly rstCode: number | undefined;
  readonly session: { readonly closed: boolean } | undefined;
}

const REFUSED_STREAM = 7;

/** What an error of a stream means. Errors of the system (ECONNREFUSED and their like) are left as they are. */
export function breakOf(error: Error, stream: EndedStream): Error {
  // a call that waited for its connection is cancelled with it; the cause is what happened to the connection
  const first = error.cause instanceof Error ? error.cause : error;
  const code = "code" in first ? String(first.code) : "";
  if (first instanceof BrokenCall || !code.startsWith("ERR_HTTP2")) return first;
  const options = { cause: first };
  if (stream.rstCode === REFUSED_STREAM || code === "ERR_HTTP2_GOAWAY_SESSION")
    return new BrokenCall("unprocessed", first.message, options);
  if (code === "ERR_HTTP2_STREAM_ERROR" || code === "ERR_HTTP2_SESSION_ERROR")
    return new BrokenCall("reset", first.message, options);
  return new BrokenCall("protocol", first.message, options);
}

/** What it means that a stream ended with no error and no status in it. */
export function breakOfSilence(stream: EndedStream): BrokenCall {
  if (stream.session?.closed !== false) return new BrokenCall("closed", "the connection ended before the answer did");
  if (stream.rstCode) return new BrokenCall("reset", `the peer reset the stream (code ${stream.rstCode})`);
  return new BrokenCall("protocol", "the answer ended without a grpc-status");
}
