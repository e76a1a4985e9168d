/**
 * What `healthbridge serve` is told: frozen plain data, made by the command line (and, later, by a file).
 *
 * It starts nothing and knows nothing of what will be built from it.
 */
import type { DurationLike } from "../core/duration.js";

/** A check, as it is configured. Settings that are left out have the defaults of `checks/settings`. */
export interface CheckConfig {
  readonly name: string;
  /** A URL. */
  readonly target: string;
  readonly interval?: DurationLike | undefined;
  readonly timeout?: DurationLike | undefined;
  readonly unhealthyThreshold?: number | undefined;
  readonly healthyThreshold?: number | undefined;
  /** A share of the interval, 0 to 1. */
  readonly jitter?: number | undefined;
}

/** Files of PEM text. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** With it, clients must show a certificate. */
  readonly clientCaFile: string | undefined;
}

/** Everything that `serve` is told. */
export interface DaemonConfig {
  /** Addresses, see `core/listen-address`. */
  readonly listen: readonly string[];
  readonly checks: readonly CheckConfig[];
  readonly tls: TlsFiles | undefined;
  /** gRPC methods that answer by their status code alone. */
  readonly statusCodePaths: readonly string[];
  /** HTTP paths that mean `/healthcheck`. */
  readonly paths: readonly string[];
  readonly drainDelayMs: number;
  /** A file with the token that the list of services asks for. */
  readonly tokenFile: string | undefined;
}

/** The addresses that are served when none is named. */
export const DEFAULT_LISTEN: readonly string[] = [":50051", ":8080"];
