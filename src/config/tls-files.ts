/**
 * Reads the PEM files of a TLS identity. What they hold is judged where it is used.
 */
import { readFileSync } from "node:fs";
import { HealthError, messageOf } from "../core/health-error.js";
import type { TlsFiles } from "./daemon-config.js";

/** The texts of the files. */
export interface TlsTexts {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

/**
 * Reads every file.
 * @throws HealthError TLS_FAILED naming the file
 */
export function readTlsFiles(files: TlsFiles): TlsTexts {
  return {
    cert: read(files.certFile),
    key: read(files.keyFile),
    clientCa: files.clientCaFile === undefined ? undefined : read(files.clientCaFile),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new HealthError("TLS_FAILED", `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}
