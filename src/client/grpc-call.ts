/**
 * One gRPC call as a client, on `node:http2`: our own few bytes need no client library, and its channel would hide what
 * a prober has to know (was it refused, did the peer ask to go, was the connection an old one?).
 *
 * Source: grpc/grpc doc/PROTOCOL-HTTP2.md.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { GRPC_CODES, type GrpcCode, grpcCodeOf } from "../wire/grpc-code.js";
import { BrokenCall, breakOf, breakOfSilence } from "./broken-call.js";

/** How a call ended. */
export interface CallStatus {
  readonly code: GrpcCode;
  /** The peer's own words: for logs only. */
  readonly text: string;
}

/** Who hears of a call. */
export interface CallListener {
  /** Throws to give the call up. */
  onMessage(message: Buffer): void;
  /** Called once, last. An error is one of the connection (of the system, or a `BrokenCall`): no status came. */
  onEnd(end: CallStatus | Error): void;
}

/** The largest answer that is read: a HealthCheckResponse has two bytes. */
const MAX_MESSAGE_BYTES = 4096;

const FRAME_HEADER_BYTES = 5;

/** Starts a call with one request message. The stream that is returned may be closed to cancel it. */
export function startCall(
  session: ClientHttp2Session,
  call: { readonly path: string; readonly authority: string; readonly message: Buffer },
  listener: CallListener,
): ClientHttp2Stream {
  const stream = session.request(requestHeaders(call.path, call.authority));
  let ended = false;
  const end = (how: CallStatus | Error) => {
    if (ended) return;
    ended = true;
    listener.onEnd(how);
  };
  const giveUp = (why: CallStatus | Error) => {
    end(why);
    stream.close(constants.NGHTTP2_CANCEL);
  };
  const frames = new FrameReader();
  let last: IncomingHttpHeaders = {};
  stream.on("response", (headers) => {
    last = headers;
    const refusal = refusalOf(headers);
    if (refusal !== undefined) giveUp(refusal);
  });
  stream.on("trailers", (trailers) => {
    last = trailers;
  });
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const message of frames.read(chunk)) if (!ended) listener.onMessage(message);
    } catch (error) {
      giveUp(error instanceof Error ? error : new Error(String(error)));
    }
  });
  stream.on("error", (error) => end(breakOf(error, stream)));
  stream.on("end", () => end(statusOf(last) ?? breakOfSilence(stream)));
  stream.on("close", () => end(breakOfSilence(stream)));
  stream.end(frame(call.message));
  return stream;
}

function requestHeaders(path: string, authority: string): OutgoingHttpHeaders {
  return {
    ":method": "POST",
    ":path": path,
    ":authority": authority,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "healthbridge",
  };
}

/** An answer that is not gRPC's, as the status that gRPC has for it. */
function refusalOf(headers: IncomingHttpHeaders): CallStatus | undefined {
  const status = Number(headers[":status"]);
  if (status !== 200) return { code: HTTP_CODES[status] ?? "UNKNOWN", text: `HTTP status ${status}` };
  const type = headers["content-type"] ?? "";
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

/** The status that the headers tell; `undefined` when they tell none. Only digits are a number here: `Number("")` is 0. */
function statusOf(headers: IncomingHttpHeaders): CallStatus | undefined {
  const number = headers["grpc-status"];
  if (number === undefined) return undefined;
  const code = /^\d{1,2}$/.test(String(number)) ? grpcCodeOf(Number(number)) : "UNKNOWN";
  const text = headers["grpc-message"];
  return { code, text: typeof text === "string" ? text : "" };
}

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** Cuts a stream of bytes into messages. A peer cannot make it keep more than one message. */
class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<Buffer> {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= FRAME_HEADER_BYTES) {
      const length = this.#bytes.readUInt32BE(1);
      // we offer no compression, so a compressed answer is as wrong as one that is too long
      if (this.#bytes[0] !== 0) throw new BrokenCall("protocol", "the answer is compressed, which was not offered");
      if (length > MAX_MESSAGE_BYTES)
        throw new BrokenCall("protocol", `the answer has ${length} bytes, more than ${MAX_MESSAGE_BYTES}`);
      const end = FRAME_HEADER_BYTES + length;
      if (this.#bytes.length < end) return;
      yield this.#bytes.subarray(FRAME_HEADER_BYTES, end);
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

/** Whether a call ended with a status, rather than with an error of the connection. */
export function hasStatus(end: CallStatus | Error): end is CallStatus {
  return !(end instanceof Error) && end.code in GRPC_CODES;
}
