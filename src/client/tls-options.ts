/**
 * TLS with a target: the options of its connections. They are complete, so that every client library, which has defaults of its
 * own, verifies the same name with the same authorities.
 */
import { isIP } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureVersion,
} from "node:tls";
import { domainToASCII } from "node:url";
import { HealthError } from "../core/health-error.js";
import { readAuthorities, requireTlsPair } from "../core/tls-pair.js";
import { Authorities, nodeCertificates } from "./authorities.js";
import { createEndReader, type ReadEnd } from "./certificate-path.js";

/** TLS options of a check. PEM texts. */
export interface TlsClientOptions {
  readonly ca?: string | Authorities | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  readonly verify?: boolean | undefined;
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
}

/** A version of TLS: `1.2`, `1.3`, and for old targets `1.0` and `1.1`; as text or as a number. */
export type TlsVersion = string | number;

/** Options for `tls.connect`. */
export interface SecureOptions extends ConnectionOptions {
  readonly certificateEndsAt: ReadEnd;
}

const VERSIONS: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

const DEFAULT_MIN_VERSION = "1.2";

/**
 * Options for `tls.connect`, made once for all connections to a target: parsing the certificates is slow. An address is
 * not sent as a server name (RFC 6066, section 3); the certificate must have it nevertheless.
 *
 * An intermediate or a target's own certificate as `ca` is trusted too, as curl does it (X509_V_FLAG_PARTIAL_CHAIN).
 * @throws HealthError TLS_FAILED for a PEM text that cannot be read, INVALID_OPTION for a version
 */
export function tlsOptions(
  host: string,
  options: TlsClientOptions = {},
  protocols: readonly string[] = [],
): SecureOptions {
  const { serverName, verify = true } = options;
  const name = nameOf(serverName ?? host);
  return {
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    secureContext: contextOf(options),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    rejectUnauthorized: verify,
    certificateEndsAt: createEndReader(trustedOf(options), nodeCertificates),
  };
}

/** Whether a version, as `TLSSocket.getProtocol` names it, is at least `minVersion`. */
export function isVersionAtLeast(protocol: string | null, minVersion: TlsVersion): boolean {
  return VERSIONS.map(String).indexOf(protocol ?? "") >= rankOf("minVersion", minVersion);
}

/** The name that a certificate has: in ASCII, without the dot at the end of an absolute name and without the zone of an address. */
function nameOf(host: string): string {
  const text = host.replace(/\.$/, "").replace(/^\[(.*)\]$/, "$1");
  const address = text.replace(/%.*$/, "");
  return isIP(address) === 0 ? domainToASCII(text) || text : address;
}

function contextOf(options: TlsClientOptions): NonNullable<ConnectionOptions["secureContext"]> {
  const { ca, cert, key } = options;
  if (cert !== undefined && key !== undefined) requireTlsPair(cert, key);
  const versions = versionsOf(options);
  const isShared = cert === undefined && Object.keys(versions).length === 0;
  if (ca instanceof Authorities && isShared) return ca.secureContext;
  const pem = typeof ca === "string" ? readAuthorities(ca).join("") : ca?.pem;
  return createSecureContext({ ca: pem, cert, key, ...versions, allowPartialTrustChain: pem !== undefined });
}

function trustedOf({ ca }: TlsClientOptions) {
  if (ca === undefined) return undefined;
  // a bundle of 140 certificates would stay in memory for each target
  return () => (ca instanceof Authorities ? ca.certificates : readAuthorities(ca));
}

function versionsOf({ minVersion, maxVersion }: TlsClientOptions) {
  const least = rankOf("minVersion", minVersion ?? DEFAULT_MIN_VERSION);
  const most = maxVersion === undefined ? undefined : rankOf("maxVersion", maxVersion);
  if (most !== undefined && most < least) {
    const given = minVersion === undefined ? `which is ${DEFAULT_MIN_VERSION} by default` : `got ${minVersion}`;
    throw new HealthError("INVALID_OPTION", `tls.maxVersion ${maxVersion} must not be below tls.minVersion, ${given}`);
  }
  return {
    ...(minVersion === undefined ? {} : { minVersion: VERSIONS[least] }),
    ...(most === undefined ? {} : { maxVersion: VERSIONS[most] }),
    // OpenSSL 3 allows the signatures of TLS 1.0 and 1.1 on security level 0 alone
    ...(least < VERSIONS.indexOf("TLSv1.2") ? { ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0` } : {}),
  };
}

/** @throws HealthError INVALID_OPTION */
function rankOf(option: string, version: TlsVersion): number {
  const text = String(version) === "1" ? "1.0" : String(version); // YAML reads 1.0 as the number 1
  const rank = ["1.0", "1.1", "1.2", "1.3"].indexOf(text);
  if (rank === -1)
    throw new HealthError("INVALID_OPTION", `${option} must be 1.0, 1.1, 1.2 or 1.3; got ${JSON.stringify(version)}`);
  return rank;
}
