/**
 * What a stream has to pass before grpc-js sees it.
 *
 *     stream --> gRPC? --no--> plain HTTP (the bridge)
 *                  | yes
 *                method POST, known path, readable grpc-timeout --no--> refused here, with a constant text
 *                  | yes
 *                grpc-js, with a limit on the time that the request may take to arrive, or the stream may be open
 *
 * grpc-js takes GET for POST, `application/grpcfoo` for gRPC, `abc1S` for a second, echoes unknown paths, and keeps a
 * request that never ends (docs/known-faults.md 0.5, 1.1).
 *
 * A client may send HEADERS and RST_STREAM in one write: the stream is closed before it gets here, and an answer on it
 * throws, which would end the process. So each stream has an error listener first, and a closed one is not answered.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Clock } from "../../core/clock.js";
import { MAX_TIMER_MS } from "../../core/option.js";
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { isGrpcContentType, parseGrpcTimeout } from "../../wire/grpc-headers.js";
import type { StreamHandler } from "./internals.js";

/** What the gate decides by. */
export interface GateRules {
  readonly clock: Clock;
  /** Whether a path is a method of this server whose request is one message, which has to arrive in time. */
  hasUnaryRequest(path: string): boolean;
  /** Whether a path is a method of this server whose request is a stream of messages. */
  hasStreamingRequest(path: string): boolean;
  /** Milliseconds that the request of one message may take to arrive, and the end of a stream that has its answer. */
  readonly requestTimeoutMs: number;
  /** Milliseconds that a stream of messages may be open, whatever the client sends and takes. */
  readonly maxStreamMs: number;
  /** Answers what is not a gRPC call. */
  readonly onHttp: StreamHandler;
}

/** A stream handler that lets only well-formed calls through to `grpcJs`. */
export function createGate(grpcJs: StreamHandler, rules: GateRules): StreamHandler {
  return (stream, headers) => {
    stream.on("error", ignoreBrokenStream);
    if (isClosed(stream)) return;
    const contentType = headers["content-type"] ?? "";
    if (!isGrpcContentType(contentType)) {
      rules.onHttp(stream, headers);
      return;
    }
    // grpc-js compares it with lower-case letters, and answers another as a wrong type
    headers["content-type"] = contentType.toLowerCase();
    removeUnreadable(headers);
    const path = headers[":path"] ?? "";
    const isStreaming = rules.hasStreamingRequest(path);
    if (isStreaming) limitStream(stream, rules);
    else limitArrival(stream, rules);
    if (headers[":method"] !== "POST") answer(stream, { ":status": 405, allow: "POST" });
    else if (!isStreaming && !rules.hasUnaryRequest(path)) refuse(stream, "UNIMPLEMENTED", "unknown method");
    else if (!takeTimeout(headers)) refuse(stream, "INTERNAL", "invalid grpc-timeout");
    else grpcJs(stream, headers);
  };
}

/**
 * Removes the headers that grpc-js would not take: it prints each of them to stderr with its value, which may be a
 * credential, and goes on without it.
 */
function removeUnreadable(headers: IncomingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":")) continue;
    if (!READABLE_NAME.test(name) || !READABLE_VALUE.test(String(value))) delete headers[name];
  }
}

/** The characters of metadata, of `-bin` too, whose values are base64 (grpc/grpc doc/PROTOCOL-HTTP2.md, "Requests"). */
const READABLE_NAME = /^[0-9a-z_.-]+$/;
const READABLE_VALUE = /^[ -~]*$/;

/**
 * Whether the deadline is absent or readable. One that is too long for a timer is removed: grpc-js would end the call at
 * once.
 */
function takeTimeout(headers: IncomingHttpHeaders): boolean {
  const header = headers["grpc-timeout"];
  if (header === undefined) return true;
  const timeoutMs = parseGrpcTimeout(String(header));
  if (timeoutMs !== undefined && timeoutMs > MAX_TIMER_MS) delete headers["grpc-timeout"];
  return timeoutMs !== undefined;
}

/** Ends a stream whose request does not arrive in time. */
function limitArrival(stream: ServerHttp2Stream, rules: GateRules): void {
  const cancel = rules.clock.setTimer(rules.requestTimeoutMs, () => {
    if (stream.readableEnded) return;
    refuse(stream, "DEADLINE_EXCEEDED", "request took too long to arrive");
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.once("close", cancel);
}

/** Resets a stream of messages that is open for too long. Once it has its answer, the client must end its side in time. */
function limitStream(stream: ServerHttp2Stream, rules: GateRules): void {
  const cancel = rules.clock.setTimer(rules.maxStreamMs, () => stream.close(constants.NGHTTP2_CANCEL));
  stream.once("close", cancel);
  stream.once("finish", () => limitArrival(stream, rules));
}

/** Answers with a status and no message. */
function refuse(stream: ServerHttp2Stream, code: GrpcCode, text: string): void {
  answer(stream, {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(GRPC_CODES[code]),
    "grpc-message": text,
  });
}

/** Answers with headers alone. What the client still sends is read and dropped, up to the limit on arrival. */
function answer(stream: ServerHttp2Stream, headers: Readonly<Record<string, string | number>>): void {
  if (isClosed(stream) || stream.headersSent) return;
  stream.respond(headers, { endStream: true });
  stream.resume();
}

function isClosed(stream: ServerHttp2Stream): boolean {
  return stream.closed || stream.destroyed;
}

// The client has closed the connection or reset its stream: `close` follows.
function ignoreBrokenStream(): void {}
