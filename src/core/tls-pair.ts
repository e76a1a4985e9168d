/**
 * Validates a certificate and its key before a server is opened with them.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { HealthError, messageOf } from "./health-error.js";

/** PEM text. */
export type Pem = string | Buffer;

/**
 * Validates a pair.
 * @throws HealthError TLS_FAILED for an invalid certificate or key, or when the two do not belong together
 */
export function requireTlsPair(cert: Pem, key: Pem): void {
  const certificate = parsed("certificate", () => new X509Certificate(cert));
  const privateKey = parsed("key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new HealthError("TLS_FAILED", "the TLS key does not belong to the certificate");
  parsed("certificate chain", () => createSecureContext({ cert, key }));
}

/**
 * Validates each certificate of a bundle of authorities. OpenSSL would read the first and ignore invalid ones after it.
 * @throws HealthError TLS_FAILED
 */
export function requireAuthorities(pem: Pem, what = "client CA"): void {
  const [, ...blocks] = pem.toString().split("-----BEGIN CERTIFICATE-----");
  const certificates =
    blocks.length === 0 ? [pem.toString()] : blocks.map((block) => `-----BEGIN CERTIFICATE-----${block}`);
  for (const certificate of certificates) parsed(what, () => new X509Certificate(certificate));
}

function parsed<Value>(what: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    throw new HealthError("TLS_FAILED", `the TLS ${what} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
