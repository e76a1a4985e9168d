/**
 * Versions of TLS as a configuration writes them: `1.2` and `1.3`, and for old targets `1.0` and `1.1`, as text or as a number.
 */
import type { SecureVersion } from "node:tls";
import { OptionError, type Path } from "./option-error.js";

/** YAML reads 1.0 as the number 1. */
export const TLS_VERSIONS = ["1.0", "1.1", "1.2", "1.3", 1, 1.1, 1.2, 1.3] as const;

/** Those that our own listeners can have as their oldest. */
export const SERVER_TLS_VERSIONS = ["1.2", "1.3", 1.2, 1.3] as const;

/** `1.2` or `"1.2"`: other values are refused. */
export type TlsVersion = string | number;

/** In Node's words, the oldest first. */
const PROTOCOLS: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/**
 * A version in Node's words.
 * @throws HealthError INVALID_OPTION, naming the option
 */
export function tlsProtocol(option: Path, version: TlsVersion): SecureVersion {
  const known: readonly unknown[] = TLS_VERSIONS;
  const protocol = PROTOCOLS[known.indexOf(version) % PROTOCOLS.length];
  if (protocol !== undefined) return protocol;
  throw new OptionError(option, `must be 1.2 or 1.3, or for old targets 1.0 or 1.1; got ${JSON.stringify(version)}`);
}

/** Whether a protocol, as Node names it, is older than another one. */
export function isOlder(protocol: string | null, other: SecureVersion): boolean {
  return PROTOCOLS.map(String).indexOf(protocol ?? "") < PROTOCOLS.indexOf(other);
}
