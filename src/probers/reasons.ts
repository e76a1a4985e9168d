/**
 * Why a probe did not pass, as a short code: the catalogue, and the reason of an error.
 */
import { BrokenCall } from "../client/broken-call.js";
import { needsZone } from "../client/forbidden-addresses.js";
import { namesOf } from "../client/trace.js";
import { messageOf } from "../core/health-error.js";
import { fail, type ProbeResult, ProberError } from "./prober.js";

/** Every reason that a check can give. */
export const REASONS = {
  timeout: "no answer within the timeout",
  refused: "the target refused the connection",
  reset: "the target reset the connection",
  closed: "the target closed the connection before it answered",
  dns: "the target's name could not be resolved",
  unreachable: "there is no route to the target",
  forbidden: "the target's address is link-local or a cloud's metadata service, which is not probed",
  tls: "the TLS handshake failed, or only one of both sides wants TLS",
  "tls-expired": "the target's certificate has expired, or is not valid yet",
  "tls-name": "the target's certificate is for another name",
  "tls-untrusted": "the target's certificate is signed by an authority that is not trusted",
  "tls-version": "the target's version of TLS is older than expected",
  "tls-ending": "the target's certificate expires soon",
  protocol: "the target does not speak the protocol",
  status: "the HTTP status is not one that was expected",
  header: "a header of the answer is not what was expected",
  body: "the body of the answer is not what was expected",
  json: "a value in the answer's JSON is not what was expected",
  slow: "the target passed, but took longer than expected",
  auth: "the target refused the credentials or the client certificate",
  answer: "the target's answer is not what was expected",
  redirect: "the target answered with a redirect, which is not followed",
  "not-serving": "the target reports NOT_SERVING",
  unknown: "the target reports UNKNOWN",
  "service-unknown": "the target does not know the service",
  unimplemented: "the target does not implement the gRPC health protocol",
  unavailable: "the target answered that it cannot serve now",
  grpc: "the target answered with a gRPC error",
  exit: "the program ended with an exit code other than 0",
  signal: "the program was ended by a signal",
  ENOENT: "the program was not found",
  EACCES: "the program may not be executed",
  missed: "no report within the heartbeat's time",
  reported: "the reporter of the heartbeat reported a failure",
  "no-workers": "no Celery worker is online",
  "few-workers": "fewer Celery workers are online than minWorkers",
  offline: "the Celery worker is offline",
  prober: "healthbridge could not probe the target",
  "auth-server": "healthbridge got no token for the target from the authorization server",
  descriptors: "healthbridge has no free file descriptor for a probe",
  "prober-isolated": "the network of healthbridge seems to be down, so the last status is held",
  stale: "no result for so long that the last one no longer counts",
  error: "the check's function threw or rejected",
  result: "the function of the check returned a failure or a warning",
  pending: "no result yet",
  initial: "no result yet; the state is the check's initialState",
  changed: "no result yet since the check was changed; the state is the previous one",
} as const;

export type ReasonCode = keyof typeof REASONS;

const REASON_OF_CODE: Readonly<Record<string, ReasonCode>> = {
  ECONNREFUSED: "refused",
  // of a unix socket
  ENOENT: "refused",
  ENOTDIR: "refused",
  ELOOP: "refused",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ENOTFOUND: "dns",
  ERR_FORBIDDEN_ADDRESS: "forbidden",
  ETIMEDOUT: "unreachable",
  EHOSTUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETUNREACH: "unreachable",
  EPROTO: "tls",
  CERT_HAS_EXPIRED: "tls-expired",
  CERT_NOT_YET_VALID: "tls-expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls-name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls-untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "tls-untrusted",
  CERT_UNTRUSTED: "tls-untrusted",
  CERT_REVOKED: "tls-untrusted",
  CERT_REJECTED: "tls-untrusted",
  CERT_SIGNATURE_FAILURE: "tls-untrusted",
  CERT_CHAIN_TOO_LONG: "tls-untrusted",
  INVALID_CA: "tls-untrusted",
  INVALID_PURPOSE: "tls-untrusted",
  PATH_LENGTH_EXCEEDED: "tls-untrusted",
  UNSPECIFIED: "tls-untrusted", // Node has no names for the other results of verification, such as violated name constraints
  ABORT_ERR: "timeout",
};

/**
 * Codes of faults of this machine: they say nothing about the target. EADDRNOTAVAIL: no local port is free. EAGAIN: no
 * process or route can be added now.
 */
const LOCAL_FAULTS: ReadonlyMap<string, ReasonCode> = new Map([
  ["EMFILE", "descriptors"],
  ["ENFILE", "descriptors"],
  ["ENOMEM", "prober"],
  ["EAI_MEMORY", "prober"],
  ["ENOBUFS", "prober"],
  ["EADDRNOTAVAIL", "prober"],
  ["EADDRINUSE", "prober"],
  ["EAGAIN", "prober"],
  ["EACCES", "prober"],
  ["EPERM", "prober"],
]);

