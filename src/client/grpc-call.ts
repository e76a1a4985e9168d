/**
 * One gRPC call with one request message, on an HTTP/2 connection.
 *
 *     head: 200 and application/grpc --> messages --> trailers: grpc-status        anything else is not gRPC
 *
 * Source: grpc/grpc doc/PROTOCOL-HTTP2.md.
 */
import { GRPC_CODES, type GrpcCode, grpcCodeOf } from "../wire/grpc-code.js";
import { encodeHeaders } from "../wire/http2/hpack-encoder.js";
import { BrokenCall } from "./broken-call.js";
import type { Http2Connection } from "./http2-connection.js";
import type { Fields, ResponseListener } from "./http2-stream.js";

/** How a call ended. */
export interface CallStatus {
  readonly code: GrpcCode;
  /** Text of the target: for logs only. */
  readonly text: string;
}

/** Receives what comes of a call. */
export interface CallListener {
  /** Throws to end the call; `onEnd` gets the error. */
  onMessage(message: Buffer): void;
  /** Called once, last. An error means that no status came: an error of the system, a BrokenCall or Unanswered. */
  onEnd(end: CallStatus | Error): void;
}

/** What a call asks. */
export interface CallRequest {
  /** From `encodeCallHead`. */
  readonly head: Buffer;
  readonly message: Buffer;
}

/** The longest message that is read: a HealthCheckResponse has two bytes. */
const MAX_MESSAGE_BYTES = 4096;

const PREFIX_BYTES = 5;

const NO_BYTES = Buffer.alloc(0);

/** The header block of a call: it depends on no table, so it is made once for all calls of a method. */
export function encodeCallHead(url: { readonly scheme: "http" | "https"; authority: string; path: string }): Buffer {
  return encodeHeaders([
    [":method", "POST"],
    [":scheme", url.scheme],
    [":path", url.path],
    [":authority", url.authority],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["user-agent", "healthbridge"],
  ]);
}

/** Starts a call. Closing the connection cancels it. */
export function startCall(connection: Http2Connection, call: CallRequest, listener: CallListener): void {
  connection.request({ head: call.head, body: withPrefix(call.message) }, new GrpcResponse(listener));
}

/** Whether a call ended with a status, and not with an error of the connection. */
export function hasStatus(end: CallStatus | Error): end is CallStatus {
  return !(end instanceof Error) && end.code in GRPC_CODES;
}

class GrpcResponse implements ResponseListener {
  readonly #listener: CallListener;
  readonly #messages = new MessagePrefixReader();
  /** The status that an answer has which is not gRPC. */
  #refusal: CallStatus | undefined;

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  onHead(head: Fields): void {
    this.#refusal = refusalOf(head);
    if (this.#refusal !== undefined) throw new BrokenCall("protocol", this.#refusal.text);
  }

  onData(bytes: Buffer): void {
    for (const message of this.#messages.read(bytes)) this.#listener.onMessage(message);
  }

  onEnd(end: Fields | Error): void {
    if (this.#refusal !== undefined) this.#listener.onEnd(this.#refusal);
    else if (end instanceof Error) this.#listener.onEnd(end);
    else this.#listener.onEnd(statusOf(end) ?? new BrokenCall("protocol", "the answer ended without a grpc-status"));
  }
}

/** An answer that is not gRPC, as the status that gRPC has for it. */
function refusalOf(head: Fields): CallStatus | undefined {
  const status = Number(head.get(":status"));
  if (status !== 200) return { code: HTTP_CODES[status] ?? "UNKNOWN", text: `HTTP status ${status}` };
  const type = head.get("content-type") ?? "";
  if (!type.startsWith("application/grpc")) return { code: "UNKNOWN", text: "the answer is not gRPC" };
  return undefined;
}

/** Source: grpc/grpc doc/http-grpc-status-mapping.md. */
const HTTP_CODES: Readonly<Record<number, GrpcCode>> = {
  400: "INTERNAL",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "UNIMPLEMENTED",
  429: "UNAVAILABLE",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "UNAVAILABLE",
};

/** The status in the trailers; `undefined` when there is none. Only digits are a number here: `Number("")` is 0. */
function statusOf(trailers: Fields): CallStatus | undefined {
  const number = trailers.get("grpc-status");
  if (number === undefined) return undefined;
  const code = /^\d{1,2}$/.test(number) ? grpcCodeOf(Number(number)) : "UNKNOWN";
  return { code, text: trailers.get("grpc-message") ?? "" };
}

function withPrefix(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Cuts the body of an answer into messages ("Length-Prefixed-Message"). At most one message is stored. */
class MessagePrefixReader {
  #bytes: Buffer = NO_BYTES;

  *read(chunk: Buffer): Generator<Buffer> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= PREFIX_BYTES) {
      const length = this.#bytes.readUInt32BE(1);
      // compression is not offered, so a compressed message is as wrong as one that is too long
      if (this.#bytes[0] !== 0) throw new BrokenCall("protocol", "the answer is compressed, which was not offered");
      if (length > MAX_MESSAGE_BYTES)
        throw new BrokenCall("protocol", `the answer has ${length} bytes, more than ${MAX_MESSAGE_BYTES}`);
      const end = PREFIX_BYTES + length;
      if (this.#bytes.length < end) break;
      yield this.#bytes.subarray(PREFIX_BYTES, end);
      this.#bytes = this.#bytes.subarray(end);
    }
    // a copy: a view would keep all that was read
    this.#bytes = this.#bytes.length === 0 ? NO_BYTES : Buffer.from(this.#bytes);
  }
}
