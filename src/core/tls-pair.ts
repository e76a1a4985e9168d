/**
 * Validates a certificate and its key before a server or a client uses them.
 *
 * For an invalid PEM text, OpenSSL reports a state of its parser. The usual mistakes are recognised here: an empty
 * file, the other file of the two, DER in place of PEM, an encrypted key, a chain in the wrong order.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { HealthError, messageOf } from "./health-error.js";

/** PEM text. */
export type Pem = string | Buffer;

/** How errors name the two texts. */
export interface PairNames {
  readonly cert: string;
  readonly key: string;
}

const PAIR_NAMES: Readonly<PairNames> = { cert: "the TLS certificate", key: "the TLS key" };

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const ENCRYPTED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/**
 * Validates a pair.
 * @throws HealthError TLS_FAILED for an invalid certificate or key, or when the two do not belong together
 */
export function requireTlsPair(cert: Pem, key: Pem, names: PairNames = PAIR_NAMES): void {
  const chain = readCertificates(cert, names.cert);
  const privateKey = readPrivateKey(key, names.key);
  const index = chain.findIndex((certificate) => certificate.checkPrivateKey(privateKey));
  if (index === -1) throw tlsError(`${names.key} does not belong to ${names.cert}`);
  if (index > 0)
    throw tlsError(
      `${names.key} belongs to certificate ${index + 1} of the chain in ${names.cert}; that certificate must be the first`,
    );
  parsed(`${names.cert} cannot be used`, () => createSecureContext({ cert, key }));
}

/**
 * Reads each certificate of a text. OpenSSL would read the first and ignore invalid ones after it.
 * @throws HealthError TLS_FAILED
 */
export function readCertificates(pem: Pem, name = PAIR_NAMES.cert): readonly X509Certificate[] {
  const [, ...blocks] = textOf(pem, name).split(CERTIFICATE);
  if (blocks.length === 0) throw tlsError(`${name} ${missingBlock(pem, "certificate")}`);
  return blocks.map((block, index) => {
    const ordinal = blocks.length === 1 ? name : `${name}: certificate ${index + 1} of the chain`;
    return parsed(`${ordinal} cannot be read`, () => new X509Certificate(`-----BEGIN CERTIFICATE-----${block}`));
  });
}

/** @throws HealthError TLS_FAILED */
export function readPrivateKey(pem: Pem, name = PAIR_NAMES.key): KeyObject {
  const text = textOf(pem, name);
  if (ENCRYPTED_KEY.test(text))
    throw tlsError(
      `${name} is encrypted, and there is no passphrase for it; decrypt it: openssl pkey -in ENCRYPTED -out KEY`,
    );
  if (!PRIVATE_KEY.test(text)) throw tlsError(`${name} ${missingBlock(pem, "private key")}`);
  return parsed(`${name} cannot be read`, () => createPrivateKey(pem));
}

/**
 * Reads each certificate of a bundle of authorities. OpenSSL ignores what follows an invalid one, and a certificate that does not
 * begin on a line of its own: pass on what was read here.
 * @throws HealthError TLS_FAILED
 */
export function readAuthorities(pem: Pem, what = "CA"): readonly X509Certificate[] {
  return readCertificates(pem, `the TLS ${what}`);
}

/** Callers may have no types: an option may be missing. */
function textOf(pem: Pem, name: string): string {
  if (typeof pem === "string" || Buffer.isBuffer(pem)) return pem.toString();
  throw tlsError(`${name} must be PEM, as a string or Buffer; got ${typeof pem}`);
}

/** Why a text has no certificate, or no private key. */
function missingBlock(pem: Pem, wanted: "certificate" | "private key"): string {
  const text = pem.toString();
  if (text.trim() === "") return "is empty";
  // DER is binary, and starts with a SEQUENCE (0x30, which is the character 0)
  if (text.startsWith("0") && [...text].some((character) => character < "\t" || character === "\ufffd"))
    return `is in DER format; convert it to PEM: openssl ${wanted === "certificate" ? "x509" : "pkey"} -inform der -in DER -out PEM`;
  const other = [
    ["a private key", PRIVATE_KEY],
    ["a certificate", CERTIFICATE],
    ["a certificate request", /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/],
    ["a public key", /-----BEGIN [A-Z ]*PUBLIC KEY-----/],
  ] as const;
  const present = other.find(([, block]) => block.test(text))?.[0];
  return present === undefined ? `has no ${wanted} in PEM format` : `has ${present}, but no ${wanted}`;
}

function parsed<Value>(failure: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    throw tlsError(`${failure}: ${messageOf(cause)}`, cause);
  }
}

function tlsError(message: string, cause?: unknown): HealthError {
  return new HealthError("TLS_FAILED", message, cause === undefined ? {} : { cause });
}
