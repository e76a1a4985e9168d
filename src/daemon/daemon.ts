/**
 * The daemon: starts what a configuration describes, reloads it and stops it.
 */
import { isDeepStrictEqual } from "node:util";
import type { DaemonConfig, ServerTlsConfig } from "../config/daemon-config.js";
import type { FileThreads } from "../config/file-operation.js";
import type { RestartKey } from "../config/keys.js";
import type { LoadedConfig } from "../config/validate.js";
import { AccessToken } from "../core/bearer-token.js";
import { systemClock } from "../core/clock.js";
import { formatAddress } from "../core/listen-address.js";
import { version } from "../core/version.js";
import { maxShutdownMs, type ShutdownTimes } from "../lifecycle/shutdown.js";
import type { TlsIdentity } from "../listener/tls.js";
import type { Log } from "../telemetry/log.js";
import { watchCertificate } from "./certificate-watch.js";
import { type ControlServer, openControlServer } from "./control-server.js";
import { type ControlDeps, controlMethods } from "./control-service.js";
import type { DaemonFacts } from "./control-status.js";
import type { Discovery } from "./discovery.js";
import { Health } from "./health.js";
import { Hooks } from "./hooks.js";
import { Instances } from "./instances.js";
import { Operator } from "./operator.js";
import type { HealthServer, ThreadLog } from "./server.js";
import type { ServiceManager } from "./service-manager.js";
import { logDiscovery, logServing } from "./serving-log.js";
import { type OpenState, openState, type StateFolder } from "./state.js";

/** A running daemon. */
export interface Daemon {
  /**
   * Runs the checks and services of another configuration, which is valid. What waits is served in between.
   * @throws HealthError; nothing has changed then
   */
  reload(config: DaemonConfig): Promise<void>;
  /** The number of services, with that of the server as a whole. */
  readonly serviceCount: number;
  /** Shuts down in order. Calling it again returns the same promise. */
  stop(times?: ShutdownTimes): Promise<void>;
}

/** Beside the shutdown of the servers: a program of the recovery may run for 10 s, and the state folder is written after it. */
const MAX_CLEANUP_MS = 15_000;

/** What a daemon needs beside its configuration. */
export interface DaemonDeps {
  readonly instance: string;
  readonly log: Log;
  /** How a listener thread writes to the same log. Default: it writes no line. */
  readonly threadLog?: ThreadLog | undefined;
  /** The environment of this process. Checks that run programs hand on a few variables of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** systemd, when it waits for messages of this process. */
  readonly serviceManager?: ServiceManager | undefined;
  /** Threads that files occupy. Default: those of its own. */
  readonly fileThreads?: FileThreads | undefined;
  /** For the control socket. Default: there is no file. */
  readonly file?: { readonly name: string; readonly reload: ControlDeps["reload"] } | undefined;
}

type OtherRestartKey = "tls" | "tls.clientCaFile" | `${"discovery" | "haproxyAgent"}.${string}`;

/** The values of which a reload cannot apply a change. */
const RESTART_VALUES: Readonly<Record<OtherRestartKey | RestartKey, (config: DaemonConfig) => unknown>> = {
  listen: ({ listen }) => listen,
  tls: ({ tls }) => tls !== undefined,
  "tls.clientCaFile": ({ tls }) => tls?.clientCa !== undefined,
  engine: ({ engine }) => engine,
  listenThread: ({ listenThread }) => listenThread,
  paths: ({ paths }) => paths,
  statusCodePaths: ({ statusCodePaths }) => statusCodePaths,
  maxConnectionAge: ({ maxConnectionAgeMs }) => maxConnectionAgeMs,
  stateDir: ({ stateDir }) => stateDir,
  control: ({ control }) => control,
  listLimit: ({ listLimit }) => listLimit,
  maxWatchers: ({ maxWatchers }) => maxWatchers,
  page: ({ page }) => page,
  hosts: ({ hosts }) => hosts,
  historyMemory: ({ historyMemory }) => historyMemory,
  historyRetain: ({ historyRetainMs }) => historyRetainMs,
  "discovery.listen": ({ discovery }) => discovery?.listen,
  "discovery.consul": ({ discovery }) => discovery?.forms.consul,
  "discovery.xds": ({ discovery }) => discovery?.forms.xds,
  "discovery.prometheus": ({ discovery }) => discovery?.forms.prometheus,
  "haproxyAgent.listen": ({ haproxyAgent }) => haproxyAgent?.listen,
  "haproxyAgent.weights": ({ haproxyAgent }) => haproxyAgent?.weights,
};

