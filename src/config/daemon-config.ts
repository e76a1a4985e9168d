/**
 * The configuration of `healthbridge serve`: frozen plain data, made from a file and the flags.
 *
 * It contains no running parts.
 */
import type { ChecksConfig } from "../checks/declarations.js";
import type { Advertisement, InstanceTemplate } from "../checks/instance-template.js";
import type { AllowedClients } from "../core/allowed-clients.js";
import type { EngineName } from "../core/engine-name.js";
import type { ListenEntry } from "../core/listen-point.js";
import type { TlsVersion } from "../core/tls-version.js";
import type { RecoveryRule } from "../hooks/recovery-rules.js";
import type { WebhookSettings } from "../hooks/webhook-settings.js";
import { TOP_KEYS } from "./keys.js";
import type { ReadDiscovery } from "./validate-discovery.js";
import type { FleetConfig } from "./validate-fleet.js";

/** TLS of the server, with the texts of the PEM files. */
export interface ServerTlsConfig {
  readonly cert: string;
  readonly key: string;
  /** With it, clients must show a certificate. */
  readonly clientCa: string | undefined;
  /** The names of which a client's certificate must have one; `any`: no name is needed. */
  readonly allowClients: AllowedClients | "any";
  readonly minVersion: TlsVersion;
  /** The name of the file of the certificate. */
  readonly certFile: string;
}

/** The whole configuration of `serve`. Files that the configuration names have been read. */
export interface DaemonConfig extends ChecksConfig, ReadDiscovery {
  /** Checks with `instances`. They are not among `checks`, nor are their services among `services`. */
  readonly templates: readonly InstanceTemplate[];
  /** `advertise`, `tags` and `weight` of `checks`, by their names. A check without these keys has no entry. */
  readonly advertisements: ReadonlyMap<string, Advertisement>;
  /** Addresses, see `core/listen-point`. */
  readonly listen: readonly ListenEntry[];
  readonly tls: ServerTlsConfig | undefined;
  readonly engine: EngineName;
  /** Serve in a thread of its own. */
  readonly listenThread: boolean;
  /** gRPC methods that answer by their status code alone. */
  readonly statusCodePaths: readonly string[];
  /** HTTP paths that are answered like `/healthcheck`. */
  readonly paths: readonly string[];
  /** An open connection of a client is asked to end after this time. */
  readonly maxConnectionAgeMs: number;
  readonly drainDelayMs: number;
  /** The token that clients must send to list the services. */
  readonly token: string | undefined;
  /** The folder for what survives a restart. */
  readonly stateDir: string | undefined;
  /** The path of the control socket. */
  readonly control: string | undefined;
  readonly listLimit: number;
  readonly maxWatchers: number;
  /** Whether browsers get the status page. */
  readonly page: boolean;
  /** Names under which browsers may open the page, `/events` and `/history`. */
  readonly hosts: readonly string[];
  /** Megabytes that the history of all services may use. */
  readonly historyMemory: number;
  readonly historyRetainMs: number;
  /** The rules of automatic recovery, in the order of the file. */
  readonly recovery: readonly RecoveryRule[];
  readonly webhooks: readonly WebhookSettings[];
  /** The daemons with which this one shares checks and statuses. */
  readonly fleet: FleetConfig | undefined;
  /** What is allowed, but probably a mistake. */
  readonly warnings: readonly string[];
}

/** The usual name of the file, in the working directory. */
export const DEFAULT_CONFIG_FILE = "healthbridge.yaml";

/** Another usual name. There must not be a file of each. */
export const OTHER_CONFIG_FILE = "healthbridge.yml";

const NO_ADVERTISEMENTS: ReadonlyMap<string, Advertisement> = new Map();

/** Without a file and without flags: `serve` publishes its own health. */
export const DEFAULT_CONFIG: DaemonConfig = Object.freeze({
  listen: TOP_KEYS.listen.default,
  checks: [],
  services: [],
  templates: [],
  advertisements: NO_ADVERTISEMENTS,
  isolation: undefined,
  allowLinkLocal: TOP_KEYS.allowLinkLocal.default,
  tls: undefined,
  engine: TOP_KEYS.engine.default,
  listenThread: TOP_KEYS.listenThread.default,
  statusCodePaths: TOP_KEYS.statusCodePaths.default,
  paths: TOP_KEYS.paths.default,
  maxConnectionAgeMs: TOP_KEYS.maxConnectionAge.default,
  drainDelayMs: TOP_KEYS.drainDelay.default,
  token: undefined,
  stateDir: undefined,
  control: undefined,
  listLimit: TOP_KEYS.listLimit.default,
  maxWatchers: TOP_KEYS.maxWatchers.default,
  page: TOP_KEYS.page.default,
  hosts: TOP_KEYS.hosts.default,
  historyMemory: TOP_KEYS.historyMemory.default,
  historyRetainMs: TOP_KEYS.historyRetain.default,
  recovery: [],
  webhooks: [],
  discovery: undefined,
  haproxyAgent: undefined,
  fleet: undefined,
  warnings: [],
});
