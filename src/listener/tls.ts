/**
 * TLS of the listeners: one certificate, both protocols by ALPN, and client certificates where a client CA is given.
 */
import type { TlsOptions } from "node:tls";
import { chainEndsAt } from "../core/certificate-time.js";
import { readAuthorities, readCertificates, requireTlsPair } from "../core/tls-pair.js";

/** Certificate and key of a server, as PEM. */
export interface TlsIdentity {
  /** The certificate, followed by its chain. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** CA certificates. With them, each client must present a certificate that one of them signed (mTLS). */
  readonly clientCa?: string | Buffer | undefined;
}

/** Maximum duration of a handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * The options of a TLS server.
 * @throws HealthError TLS_FAILED for an invalid certificate or key, or when the two do not belong together
 */
export function tlsServerOptions(identity: TlsIdentity): TlsOptions {
  const { cert, key, clientCa } = identity;
  requireTlsPair(cert, key);
  if (clientCa !== undefined) readAuthorities(clientCa, "client CA");
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

/**
 * The identity that replaces another one. Whether clients must show a certificate does not change: without a CA of its own, a
 * server that demands certificates would trust those of every public CA.
 */
export function renewedIdentity(previous: TlsIdentity, next: TlsIdentity): TlsIdentity {
  return { ...next, clientCa: previous.clientCa && (next.clientCa ?? previous.clientCa) };
}

/** Wall time at which the first certificate of the chain expires. The identity has been validated. */
export function identityEndsAt({ cert }: TlsIdentity): number {
  return chainEndsAt(readCertificates(cert));
}
