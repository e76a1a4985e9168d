/**
 * TLS of the listeners: one certificate, both protocols by ALPN, and, where a CA is given, clients that must show a
 * certificate of it.
 */
import type { TlsOptions } from "node:tls";
import { requireAuthorities, requireTlsPair } from "../core/tls-pair.js";

/** PEM texts of a server's identity. */
export interface TlsIdentity {
  /** The certificate, followed by its chain. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** CA certificates; a client must then show a certificate that one of them signed (mTLS). */
  readonly clientCa?: string | Buffer | undefined;
}

/** A handshake that takes longer is ended. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * The options of a TLS server.
 * @throws HealthError TLS_FAILED when a text is no certificate or key, or when the two do not belong together
 */
export function tlsServerOptions(identity: TlsIdentity): TlsOptions {
  const { cert, key, clientCa } = identity;
  requireTlsPair(cert, key);
  if (clientCa !== undefined) requireAuthorities(clientCa);
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}
