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

export interface CallRequest {
  /** From `encodeCallHead` in `grpc-head`. */
  readonly head: Buffer;
  readonly message: Buffer;
  /** The longest message that is read. Default 4,096 bytes: a HealthCheckResponse has two. */
  readonly maxMessageBytes?: number | undefined;
  /** Compresses messages; the head must name it as `grpc-encoding` and `grpc-accept-encoding`. Default: none. */
  readonly encoding?: MessageEncoding | undefined;
}

/** How the messages of a call are compressed, in both directions. */
export interface MessageEncoding {
  /** The value of the header `grpc-encoding`, such as `gzip`. */
  readonly name: string;
  compress(message: Buffer): Buffer;
  /** @throws Error for bytes that are not compressed so, or a message longer than `maxBytes` */
  decompress(bytes: Buffer, maxBytes: number): Buffer;
}

/** The answer to a call with one message, or how the call ended instead. */
export type SingleAnswer = { readonly message: Buffer | undefined } | CallStatus;

/**
 * Makes a call that is answered with one message. Rejects when no status came. `message` is not there when none came.
 * `onStart` gets a function that cancels the call.
 */
export function callUnary(
  connection: Http2Connection,
  call: CallRequest,
  onStart?: (cancel: () => void) => void,
): Promise<SingleAnswer> {
  return new Promise((resolve, reject) => {
    let answer: Buffer | undefined;
    const cancel = startCall(connection, call, {
      onMessage: (message) => {
        if (answer !== undefined) throw new BrokenCall("protocol", "the answer has more than one message");
        answer = message;
      },
      onEnd: (end) => {
        if (!hasStatus(end)) reject(end);
        else resolve(end.code === "OK" ? { message: answer } : end);
      },
    });
    onStart?.(cancel);
  });
}

const MAX_MESSAGE_BYTES = 4096;

/** Bytes before each message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;

const NO_BYTES = Buffer.alloc(0);

/** Starts a call. Returns a function that cancels it. Closing the connection cancels it as well. */
export function startCall(connection: Http2Connection, call: CallRequest, listener: CallListener): () => void {
  const { head, message, encoding } = call;
  const body = encoding === undefined ? withPrefix(message, 0) : withPrefix(encoding.compress(message), 1);
  return connection.request({ head, body }, new GrpcResponse(call, listener));
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

  constructor({ maxMessageBytes = MAX_MESSAGE_BYTES, encoding }: CallRequest, listener: CallListener) {
    this.#listener = listener;
    this.#messages = new MessagePrefixReader(maxMessageBytes, encoding);
  }

  onHead(head: Fields): void {
    this.#refusal = refusalOf(head);
    this.#messages.givenEncoding = head.get("grpc-encoding");
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
  if (!text.includes("%")) return printable(text);
  const decoded = text.replace(/(?:%[0-9a-f]{2})+/gi, (codes) =>
    Buffer.from(codes.replaceAll("%", ""), "hex").toString("utf8"),
  );
  return printable(decoded);
}

/** A message as it is sent: with the five bytes of a "Length-Prefixed-Message". */
export function withPrefix(message: Buffer, compressedFlag: 0 | 1): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix[0] = compressedFlag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Cuts the body of an answer into messages ("Length-Prefixed-Message"). At most one message is stored. */
class MessagePrefixReader {
  /** The `grpc-encoding` of the answer. */
  givenEncoding: string | undefined;
  readonly #maxBytes: number;
  readonly #encoding: MessageEncoding | undefined;
  #bytes: Buffer = NO_BYTES;

  constructor(maxBytes: number, encoding: MessageEncoding | undefined) {
    this.#maxBytes = maxBytes;
    this.#encoding = encoding;
  }

  /** Whether a message has begun, and its end has not come. */
  get isWithinMessage(): boolean {
    return this.#bytes.length > 0;
  }

  *read(chunk: Buffer): Generator<Buffer> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= PREFIX_BYTES) {
      const length = this.#bytes.readUInt32BE(1);
      const flag = this.#bytes[0];
      if (flag !== 0) this.#requireOffered(flag);
      if (length > this.#maxBytes)
        throw new BrokenCall("protocol", `the answer has ${length} bytes, more than ${this.#maxBytes}`);
      const end = PREFIX_BYTES + length;
      if (this.#bytes.length < end) break;
      const content = this.#bytes.subarray(PREFIX_BYTES, end);
      yield flag === 0 ? content : this.#decompress(content);
      this.#bytes = this.#bytes.subarray(end);
    }
    // a copy: a view would keep all that was read
    this.#bytes = this.#bytes.length === 0 ? NO_BYTES : Buffer.from(this.#bytes);
  }

  /** A compressed message is as wrong as one that is too long, if its compression was not offered. */
  #requireOffered(flag: number | undefined): void {
    const isOffered = flag === 1 && this.#encoding !== undefined && this.givenEncoding === this.#encoding.name;
    if (!isOffered) throw new BrokenCall("protocol", "the answer is compressed, which was not offered");
  }

  #decompress(content: Buffer): Buffer {
    try {
      return this.#encoding?.decompress(content, this.#maxBytes) ?? content;
    } catch (cause) {
      throw new BrokenCall("protocol", "a compressed message of the answer cannot be read", { cause });
    }
  }
}
