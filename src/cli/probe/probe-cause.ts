/** Why a connection or a call failed, in words. It is loaded when one has failed. */
import { BrokenCall, Unanswered } from "../../client/broken-call.js";
import { messageOf } from "../../core/health-error.js";
import { REASONS } from "../../core/reasons.js";
import { resultOfError } from "../../probers/reasons.js";
import type { ServiceOutcome } from "./probe-outcome.js";

/** The outcome of a connection that failed. Without an error, the server was silent until the deadline. */
export function unconnected(error: Error | undefined, timeoutMs: number, hint = ""): ServiceOutcome {
  return { kind: "unconnected", cause: error && `${causeOf(error)}${hint}`, timeoutMs };
}

/** How far TLS was when the server closed the connection. */
export type TlsProgress = "none" | "begun" | "established";

/**
 * Many servers close a connection without an error if only one of both sides uses TLS. A server that does not allow a client
 * closes it after the handshake: in TLS 1.3, the handshake of the client has succeeded by then.
 */
export function tlsHint(error: Error, progress: TlsProgress): string {
  if (!(error instanceof BrokenCall) || error.kind !== "closed") return "";
  return TLS_HINTS[progress];
}

const TLS_HINTS: Readonly<Record<TlsProgress, string>> = {
  none: "; the server may require TLS: try -tls",
  begun: "; the server may have no TLS: try without -tls",
  established: "; TLS itself works: the server may not allow this client's certificate",
};

/** The outcome of a call that ended without a status. */
export function failureOf(error: unknown): ServiceOutcome {
  const reason = error instanceof Unanswered ? error.reason : error;
  const isProtocol = reason instanceof BrokenCall && reason.kind === "protocol";
  return { kind: "failed", code: isProtocol ? "INTERNAL" : "UNAVAILABLE", text: causeOf(reason) };
}

/** Why a connection or a call failed. */
export function causeOf(error: unknown): string {
  try {
    const { reason, detail } = resultOfError(error);
    return reason === undefined ? messageOf(error) : `${REASONS[reason]} (${detail})`;
  } catch {
    return messageOf(error); // a fault of this machine
  }
}
