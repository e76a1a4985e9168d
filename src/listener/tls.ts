/**
 * TLS of the listeners: one certificate, both protocols by ALPN, and, where a CA is given, clients that must show a
 * certificate of it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type TlsOptions } from "node:tls";
import { HealthError, messageOf } from "../core/health-error.js";

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
  const certificate = read("certificate", () => new X509Certificate(identity.cert));
  const key = read("key", () => createPrivateKey(identity.key));
  if (!certificate.checkPrivateKey(key)) {
    throw new HealthError("TLS_FAILED", "the TLS key does not belong to the certificate");
  }
  const { cert, clientCa } = identity;
  if (clientCa !== undefined) for (const ca of blocksOf(clientCa)) read("client CA", () => new X509Certificate(ca));
  read("certificate chain", () => createSecureContext({ cert, key: identity.key }));
  return {
    cert,
    key: identity.key,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

/** The certificates of a PEM text, each to be read on its own: OpenSSL takes the first and is silent about the rest. */
function blocksOf(pem: string | Buffer): readonly string[] {
  const [, ...blocks] = pem.toString().split("-----BEGIN CERTIFICATE-----");
  return blocks.length === 0 ? [pem.toString()] : blocks.map((block) => `-----BEGIN CERTIFICATE-----${block}`);
}

function read<Value>(what: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    throw new HealthError("TLS_FAILED", `the TLS ${what} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