/** The prober error for a fault of this machine; `undefined` for another error. */
export function localFault(error: unknown): ProberError | undefined {
  const reason = LOCAL_FAULTS.get(codeOf(error));
  return reason === undefined ? undefined : new ProberError(reason, messageOf(error));
}

/** No name server answers, which is no fault of the target either. */
const RESOLVER_FAULTS: ReadonlySet<string> = new Set(["EAI_AGAIN", "EAI_FAIL"]);

/**
 * The result of a call or a connection that failed with an error.
 * @throws ProberError for a fault of this machine, and the error itself where it is one of this program: without a code
 */
export function resultOfError(error: unknown): ProbeResult {
  if (error instanceof BrokenCall) return fail(reasonOfBreak(error), error.message);
  if (isQueueFull(error)) return fail("refused", "the target's queue of connections is full");
  const significant = mostSignificant(error);
  const code = codeOf(significant);
  if (RESOLVER_FAULTS.has(code)) throw new ProberError("dns", messageOf(significant), { cause: error });
  const local = localFault(significant);
  if (local !== undefined) throw local;
  if (code === "") throw error;
  const message = nameFault(significant) ?? plainText(messageOf(significant));
  const reason = REASON_OF_CODE[code] ?? (isOfAddress(significant) ? "unreachable" : reasonOfFamily(code));
  // errors of the operating system have their code in the message
  return fail(reason, `${message.includes(code) ? message : `${code} ${message}`}${hintOf(significant)}`);
}

/** Node's text about a certificate for another name, in plain words. */
function nameFault(error: unknown): string | undefined {
  if (codeOf(error) !== "ERR_TLS_CERT_ALTNAME_INVALID") return undefined;
  const { host, cert } = Object(error);
  if (typeof host !== "string" || host === "") return undefined;
  const { subjectaltname } = Object(cert);
  const names = namesOf(typeof subjectaltname === "string" ? subjectaltname : "");
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  const of = names.length === 0 ? "no name" : `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
  return `the certificate is for ${of}, and not for ${host}`;
}

/** Names of a certificate in a detail. */
const MAX_NAMES = 5;

/** The system can send nothing to the address: no IPv6, no such interface. The target has said nothing about its protocol. */
function isOfAddress(error: unknown): boolean {
  const { syscall, port } = Object(error);
  return port !== undefined && (syscall === "connect" || syscall === "send");
}

/** What the system says with a code alone. */
function hintOf(error: unknown): string {
  const { syscall, address } = Object(error);
  if (codeOf(error) === "EINVAL" && needsZone(String(address)))
    return "; the zone of its address must be an interface of this machine, as in [fe80::1%eth0]";
  // of UDP: the machine of the target has answered with ICMP
  return codeOf(error) === "ECONNREFUSED" && syscall === "recvmsg" ? "; no program receives at this port" : "";
}

/** An error of OpenSSL without its addresses, functions and source lines: `wrong version number`. One of Node without its own address. */
function plainText(message: string): string {
  const reason = /\b[0-9A-F]{8,}:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(message)?.[1];
  return reason ?? message.replace(/ - Local \([^()]*\)$/, "");
}

/** Of a Unix socket, EAGAIN is about the target: connect(2). Of TCP, it is about this machine. */
function isQueueFull(error: unknown): boolean {
  const { code, syscall, port } = Object(error);
  return code === "EAGAIN" && syscall === "connect" && port === undefined;
}

function reasonOfBreak({ kind }: BrokenCall): ReasonCode {
  if (kind === "unprocessed") return "unavailable";
  return kind === "cancelled" ? "timeout" : kind;
}

/**
 * Each of several addresses has an error. A refusal says more about the target than a missing route. A local fault on
 * one address (no IPv6 here, for example) must not hide that the target does not answer on the other.
 */
function mostSignificant(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const theirs = error.errors.filter((each) => codeOf(each) !== "" && !LOCAL_FAULTS.has(codeOf(each)));
  const reached = theirs.find((each) => REASON_OF_CODE[codeOf(each)] !== "unreachable");
  return reached ?? theirs[0] ?? error.errors[0] ?? error;
}

function codeOf(error: unknown): string {
  // the AbortError of fetch-like interfaces has a legacy number as its code
  if (error instanceof DOMException && error.name === "AbortError") return "ABORT_ERR";
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Alerts about certificates (RFC 8446, section 6.2): a server sends them about the certificate of its client alone. */
const CERTIFICATE_REFUSED =
  /ALERT_(?:CERTIFICATE_REQUIRED|UNKNOWN_CA|ACCESS_DENIED|(?:BAD|UNSUPPORTED|NO)_CERTIFICATE|CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN))$/;

function reasonOfFamily(code: string): ReasonCode {
  if (CERTIFICATE_REFUSED.test(code)) return "auth";
  if (code.startsWith("UNABLE_TO_")) return "tls-untrusted";
  if (/^(?:ERR_TLS|ERR_SSL|CERT|ERR_OSSL)/.test(code)) return "tls";
  return "protocol";
}
