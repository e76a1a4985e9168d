/**
 * Reads and checks the PEM files of the server's certificate, and of the certificates and CAs for targets.
 */
import { X509Certificate } from "node:crypto";
import { parseDuration } from "../core/duration.js";
import { messageOf } from "../core/health-error.js";
import { requireAuthorities, requireTlsPair } from "../core/tls-pair.js";
import type { TargetTls } from "../probers/options.js";
import type { TlsTexts } from "./daemon-config.js";
import type { Files } from "./files.js";
import type { CheckEntry, ConfigFile } from "./schema.js";

/** Called with a key of the table and what is wrong with it; without a key, with the table as a whole. */
type Refuse<Key> = (key: Key | undefined, text: string) => void;

/** The server's certificate; `undefined` if a file cannot be read. */
export function readServerTls(
  { certFile, keyFile, clientCaFile }: NonNullable<ConfigFile["tls"]>,
  files: Files,
  refuse: Refuse<"certFile" | "keyFile" | "clientCaFile">,
): TlsTexts | undefined {
  const cert = files.text(certFile, (text) => refuse("certFile", text));
  const key = files.secret(keyFile, (text) => refuse("keyFile", text));
  const clientCa = clientCaFile && files.text(clientCaFile, (text) => refuse("clientCaFile", text));
  if (clientCa !== undefined) {
    attempt(
      () => requireAuthorities(clientCa),
      (text) => refuse("clientCaFile", text),
    );
    if (isExpired(clientCa))
      refuse("clientCaFile", `the certificate in ${clientCaFile} has expired: no client could connect`);
  }
  if (cert === undefined || key === undefined) return undefined;
  attempt(
    () => requireTlsPair(cert, key),
    (text) => refuse(undefined, text),
  );
  return { cert, key, clientCa };
}

/** The TLS options of a target. */
export function readTargetTls(
  tls: NonNullable<CheckEntry["tls"]>,
  files: Files,
  refuse: Refuse<"caFile" | "certFile" | "keyFile">,
): TargetTls {
  const { caFile, certFile, keyFile, serverName, verify, warnBefore } = tls;
  const ca = caFile === undefined ? undefined : files.text(caFile, (text) => refuse("caFile", text));
  const cert = certFile === undefined ? undefined : files.text(certFile, (text) => refuse("certFile", text));
  const key = keyFile === undefined ? undefined : files.secret(keyFile, (text) => refuse("keyFile", text));
  if (certFile !== undefined && keyFile === undefined) refuse("certFile", "needs keyFile too");
  if (keyFile !== undefined && certFile === undefined) refuse("keyFile", "needs certFile too");
  if (cert !== undefined && key !== undefined)
    attempt(
      () => requireTlsPair(cert, key),
      (text) => refuse("certFile", text),
    );
  if (ca !== undefined)
    attempt(
      () => requireAuthorities(ca, "CA"),
      (text) => refuse("caFile", text),
    );
  return { ca, cert, key, serverName, verify, warnBeforeMs: parseDuration(warnBefore) };
}

function isExpired(pem: string): boolean {
  try {
    return Date.parse(new X509Certificate(pem).validTo) < Date.now();
  } catch {
    return false; // it cannot be read, and has a fault already
  }
}

function attempt(action: () => void, refuse: (text: string) => void): void {
  try {
    action();
  } catch (error) {
    refuse(messageOf(error));
  }
}
