/**
 * TLS with a target: the options of its connections. They are complete, so that every client library, which has defaults of its
 * own, verifies the same name with the same authorities.
 */
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity, connect, createSecureContext, DEFAULT_CIPHERS } from "node:tls";
import { domainToASCII } from "node:url";
import { OptionError } from "../core/option-error.js";
import { readAuthorities, readCertificates, requireTlsPair } from "../core/tls-pair.js";
import { isOlder, type TlsVersion, tlsProtocol } from "../core/tls-version.js";
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

/** Options for `tls.connect`. */
export interface SecureOptions extends ConnectionOptions {
  /** `connect` of `node:tls`: connections without TLS do not load that module. */
  readonly connectTls: typeof connect;
  readonly certificateEndsAt: ReadEnd;
}

const DEFAULT_MIN_VERSION = "1.2";

/**
 * Options for `tls.connect`, made once for all connections to a target: parsing the certificates is slow. An address is
 * not sent as a server name (RFC 6066, section 3); the certificate must have it nevertheless.
 *
 * An intermediate or a target's own certificate as `ca` is trusted too, as curl does it (X509_V_FLAG_PARTIAL_CHAIN).
 * @throws HealthError TLS_FAILED for a PEM text that cannot be read, INVALID_OPTION for a version or a
 *   server name, and for a client certificate without its key
 */
export function tlsOptions(
  host: string,
  options: TlsClientOptions = {},
  protocols: readonly string[] = [],
): SecureOptions {
  const { serverName, verify = true } = options;
  const name = serverName === undefined ? nameOf(host) : requireName(serverName);
  return {
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    secureContext: contextOf(options),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    rejectUnauthorized: verify,
    connectTls: connect,
    certificateEndsAt: createEndReader(trustedOf(options), nodeCertificates),
  };
}

/** The name that a certificate has: in ASCII, without the dot at the end of an absolute name and without the zone of an address. */
function nameOf(host: string): string {
  const text = host.replace(/\.$/, "").replace(/^\[(.*)\]$/, "$1");
  const address = text.replace(/%.*$/, "");
  return isIP(address) === 0 ? domainToASCII(text) || text : address;
}

const HOST_NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]{0,252}$/u;

/** With another text, every handshake would fail. */
function requireName(serverName: unknown): string {
  const name = typeof serverName === "string" ? nameOf(serverName) : "";
  // `domainToASCII` would drop what follows the name in a URL
  if (isIP(name) > 0 || HOST_NAME.test(String(serverName))) return name;
  throw new OptionError(["tls", "serverName"], "must be the name of a host, such as orders.example");
}

function contextOf(options: TlsClientOptions): NonNullable<ConnectionOptions["secureContext"]> {
  const { ca, cert, key } = options;
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
    throw new OptionError(["tls", missing], `is required beside tls.${given}`);
  }
  if (cert !== undefined && key !== undefined) requireTlsPair(cert, key);
  const versions = versionsOf(options);
  const isShared = cert === undefined && Object.keys(versions).length === 0;
  if (ca instanceof Authorities && isShared) return ca.secureContext;
  const pem = typeof ca === "string" ? readAuthorities(ca).join("") : ca?.pem;
  // what has been read here: of the text as it is, OpenSSL leaves out a certificate after a comment in its line
  const chain = cert === undefined ? undefined : readCertificates(cert).join("");
  return createSecureContext({ ca: pem, cert: chain, key, ...versions, allowPartialTrustChain: pem !== undefined });
}

function trustedOf({ ca }: TlsClientOptions) {
  if (ca === undefined) return undefined;
  // a bundle of 140 certificates would stay in memory for each target
  return () => (ca instanceof Authorities ? ca.certificates : readAuthorities(ca));
}

function versionsOf({ minVersion, maxVersion }: TlsClientOptions) {
  const min = tlsProtocol(["tls", "minVersion"], minVersion ?? DEFAULT_MIN_VERSION);
  const max = maxVersion === undefined ? undefined : tlsProtocol(["tls", "maxVersion"], maxVersion);
  if (max !== undefined && isOlder(max, min)) {
    const given = minVersion === undefined ? `which is ${DEFAULT_MIN_VERSION} by default` : `which is ${minVersion}`;
    throw new OptionError(["tls", "maxVersion"], `${maxVersion} must not be below tls.minVersion, ${given}`);
  }
  return {
    ...(minVersion === undefined ? {} : { minVersion: min }),
    ...(max === undefined ? {} : { maxVersion: max }),
    // OpenSSL 3 allows the signatures of TLS 1.0 and 1.1 on security level 0 alone
    ...(isOlder(min, "TLSv1.2") ? { ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0` } : {}),
  };
}
