/**
 * Why a probe didn't pass, in one word: the catalogue, and which word an error of the system deserves.
 */
import { messageOf } from "../core/health-error.js";
import { fail, type ProbeResult } from "./prober.js";

/** Every reason that a check can give. */
export const REASONS = {
  timeout: "no answer within the timeout",
  refused: "the target refused the connection",
  reset: "the target broke the connection",
  closed: "the target closed the connection before it answered",
  dns: "the target's name could not be resolved",
  unreachable: "the network has no way to the target",
  tls: "the TLS handshake failed or the certificate is not good",
  protocol: "the target does not speak the protocol",
  status: "the HTTP status is not one that was expected",
  redirect: "the target answered with a redirect, which is not followed",
  "not-serving": "the target says NOT_SERVING",
  unknown: "the target says UNKNOWN",
  "service-unknown": "the target does not know the service",
  unimplemented: "the target does not implement the gRPC health protocol",
  unavailable: "the target answered UNAVAILABLE",
  grpc: "the target answered with a gRPC error",
  error: "the check's function threw or rejected",
  pending: "no result yet, or none for so long that it counts no more",
} as const;

/** A reason. */
export type ReasonCode = keyof typeof REASONS;

const REASON_OF_CODE: Readonly<Record<string, ReasonCode>> = {
  ECONNREFUSED: "refused",
  ENOENT: "refused", // of a unix socket
  ECONNRESET: "reset",
  EPIPE: "reset",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  ETIMEDOUT: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EPROTO: "tls",
};

/** Codes of errors that are ours: they say nothing of the target. */
const OUR_FAULTS: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "ENOBUFS",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
]);

/**
 * The result that an error of a connection makes.
 * @throws the error itself when it is a fault of ours
 */
export function resultOfError(error: unknown): ProbeResult {
  // several addresses were tried: each has an error, and the first tells most
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = first instanceof Error && "code" in first ? String(first.code) : "";
  if (OUR_FAULTS.has(code)) throw error;
  return fail(REASON_OF_CODE[code] ?? reasonOfFamily(code), `${code} ${messageOf(first)}`.trim());
}

function reasonOfFamily(code: string): ReasonCode {
  if (/^(?:ERR_TLS|ERR_SSL|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERR_OSSL)/.test(code)) return "tls";
  return "protocol";
}
