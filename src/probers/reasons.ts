/**
 * Why a probe did not pass, as a short code: the reason of an error. `core/reasons` has the catalogue.
 */
import { BrokenCall } from "../client/broken-call.js";
import { needsZone } from "../client/forbidden-addresses.js";
import { namesOf } from "../client/trace.js";
import { messageOf } from "../core/health-error.js";
import type { ReasonCode } from "../core/reasons.js";
import { fail, type ProbeResult, ProberError } from "./prober.js";

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
