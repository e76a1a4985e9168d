/**
 * The TLS of a probe: the files that the flags name, with the error texts of grpc_health_probe. It is loaded with
 * `node:tls`, for a probe that uses TLS.
 *
 * Without -tls-ca-cert, the store of the system is trusted, as by every program in Go; Node's own list if there is none.
 */
import { X509Certificate } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { Authorities, SystemAuthorities } from "../../client/authorities.js";
import { type SecureOptions, tlsOptions } from "../../client/tls-options.js";
import { messageOf } from "../../core/health-error.js";
import { requireTlsPair } from "../../core/tls-pair.js";
import type { ProbeSettings } from "./probe-settings.js";

/** What the flags say about TLS. */
export type TlsSettings = Pick<ProbeSettings, "caCert" | "clientCert" | "clientKey" | "noVerify">;

/** There are no credentials. The message is the line of the program. */
export class CredentialsFault extends Error {
  override readonly name = "CredentialsFault";
}

/**
 * The TLS options of a probe.
 * @param tlsName the name that the certificate must have
 * @param protocols for ALPN
 * @throws CredentialsFault
 */
export function tlsCredentials(
  settings: TlsSettings,
  tlsName: string,
  env: Readonly<Record<string, string | undefined>>,
  protocols: readonly string[],
): SecureOptions {
  const { caCert, clientCert, noVerify } = settings;
  const pair = clientCert === "" ? {} : readPair(settings);
  const ca = noVerify ? undefined : caCert === "" ? systemAuthorities(env) : new Authorities(readRoots(caCert));
  return tlsOptions(tlsName, { ...pair, ca, verify: !noVerify }, protocols);
}

function systemAuthorities(env: Readonly<Record<string, string | undefined>>): string | Authorities | undefined {
  try {
    return new SystemAuthorities(env).of("system");
  } catch {
    return undefined; // this machine has no store
  }
}

/** The certificates of a file that can be read. Others are left out. */
function readRoots(file: string): string {
  const pem = readNamed(file, (text) => `failed to load root CA certificates from file (${file}) error=${text}`);
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const good = blocks.filter(isCertificate);
  if (good.length === 0) throw fault(`no root CA certs parsed from file ${file}`);
  return `${good.join("\n")}\n`;
}

function isCertificate(pem: string): boolean {
  try {
    return Boolean(new X509Certificate(pem));
  } catch {
    return false;
  }
}

function readPair({ clientCert, clientKey }: TlsSettings): { readonly cert: string; readonly key: string } {
  const pairFault = (text: string) => `failed to load tls client cert/key pair. error=${text}`;
  const cert = readNamed(clientCert, pairFault);
  const key = readNamed(clientKey, pairFault);
  const missing = missingBlock(cert, key);
  if (missing !== undefined) throw fault(pairFault(missing));
  try {
    requireTlsPair(cert, key);
  } catch (error) {
    const text = messageOf(error);
    throw fault(pairFault(/does not belong to/.test(text) ? "tls: private key does not match public key" : text));
  }
  return { cert, key };
}

/** The texts of Go's `tls.X509KeyPair` for files without the right content. */
function missingBlock(cert: string, key: string): string | undefined {
  const certBlocks = blockNames(cert);
  const keyBlocks = blockNames(key);
  if (certBlocks.length === 0) return "tls: failed to find any PEM data in certificate input";
  if (certBlocks.length === 1 && /PRIVATE KEY$/.test(certBlocks[0] ?? ""))
    return "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched";
  if (!certBlocks.includes("CERTIFICATE"))
    return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${certBlocks.join(" ")}]`;
  if (keyBlocks.length === 0) return "tls: failed to find any PEM data in key input";
  if (keyBlocks.some((name) => name === "PRIVATE KEY" || name.endsWith(" PRIVATE KEY"))) return undefined;
  if (keyBlocks.length === 1 && keyBlocks[0] === "CERTIFICATE")
    return "tls: found a certificate rather than a key in the PEM for the private key";
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${keyBlocks.join(" ")}]`;
}

function blockNames(pem: string): readonly string[] {
  return [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, name = ""]) => name);
}

/** A bundle of all public authorities has a quarter of a megabyte. A device such as /dev/zero has no end. */
const MAX_FILE_BYTES = 16_777_216;

/** Reads a file or a pipe. */
function readNamed(file: string, faultText: (text: string) => string): string {
  try {
    return readBounded(file).toString();
  } catch (error) {
    throw fault(faultText(error instanceof RangeError ? error.message : goFileError(file, error)));
  }
}

/** @throws RangeError for a file without an end */
function readBounded(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const chunk = Buffer.allocUnsafe(65_536);
      const length = readSync(descriptor, chunk);
      if (length === 0) return Buffer.concat(chunks);
      total += length;
      if (total > MAX_FILE_BYTES) throw new RangeError(`read ${file}: more than ${MAX_FILE_BYTES} bytes`);
      chunks.push(chunk.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}

const GO_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
};

/** An error of a file, as Go writes it. */
function goFileError(file: string, error: unknown): string {
  const code = String(Object(error).code);
  return `${code === "EISDIR" ? "read" : "open"} ${file}: ${GO_ERRORS[code] ?? messageOf(error)}`;
}

function fault(text: string): CredentialsFault {
  return new CredentialsFault(`failed to initialize tls credentials. error=${text}`);
}