/**
 * Starts everything that a configuration asks for.
 * @throws ConfigError, and HealthError for an address that cannot be used; nothing is served then
 */
export async function startDaemon(loaded: LoadedConfig, deps: DaemonDeps): Promise<Daemon> {
  const { instance, log, environment } = deps;
  const { config } = loaded;
  const { listLimit, maxWatchers, page, hosts } = config;
  const token = new AccessToken(config.token);
  const history = { memoryMb: config.historyMemory, retain: config.historyRetainMs };
  const health = new Health({
    instance,
    token,
    listLimit,
    maxWatchers,
    environment,
    metrics: true,
    history,
    page,
    hosts,
  });
  let drainDelayMs = config.drainDelayMs;
  let onRound = () => {};
  const discovery = await createDiscovery(config, health);
  const onTable = discovery?.catalog.set.bind(discovery.catalog);
  const instances = new Instances({ ...deps, health, clock: systemClock, onRound: () => onRound(), onTable });
  await instances.start(loaded, environment); // a configuration that is rejected has started nothing
  const facts = new Facts(deps);
  let state: OpenState | undefined;
  let operator: Operator;
  let hooks: Hooks;
  let control: ControlServer | undefined;
  let server: HealthServer;
  try {
    logWarnings(log, config);
    // taken up before anything is served
    if (config.stateDir !== undefined) state = await openState(stateFolder(config.stateDir, loaded), health, instance);
    const isAwaited = instances.isAwaited.bind(instances);
    const onDrain = () => discovery?.catalog.refresh();
    const journal = state?.journal;
    operator = new Operator({ parts: health.parts, clock: systemClock, log, journal, isAwaited, onDrain });
    operator.restore();
    onRound = () => operator.dropUnknown();
    health.parts.history?.services.askMaintenance((service) => operator.isInMaintenance(service));
    hooks = new Hooks({ health, operator, journal: state?.journal, environment });
    const parts = { ...deps, operator, hooks, health, facts, instances, discovery };
    if (config.control !== undefined) control = await openControl(config.control, parts);
    const { engine, tls, statusCodePaths, paths, listenThread: thread } = config;
    const { threadLog } = deps;
    const options = {
      engine,
      tls: tls && identityOf(tls),
      thread,
      threadLog,
      statusCodePaths,
      paths,
      maxConnectionAgeMs: config.maxConnectionAgeMs,
    };
    const found = await discovery?.listen(config, options.tls);
    server = await health.parts.servers.listen(config.listen, options);
    facts.addresses = server.addresses.map(formatAddress);
    if (found !== undefined) logDiscovery(log, config, found);
    logServing(log, config, facts.addresses);
  } catch (error) {
    log.close(); // nothing was served: that it ends is no news
    instances.close();
    await health.shutdown({ drainDelayMs: 0 });
    discovery?.close();
    await control?.close();
    await state?.close();
    throw error;
  }
  await hooks.apply(config);
  const watch = ({ tls }: DaemonConfig) => tls && watchCertificate(tls, systemClock, (text) => warn(log, text));
  let unwatch = watch(config);
  deps.serviceManager?.ready(health.parts);
  return {
    async reload(next) {
      await instances.reload(next);
      operator.dropUnknown();
      await hooks.apply(next);
      drainDelayMs = next.drainDelayMs;
      token.value = next.token;
      if (config.tls !== undefined && next.tls !== undefined) {
        server.replaceTls(identityOf(next.tls));
        unwatch?.();
        unwatch = watch(next);
      }
      discovery?.reload(next, config.tls && next.tls && identityOf(next.tls));
      logWarnings(log, next);
      facts.restartNeeded = restartNeeded(config, next);
      logRestart(log, facts.restartNeeded);
    },
    get serviceCount() {
      return health.list().size;
    },
    stop(times) {
      unwatch?.();
      deps.serviceManager?.stopping(maxShutdownMs({ drainDelayMs, ...times }) + MAX_CLEANUP_MS);
      operator.stop();
      instances.close();
      discovery?.drain();
      const hooksEnded = hooks.close();
      facts.shuttingDown = true;
      const end = async () => {
        discovery?.close();
        await hooksEnded;
        await Promise.all([control?.close(), state?.close()]);
        deps.serviceManager?.close();
      };
      return health.shutdown({ drainDelayMs, ...times }).finally(end);
    },
  };
}

