/**
 * The daemon: a configuration made into running parts.
 */
import { isDeepStrictEqual } from "node:util";
import type { DaemonConfig } from "../config/daemon-config.js";
import { readTlsFiles } from "../config/tls-files.js";
import { readTokenFile } from "../config/token-file.js";
import { formatAddress } from "../core/listen-address.js";
import { OVERALL } from "../core/service-name.js";
import type { ShutdownTimes } from "../lifecycle/shutdown.js";
import type { Log } from "../telemetry/log.js";
import { Health } from "./health.js";

/** A running daemon. */
export interface Daemon {
  /** Makes its checks and services those of another configuration. */
  reload(config: DaemonConfig): void;
  /** Leaves in order. Calling it again returns the same promise. */
  stop(times?: ShutdownTimes): Promise<void>;
}

/** A connection of the daemon is asked to go after an hour, so that balancers spread anew and old identities end. */
const MAX_CONNECTION_AGE_MS = 3_600_000;

/** What a daemon is given beside its configuration. */
export interface DaemonMeans {
  readonly instance: string;
  readonly log: Log;
  /** The environment of this process: programs that check something find a few variables of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What a running daemon can't take over. */
const FIXED = ["listen", "tls", "engine", "paths", "statusCodePaths", "tokenFile", "listLimit", "maxWatchers"] as const;

/**
 * Starts everything that the configuration asks for.
 * @throws HealthError for whatever cannot be used; nothing is served then
 */
export async function startDaemon(config: DaemonConfig, { instance, log, environment }: DaemonMeans): Promise<Daemon> {
  const tls = config.tls && readTlsFiles(config.tls);
  const token = config.tokenFile === undefined ? undefined : readTokenFile(config.tokenFile);
  const { listLimit, maxWatchers } = config;
  const health = new Health({ instance, token, listLimit, maxWatchers, environment, metrics: true });
  if (config.checks.length === 0) health.set(OVERALL, "SERVING");
  tellWarnings(log, config);
  try {
    health.configure(config);
    const { engine, statusCodePaths, paths } = config;
    const options = { engine, tls, statusCodePaths, paths, maxConnectionAgeMs: MAX_CONNECTION_AGE_MS };
    const server = await health.listen(config.listen, options);
    tellServing(log, config, server.addresses.map(formatAddress));
  } catch (error) {
    await health.shutdown({ drainDelayMs: 0 });
    throw error;
  }
  let current = config;
  return {
    reload(next) {
      health.configure(next);
      if (next.checks.length === 0) health.set(OVERALL, "SERVING");
      tellWarnings(log, next);
      const fixed = FIXED.filter((key) => !isDeepStrictEqual(current[key], next[key]));
      if (fixed.length > 0) {
        const message = `changed, but only a restart takes it over: ${fixed.join(", ")}`;
        log.write("warn", "restart-needed", message, { keys: fixed });
      }
      current = next;
    },
    stop: (times) => health.shutdown({ drainDelayMs: config.drainDelayMs, ...times }),
  };
}

/** Says what is allowed, but unwise. */
function tellWarnings(log: Log, { warnings, checks }: DaemonConfig): void {
  for (const warning of warnings) log.write("warn", "config-warning", warning);
  if (process.pid !== 1 || !checks.some(({ source }) => source.kind === "exec")) return;
  const message =
    "this is process 1 and runs programs: what they leave behind stays as zombies; start it under an init";
  log.write("warn", "config-warning", message);
}

/** Says what is served where, with a command to try. */
function tellServing(log: Log, config: DaemonConfig, addresses: readonly string[]): void {
  const services = config.checks.map(({ name }) => name);
  const what = services.length === 0 ? "own health" : `health of ${services.join(", ")}`;
  const message = `serving ${what} over gRPC and HTTP on ${addresses.join(", ")}; try: ${commandToTry(config, addresses)}`;
  log.write("info", "serving", message, { addresses, services });
}

function commandToTry(config: DaemonConfig, addresses: readonly string[]): string {
  const [address = "", text = ""] = [addresses.at(-1), config.listen.at(-1)];
  const scheme = config.tls === undefined || text.startsWith("plain://") ? "http" : "https";
  const insecure = scheme === "https" ? "-k " : "";
  if (address.startsWith("unix:"))
    return `curl ${insecure}--unix-socket ${address.slice(5)} ${scheme}://localhost/healthcheck`;
  const reachable = address.replace(/^(?:\[::\]|0\.0\.0\.0):/, "localhost:");
  return `curl ${insecure}${scheme}://${reachable}/healthcheck`;
}
