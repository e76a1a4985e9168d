/**
 * Whether a certificate and a key can be used together: read before anything is opened with them.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { HealthError, messageOf } from "./health-error.js";

/** PEM text. */
export type Pem = string | Buffer;

/**
 * Reads a pair.
 * @throws HealthError TLS_FAILED when a text is no certificate or key, or when the two do not belong together
 */
export function requireTlsPair(cert: Pem, key: Pem): void {
  const certificate = reading("certificate", () => new X509Certificate(cert));
  const privateKey = reading("key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new HealthError("TLS_FAILED", "the TLS key does not belong to the certificate");
  reading("certificate chain", () => createSecureContext({ cert, key }));
}

/**
 * Reads the certificates of authorities, each on its own: OpenSSL takes the first and is silent about the rest.
 * @throws HealthError TLS_FAILED
 */
export function requireAuthorities(pem: Pem, what = "client CA"): void {
  const [, ...blocks] = pem.toString().split("-----BEGIN CERTIFICATE-----");
  const certificates =
    blocks.length === 0 ? [pem.toString()] : blocks.map((block) => `-----BEGIN CERTIFICATE-----${block}`);
  for (const certificate of certificates) reading(what, () => new X509Certificate(certificate));
}

function reading<Value>(what: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    throw new HealthError("TLS_FAILED", `the TLS ${what} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
