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

/** Many servers close a connection without an error if only one of both sides uses TLS. */
export function tlsHint(error: Error, isTls: boolean): string {
  if (!(error instanceof BrokenCall) || error.kind !== "closed") return "";
  return `; the server may ${isTls ? "have no TLS: try without" : "require TLS: try"} -tls`;
}

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
