/**
 * What a stream has to pass before grpc-js sees it.
 *
 *     stream --> gRPC? --no--> plain HTTP (the bridge)
 *                  | yes
 *                method POST, known path, readable grpc-timeout --no--> refused here, with a constant text
 *                  | yes
 *                grpc-js, with a limit on the time that the request may take to arrive
 *
 * grpc-js takes GET for POST, `application/grpcfoo` for gRPC, `abc1S` for a second, echoes unknown paths, and lets a
 * request that never ends live for ever (known faults 0.5, 1.1).
 *
 * A client may send HEADERS and RST_STREAM in one write: the stream is closed before it gets here, and an answer on it
 * throws, which would end the process. So each stream has an error listener first, and a closed one is not answered.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Clock } from "../../core/clock.js";
import { MAX_TIMER_MS } from "../../core/option.js";
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { parseGrpcTimeout } from "../../wire/grpc-timeout.js";
import type { StreamHandler } from "./internals.js";

/** What the gate decides by. */
export interface GateRules {
  readonly clock: Clock;
  /** Whether a path is a method of this server. */
  hasMethod(path: string): boolean;
  /** Whether the method's request is a single message, which has to arrive in time. */
  isUnaryRequest(path: string): boolean;
  /** Milliseconds that a single-message request may take to arrive. */
  readonly requestTimeoutMs: number;
  /** Answers what is not a gRPC call. */
  readonly onHttp: StreamHandler;
}

const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

/** A stream handler that lets only well-formed calls through to `grpcJs`. */
export function createGate(grpcJs: StreamHandler, rules: GateRules): StreamHandler {
  return (stream, headers) => {
    stream.on("error", ignoreBrokenStream);
    if (isClosed(stream)) return;
    const contentType = headers["content-type"] ?? "";
    if (!GRPC_CONTENT_TYPE.test(contentType)) {
      rules.onHttp(stream, headers);
      return;
    }
    // grpc-js compares it with lower-case letters, and answers another as a wrong type
    headers["content-type"] = contentType.toLowerCase();
    const path = headers[":path"] as string | undefined;
    const known = path !== undefined && rules.hasMethod(path);
    if (!known || rules.isUnaryRequest(path)) limitArrival(stream, rules);
    if (headers[":method"] !== "POST") answer(stream, { ":status": 405, allow: "POST" });
    else if (!known) refuse(stream, "UNIMPLEMENTED", "unknown method");
    else if (!takeTimeout(headers)) refuse(stream, "INTERNAL", "invalid grpc-timeout");
    else grpcJs(stream, headers);
  };
}

/** Whether the deadline is absent or readable. One beyond what grpc-js can count would end the call at once: it is taken out. */
function takeTimeout(headers: IncomingHttpHeaders): boolean {
  const header = headers["grpc-timeout"];
  if (header === undefined) return true;
  const timeoutMs = parseGrpcTimeout(String(header));
  if (timeoutMs !== undefined && timeoutMs > MAX_TIMER_MS) delete headers["grpc-timeout"];
  return timeoutMs !== undefined;
}

/** Ends a stream whose request doesn't come to its end in time. */
function limitArrival(stream: ServerHttp2Stream, rules: GateRules): void {
  const cancel = rules.clock.setTimer(rules.requestTimeoutMs, () => {
    if (stream.readableEnded) return;
    refuse(stream, "DEADLINE_EXCEEDED", "request took too long to arrive");
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.once("close", cancel);
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

// The client is gone or has broken its own stream: there is nobody left to tell, and `close` follows in any case.
function ignoreBrokenStream(): void {}
