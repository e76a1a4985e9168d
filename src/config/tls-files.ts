/**
 * The PEM files of TLS identities: read, and judged before anything is opened with them.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseDuration } from "../core/duration.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { requireAuthorities, requireTlsPair } from "../core/tls-pair.js";
import type { TargetTls } from "../probers/options.js";
import type { TlsFiles } from "./daemon-config.js";
import type { Files } from "./files.js";
import type { CheckEntry, ConfigFile } from "./schema.js";

/** The texts of the files. */
export interface TlsTexts {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

/**
 * Reads every file of our own identity.
 * @throws HealthError TLS_FAILED naming the file
 */
export function readTlsFiles(files: TlsFiles): TlsTexts {
  return {
    cert: read(files.certFile),
    key: read(files.keyFile),
    clientCa: files.clientCaFile === undefined ? undefined : read(files.clientCaFile),
  };
}

/** Judges our own identity. */
export function judgeTlsFiles(
  tls: NonNullable<ConfigFile["tls"]>,
  files: Files,
  blame: (path: readonly string[], text: string) => void,
): void {
  const cert = files.text(tls.certFile, (text) => blame(["tls", "certFile"], text));
  const key = files.secret(tls.keyFile, (text) => blame(["tls", "keyFile"], text));
  const { clientCaFile } = tls;
  const clientCa = clientCaFile && files.text(clientCaFile, (text) => blame(["tls", "clientCaFile"], text));
  if (cert !== undefined && key !== undefined)
    trying(
      () => requireTlsPair(cert, key),
      (text) => blame(["tls"], text),
    );
  if (clientCa === undefined) return;
  const blameCa = (text: string) => blame(["tls", "clientCaFile"], text);
  trying(() => requireAuthorities(clientCa), blameCa);
  if (isExpired(clientCa)) blameCa(`the certificate in ${clientCaFile} has ended: no client could come in`);
}

/** Reads and judges how TLS is spoken with a target. */
export function readTargetTls(
  tls: NonNullable<CheckEntry["tls"]>,
  files: Files,
  blame: (key: string, text: string) => void,
): TargetTls {
  const { caFile, certFile, keyFile, serverName, verify, warnBefore } = tls;
  const ca = caFile === undefined ? undefined : files.text(caFile, (text) => blame("caFile", text));
  const cert = certFile === undefined ? undefined : files.text(certFile, (text) => blame("certFile", text));
  const key = keyFile === undefined ? undefined : files.secret(keyFile, (text) => blame("keyFile", text));
  if (certFile !== undefined && keyFile === undefined) blame("certFile", "needs keyFile beside it");
  if (keyFile !== undefined && certFile === undefined) blame("keyFile", "needs certFile beside it");
  if (cert !== undefined && key !== undefined)
    trying(
      () => requireTlsPair(cert, key),
      (text) => blame("certFile", text),
    );
  if (ca !== undefined)
    trying(
      () => requireAuthorities(ca, "CA"),
      (text) => blame("caFile", text),
    );
  return { ca, cert, key, serverName, verify, warnBeforeMs: parseDuration(warnBefore) };
}

function isExpired(pem: string): boolean {
  try {
    return Date.parse(new X509Certificate(pem).validTo) < Date.now();
  } catch {
    return false; // not readable: that has been told
  }
}

function trying(action: () => void, blame: (text: string) => void): void {
  try {
    action();
  } catch (error) {
    blame(messageOf(error));
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new HealthError("TLS_FAILED", `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}
