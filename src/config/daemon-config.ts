/**
 * What `healthbridge serve` is told: frozen plain data, made by a file and the command line.
 *
 * It starts nothing and knows nothing of what will be built from it.
 */
import type { CheckOptions } from "../checks/check-options.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import type { EngineName } from "../core/engine-name.js";
import { DEFAULT_DRAIN_DELAY_MS } from "../lifecycle/shutdown.js";

/** What a check looks at. */
export type CheckSource =
  | { readonly kind: "target"; readonly url: string }
  | { readonly kind: "exec"; readonly command: readonly string[] }
  | { readonly kind: "heartbeat"; readonly ttlMs: number; readonly token: string };

/** A check, as it is configured. */
export interface CheckConfig {
  readonly name: string;
  readonly source: CheckSource;
  readonly options: CheckOptions;
}

/** Files of PEM text. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** With it, clients must show a certificate. */
  readonly clientCaFile: string | undefined;
}

/** The isolation rule's own check. */
export interface IsolationConfig {
  /** A URL. */
  readonly selfCheck: string;
  readonly maxHoldMs: number;
}

/** Everything that `serve` is told. */
export interface DaemonConfig {
  /** Addresses, see `core/listen-address`. */
  readonly listen: readonly string[];
  readonly checks: readonly CheckConfig[];
  /** Services over checks and other services; `""` is the server as a whole. */
  readonly services: readonly ServiceDeclaration[];
  readonly isolation: IsolationConfig | undefined;
  /** Targets at link-local addresses are allowed. */
  readonly allowLinkLocal: boolean;
  readonly tls: TlsFiles | undefined;
  /** What speaks HTTP/2; undefined: the default. */
  readonly engine: EngineName | undefined;
  /** gRPC methods that answer by their status code alone. */
  readonly statusCodePaths: readonly string[];
  /** HTTP paths that mean `/healthcheck`. */
  readonly paths: readonly string[];
  readonly drainDelayMs: number;
  /** A file with the token that the list of services asks for. */
  readonly tokenFile: string | undefined;
  readonly listLimit: number | undefined;
  readonly maxWatchers: number | undefined;
  /** What is allowed, but unwise. */
  readonly warnings: readonly string[];
}

/** The addresses that are served when none is named. */
export const DEFAULT_LISTEN: readonly string[] = [":50051", ":8080"];

/** How long statuses are held at most, when this prober is cut off. */
export const DEFAULT_MAX_HOLD_MS = 60_000;

/** What a person calls the file, in the working directory. */
export const DEFAULT_CONFIG_FILE = "healthbridge.yaml";

/** With nothing told: its own health on the usual ports. */
export const DEFAULT_CONFIG: DaemonConfig = Object.freeze({
  listen: DEFAULT_LISTEN,
  checks: [],
  services: [],
  isolation: undefined,
  allowLinkLocal: false,
  tls: undefined,
  engine: undefined,
  statusCodePaths: [],
  paths: [],
  drainDelayMs: DEFAULT_DRAIN_DELAY_MS,
  tokenFile: undefined,
  listLimit: undefined,
  maxWatchers: undefined,
  warnings: [],
});
