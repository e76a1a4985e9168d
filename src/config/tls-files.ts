/**
 * Reads and checks the PEM files of the server's certificate, and of the certificates and CAs for targets.
 */
import type { X509Certificate } from "node:crypto";
import { allowedClientsFaults } from "../core/allowed-clients.js";
import { timeWarnings } from "../core/certificate-time.js";
import { systemClock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import type { Path } from "../core/option-error.js";
import { readCertificates, readPrivateKey, requireTlsPair } from "../core/tls-pair.js";
import type { TargetTls } from "../probers/options.js";
import type { ServerTlsConfig } from "./daemon-config.js";
import type { Files } from "./files.js";
import type { CheckEntry, ConfigFile } from "./schema.js";

/** Called with a key of the table and what is wrong with it; without a key, with the table as a whole. */
type Refuse<Key> = (key: Key | undefined, text: string) => void;

/** The server's TLS; `undefined` if a file cannot be read. The times of its certificate are in `warnings`. */
export function readServerTls(
  { certFile, keyFile, clientCaFile, allowClients, minVersion = "1.2" }: NonNullable<ConfigFile["tls"]>,
  files: Files,
  refuse: (path: Path, text: string) => void,
): ServerTls | undefined {
  const refuseCa = (text: string) => refuse(["clientCaFile"], text);
  const clientCa = clientCaFile === undefined ? undefined : readPem(files.read(clientCaFile, "client_ca", refuseCa));
  if (clientCaFile !== undefined && clientCa !== undefined) requireClientCa(clientCa, clientCaFile, refuseCa);
  if (allowClients !== undefined) {
    if (clientCaFile === undefined)
      refuse(["allowClients"], "needs clientCaFile: without it, clients show no certificate");
    for (const { path, text } of allowedClientsFaults(allowClients)) refuse(["allowClients", ...path], text);
  }
  const { cert, key, chain } = readPair(certFile, keyFile, files, (name, text) =>
    refuse(name === undefined ? [] : [name], text),
  );
  if (cert === undefined || key === undefined) return undefined;
  return {
    tls: { cert, key, clientCa, certFile, allowClients: allowClients ?? "any", minVersion },
    warnings: timeWarnings(chain, `the certificate ${certFile}`, systemClock.wallTime()),
  };
}

/** The server's TLS, and warnings about probable mistakes. */
export interface ServerTls {
  readonly tls: ServerTlsConfig;
  readonly warnings: readonly string[];
}

/** A certificate chain and its key, as far as they can be read. */
function readPair(
  certFile: string,
  keyFile: string,
  files: Files,
  refuse: Refuse<"certFile" | "keyFile">,
): { readonly cert: string | undefined; readonly key: string | undefined; readonly chain: readonly X509Certificate[] } {
  const names = { cert: `the certificate ${certFile}`, key: `the key ${keyFile}` };
  const cert = readPem(files.read(certFile, "certificate", (text) => refuse("certFile", text)));
  const key = readPem(files.read(keyFile, "key", (text) => refuse("keyFile", text)));
  files.pair(certFile, keyFile);
  const chain =
    cert === undefined
      ? undefined
      : attempt(
          () => readCertificates(cert, names.cert),
          (text) => refuse("certFile", text),
        );
  const privateKey =
    key === undefined
      ? undefined
      : attempt(
          () => readPrivateKey(key, names.key),
          (text) => refuse("keyFile", text),
        );
  if (cert !== undefined && key !== undefined && chain && privateKey)
    attempt(
      () => requireTlsPair(cert, key, names),
      (text) => refuse(undefined, text),
    );
  return { cert, key, chain: chain ?? [] };
}

/** A bundle may have authorities that have expired, but not only such. */
function requireClientCa(clientCa: string, file: string, refuse: (text: string) => void): void {
  const authorities = attempt(() => readCertificates(clientCa, `the client CA ${file}`), refuse);
  if (authorities?.every(({ validTo }) => Date.parse(validTo) < systemClock.wallTime()))
    refuse(`the certificate in ${file} has expired: no client could connect`);
}

/** The TLS options of a target. */
export function readTargetTls(
  tls: NonNullable<CheckEntry["tls"]>,
  files: Files,
  refuse: Refuse<"ca" | "caFile" | "certFile" | "keyFile">,
): TargetTls {
  const { ca: store, caFile, certFile, keyFile, ...others } = tls;
  if (store !== undefined && caFile !== undefined) refuse("ca", "must not be beside caFile: one of them is trusted");
  const ca = caFile === undefined ? undefined : readPem(files.read(caFile, "ca", (text) => refuse("caFile", text)));
  if (certFile !== undefined && keyFile === undefined) refuse("certFile", "needs keyFile too");
  if (keyFile !== undefined && certFile === undefined) refuse("keyFile", "needs certFile too");
  const pair =
    certFile && keyFile
      ? readPair(certFile, keyFile, files, (key, text) => refuse(key ?? "certFile", text))
      : undefined;
  if (ca !== undefined)
    attempt(
      () => readCertificates(ca, `the CA ${caFile}`),
      (text) => refuse("caFile", text),
    );
  return { ...others, ca: ca ?? store, cert: pair?.cert, key: pair?.key };
}

/** Windows programs put a byte order mark before the text, which OpenSSL does not read. */
function readPem(text: string | undefined): string | undefined {
  return text?.replace(/^\ufeff/, "");
}

function attempt<Value>(action: () => Value, refuse: (text: string) => void): Value | undefined {
  try {
    return action();
  } catch (error) {
    refuse(messageOf(error));
    return undefined;
  }
}
