/**
 * TLS of the listeners: one certificate, both protocols by ALPN, and client certificates where a client CA is given.
 *
 * What a connection may use is the same for every listener: docs/tls.md has the table. The defaults of Node are not used, because
 * `NODE_OPTIONS` can change them.
 */
import { constants } from "node:crypto";
import { createSecureContext, type TlsOptions } from "node:tls";
import { type AllowedClients, requireAllowedClients } from "../core/allowed-clients.js";
import { chainEndsAt } from "../core/certificate-time.js";
import { requireKnownOptions } from "../core/option.js";
import { OptionError } from "../core/option-error.js";
import { readAuthorities, readCertificates, requireTlsPair } from "../core/tls-pair.js";
import { SERVER_TLS_VERSIONS, type TlsVersion, tlsProtocol } from "../core/tls-version.js";

/** Certificate and key of a server, as PEM, and which clients may connect. */
export interface TlsIdentity {
  /** The certificate, followed by its chain. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** CA certificates. With them, each client must present a certificate that one of them signed (mTLS). */
  readonly clientCa?: string | Buffer | undefined;
  /** The names of which a client's certificate must have one; `any`: no name is needed. It needs `clientCa`. Default `any`. */
  readonly allowClients?: AllowedClients | "any" | undefined;
  /** The oldest version of TLS: 1.2 or 1.3. Default 1.2. */
  readonly minVersion?: TlsVersion | undefined;
}

const IDENTITY_KEYS = [
  "cert",
  "key",
  "clientCa",
  "allowClients",
  "minVersion",
] as const satisfies (keyof TlsIdentity)[];

/** Maximum duration of a handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** All have forward secrecy and authenticated encryption. Those of TLS 1.3 come first. */
const CIPHERS = [
  ...["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  ...["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ...["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ...["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
] as const;

/**
 * The options of a TLS server.
 * @throws HealthError TLS_FAILED for an invalid certificate or key, or when the two do not belong together; INVALID_OPTION
 */
export function tlsServerOptions(identity: TlsIdentity): TlsOptions {
  requireKnownOptions("tls", identity, IDENTITY_KEYS); // with a wrong name of `clientCa`, any client could connect
  const { cert, key, clientCa, allowClients = "any", minVersion = "1.2" } = identity;
  requireTlsPair(cert, key);
  const authorities = clientCa === undefined ? undefined : readAuthorities(clientCa, "client CA");
  if (allowClients !== "any") {
    if (clientCa === undefined) throw new OptionError(["tls", "allowClients"], "needs clientCa");
    requireAllowedClients(allowClients);
  }
  return {
    // what has been read here: of these texts as they are, OpenSSL may use a part, or the CA of no client
    cert: readCertificates(cert).join(""),
    key,
    ...(authorities === undefined ? {} : { ca: authorities.join(""), requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: serverProtocol(minVersion),
    maxVersion: "TLSv1.3",
    ciphers: CIPHERS.join(":"),
    ecdhCurve: keyExchangeGroups(),
    // a resumed session would show the certificate, the CA and the list of an earlier moment
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

/** Without the finite fields that OpenSSL would add: a client could ask for ffdhe8192, which costs 100 times as much as X25519. */
function keyExchangeGroups(): string {
  const groups = "X25519:P-256:P-384";
  const withPostQuantum = `X25519MLKEM768:${groups}`;
  try {
    createSecureContext({ ecdhCurve: withPostQuantum });
    return withPostQuantum;
  } catch {
    return groups; // OpenSSL knows it from version 3.5 on, with which Node 24 is built
  }
}

function serverProtocol(version: TlsVersion) {
  const known: readonly unknown[] = SERVER_TLS_VERSIONS;
  if (known.includes(version)) return tlsProtocol(["tls", "minVersion"], version);
  throw new OptionError(["tls", "minVersion"], `must be 1.2 or 1.3; got ${JSON.stringify(version)}`);
}

/**
 * The identity that replaces another one. What is not given stays. Whether clients must show a certificate does not change: without
 * a CA of its own, a server that demands certificates would trust those of every public CA.
 */
export function renewedIdentity(previous: TlsIdentity, next: TlsIdentity): TlsIdentity {
  const { clientCa, allowClients } = previous;
  return {
    ...next,
    clientCa: clientCa === undefined ? undefined : (next.clientCa ?? clientCa),
    allowClients: clientCa === undefined ? undefined : (next.allowClients ?? allowClients),
    minVersion: next.minVersion ?? previous.minVersion,
  };
}

/** Wall time at which the first certificate of the chain expires. The identity has been validated. */
export function identityEndsAt({ cert }: TlsIdentity): number {
  return chainEndsAt(readCertificates(cert));
}