/** Loads discovery, where it is configured. */
async function createDiscovery(config: DaemonConfig, { parts }: Health): Promise<Discovery | undefined> {
  if (config.discovery === undefined && config.haproxyAgent === undefined) return undefined;
  const { Discovery } = await import("./discovery.js");
  return new Discovery(config, parts);
}

/** What a server takes of it: not the name of the file. */
function identityOf({ certFile, ...identity }: ServerTlsConfig): TlsIdentity {
  return identity;
}

/** The changed keys that keep their values until the next start. */
function restartNeeded(running: DaemonConfig, next: DaemonConfig): readonly string[] {
  const changed = Object.entries(RESTART_VALUES).filter(([, read]) => !isDeepStrictEqual(read(running), read(next)));
  return changed.map(([key]) => key);
}

function logRestart(log: Log, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const message = `${keys.map((key) => `\`${key}\``).join(", ")} changed; restart to apply`;
  log.write("warn", "restart-needed", message, { keys });
}

/** Logs what is allowed, but probably a mistake. */
function logWarnings(log: Log, { warnings, checks, recovery }: DaemonConfig): void {
  for (const warning of warnings) warn(log, warning);
  const runsPrograms = recovery.length > 0 || checks.some(({ source }) => source.kind === "exec");
  if (process.pid !== 1 || !runsPrograms) return;
  const message =
    "healthbridge is process 1 and runs programs: child processes that these leave become zombies; start it under an init process";
  warn(log, message);
}

function warn(log: Log, message: string): void {
  log.write("warn", "config-warning", message);
}

/** What Status says of the daemon itself. */
class Facts implements DaemonFacts {
  readonly version = version();
  readonly pid = process.pid;
  readonly startedAtMs = Date.now();
  readonly configFile: string;
  addresses: readonly string[] = [];
  shuttingDown = false;
  restartNeeded: readonly string[] = [];

  constructor({ file }: DaemonDeps) {
    this.configFile = file?.name ?? "";
  }
}

interface ControlParts extends DaemonDeps {
  readonly operator: Operator;
  readonly hooks: Hooks;
  readonly health: Health;
  readonly facts: Facts;
  readonly instances: Instances;
  readonly discovery: Discovery | undefined;
}

/** @throws HealthError CONTROL_FAILED */
async function openControl(path: string, parts: ControlParts): Promise<ControlServer> {
  const { operator, hooks, health, facts, instance, log, file, discovery } = parts;
  const noFile = async () => ({ kind: "applied", configFile: "" }) as const;
  const reload = file?.reload ?? noFile;
  const common = { parts: health.parts, operator, hooks, clock: systemClock, facts: () => facts, instance, reload };
  const table = () => parts.instances.table();
  const instances = { catalog: discovery?.catalog, table, reader: health.parts.registry, clock: systemClock };
  const methods = controlMethods({ ...common, instances });
  const server = await openControlServer({ path, methods, clock: systemClock, random: Math.random, instance });
  const message = `control socket at ${path}; try: healthbridge status --control ${path}`;
  log.write("info", "control", message, { path });
  return server;
}

function stateFolder(folder: string, { overridden }: LoadedConfig): StateFolder {
  return { folder, option: overridden.get("stateDir")?.flag ?? "stateDir" };
}
