/**
 * The error of a call that a `HealthClient` made: the code of gRPC for each way in which a call can fail.
 *
 *     a status of the server                        its code
 *     no connection, or a connection that is lost   UNAVAILABLE
 *     no answer in time                             DEADLINE_EXCEEDED
 *     an answer that is not the protocol            INTERNAL
 *     the client is closed                          CANCELLED
 */
import { HealthError, messageOf } from "../core/health-error.js";
import type { GrpcCode } from "../wire/grpc-code.js";
import { BrokenCall, Unanswered } from "./broken-call.js";
import type { CallStatus } from "./grpc-call.js";

/** A call that failed. Its `code` is `CALL_FAILED`. */
export class HealthCallError extends HealthError {
  /** The code of gRPC, such as `UNAVAILABLE`. */
  readonly grpcCode: GrpcCode;

  constructor(grpcCode: GrpcCode, message: string, options?: { readonly cause?: unknown }) {
    super("CALL_FAILED", message, options);
    this.grpcCode = grpcCode;
  }
}

/** The error for the end of a call: a status that is not the expected one, or what the call rejected with. */
export function callErrorOf(call: string, end: CallStatus | Error): HealthCallError {
  if (!(end instanceof Error)) return new HealthCallError(end.code, messageFor(call, end.code, end.text));
  const cause = end instanceof Unanswered ? end.reason : end;
  const code = codeOf(cause);
  return new HealthCallError(code, messageFor(call, code, messageOf(cause)), { cause });
}

function messageFor(call: string, code: GrpcCode, text: string): string {
  return `${call}: ${code}${text === "" ? "" : `: ${text}`}`;
}

function codeOf(cause: unknown): GrpcCode {
  if (Object(cause).name === "TimeoutError") return "DEADLINE_EXCEEDED";
  if (!(cause instanceof BrokenCall)) return "UNAVAILABLE";
  switch (cause.kind) {
    case "protocol":
      return "INTERNAL";
    case "cancelled":
      return "CANCELLED";
    case "reset":
    case "closed":
    case "unprocessed":
      return "UNAVAILABLE";
    default:
      return cause.kind satisfies never;
  }
}
