/**
 * One gRPC call with one request message, on an HTTP/2 connection.
 *
 *     head: 200 and application/grpc --> messages --> trailers: grpc-status        anything else is not gRPC
 *
 * Source: grpc/grpc doc/PROTOCOL-HTTP2.md.
 */
import { printable } from "../core/printable.js";
import { GRPC_CODES, type GrpcCode, grpcCodeOf } from "../wire/grpc-code.js";
import { isGrpcContentType } from "../wire/grpc-headers.js";
import { BrokenCall } from "./broken-call.js";
import type { Http2Connection } from "./http2-connection.js";
import type { Fields, ResponseListener } from "./http2-stream.js";

/** How a call ended. */
export interface CallStatus {
  readonly code: GrpcCode;
  /** Text of the target: for logs only. */
  readonly text: string;
  /** False for an answer of HTTP status 200 that is not gRPC. Its code is UNKNOWN. */
  readonly isGrpc?: false;
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
  /** From `encodeCallHead` in `grpc-head`. */
  readonly head: Buffer;
  readonly message: Buffer;
  /** The longest message of the answer. Default 4,096. */
  readonly maxMessageBytes?: number | undefined;
}

/** The longest message that is read by default: a HealthCheckResponse has two bytes. */
const MAX_MESSAGE_BYTES = 4096;

const PREFIX_BYTES = 5;

const NO_BYTES = Buffer.alloc(0);

/** Starts a call. Closing the connection cancels it. */
export function startCall(connection: Http2Connection, call: CallRequest, listener: CallListener): void {
  connection.request({ head: call.head, body: withPrefix(call.message) }, new GrpcResponse(listener, call));
}

/** Whether a call ended with a status, and not with an error of the connection. */
export function hasStatus(end: CallStatus | Error): end is CallStatus {
  return !(end instanceof Error) && end.code in GRPC_CODES;
}

class GrpcResponse implements ResponseListener {
  readonly #listener: CallListener;
  readonly #messages: MessagePrefixReader;
  /** The status that an answer has which is not gRPC. */
  #refusal: CallStatus | undefined;

  constructor(listener: CallListener, { maxMessageBytes = MAX_MESSAGE_BYTES }: CallRequest) {
    this.#listener = listener;
    this.#messages = new MessagePrefixReader(maxMessageBytes);
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
    else this.#listener.onEnd(this.#statusOf(end));
  }

  #statusOf(trailers: Fields): CallStatus | BrokenCall {
    const status = statusOf(trailers);
    if (status === undefined) return new BrokenCall("protocol", "the answer ended without a grpc-status");
    if (status.code === "OK" && this.#messages.isWithinMessage)
      return new BrokenCall("protocol", "the answer ended within a message");
    return status;
  }
}

/**
 * An answer that is not gRPC, as the status that gRPC has for it. A grpc-status beside another HTTP status than 200 counts,
 * but never as OK.
 */
function refusalOf(head: Fields): CallStatus | undefined {
  const type = head.get("content-type");
  const status = Number(head.get(":status"));
  if (status === 200) {
    if (isGrpcContentType(type)) return undefined;
    const shown =
      type === undefined ? "has no content-type" : `has the content-type ${printable(JSON.stringify(type))}`;
    return { code: "UNKNOWN", text: `the answer is not gRPC: it ${shown}`, isGrpc: false };
  }
  const given = isGrpcContentType(type) ? statusOf(head) : undefined;
  if (given !== undefined && given.code !== "OK") return given;
  return { code: HTTP_CODES[status] ?? "UNKNOWN", text: `HTTP status ${status}` };
}

/** For an answer without a grpc-status. Source: grpc/grpc doc/http-grpc-status-mapping.md. */
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
  return { code, text: decodeMessage(trailers.get("grpc-message") ?? "") };
}

/** A grpc-message is percent-encoded UTF-8. An invalid encoding is kept as it is (doc/PROTOCOL-HTTP2.md, "Responses"). */
function decodeMessage(text: string): string {
  const decoded = text.replace(/(?:%[0-9a-f]{2})+/gi, (codes) =>
    Buffer.from(codes.replaceAll("%", ""), "hex").toString("utf8"),
  );
  return printable(decoded);
}

function withPrefix(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Cuts the body of an answer into messages ("Length-Prefixed-Message"). At most one message is stored. */
class MessagePrefixReader {
  readonly #maxBytes: number;
  #bytes: Buffer = NO_BYTES;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun, and its end has not come. */
  get isWithinMessage(): boolean {
    return this.#bytes.length > 0;
  }

  *read(chunk: Buffer): Generator<Buffer> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= PREFIX_BYTES) {
      const length = this.#bytes.readUInt32BE(1);
      // compression is not offered, so a compressed message is as wrong as one that is too long
      if (this.#bytes[0] !== 0) throw new BrokenCall("protocol", "the answer is compressed, which was not offered");
      if (length > this.#maxBytes)
        throw new BrokenCall("protocol", `the answer has ${length} bytes, more than ${this.#maxBytes}`);
      const end = PREFIX_BYTES + length;
      if (this.#bytes.length < end) break;
      yield this.#bytes.subarray(PREFIX_BYTES, end);
      this.#bytes = this.#bytes.subarray(end);
    }
    // a copy: a view would keep all that was read
    this.#bytes = this.#bytes.length === 0 ? NO_BYTES : Buffer.from(this.#bytes);
  }
}
