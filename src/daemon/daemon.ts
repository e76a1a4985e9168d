/**
 * The daemon: starts what a configuration describes, reloads it and stops it.
 */
import type { DaemonConfig, ServerTlsConfig } from "../config/daemon-config.js";
import type { FileThreads } from "../config/file-operation.js";
import type { LoadedConfig } from "../config/validate.js";
import { AccessToken } from "../core/bearer-token.js";
import { systemClock } from "../core/clock.js";
import { formatAddress } from "../core/listen-address.js";
import { DEFAULT_DRAIN_DELAY_MS } from "../core/option.js";
import { version } from "../core/version.js";
import { maxShutdownMs, type ShutdownTimes } from "../lifecycle/shutdown.js";
import type { TlsIdentity } from "../listener/tls.js";
import type { Log } from "../telemetry/log.js";
import { watchCertificate } from "./certificate-watch.js";
import { type ControlServer, openControlServer } from "./control-server.js";
import { type ControlDeps, controlMethods } from "./control-service.js";
import type { DaemonFacts } from "./control-status.js";
import type { Discovery } from "./discovery.js";
import type { FleetMember, OpenStore } from "./fleet.js";
import { Health } from "./health.js";
import { Hooks } from "./hooks.js";
import { Instances } from "./instances.js";
import { Operator } from "./operator.js";
import { logRestart, restartNeeded } from "./restart-needed.js";
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
  /** Opens the store of a fleet. Default: the one that `fleet.store` names. */
  readonly openFleetStore?: OpenStore | undefined;
  /** For the control socket. Default: there is no file. */
  readonly file?: { readonly name: string; readonly reload: ControlDeps["reload"] } | undefined;
}

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
  const fleet = await joinFleet(config, health, deps);
  const instances = new Instances({ ...deps, health, clock: systemClock, onRound: () => onRound(), onTable });
  try {
    await instances.start(loaded, environment); // a configuration that is rejected has started nothing
  } catch (error) {
    await fleet?.close();
    throw error;
  }
  fleet?.start();
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
    const orders = { isAwaited, onDrain, fleet: fleet?.maintenance };
    operator = new Operator({ parts: health.parts, clock: systemClock, log, journal, ...orders });
    operator.restore();
    onRound = () => operator.dropUnknown();
    health.parts.history?.services.askMaintenance((service) => operator.isInMaintenance(service));
    hooks = new Hooks({ health, operator, journal: state?.journal, fleet: fleet?.hooks, environment });
    const parts = { ...deps, operator, hooks, health, facts, instances, discovery, fleet };
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
    await fleet?.leave(); // others may have seen it
    instances.close();
    await health.shutdown({ drainDelayMs: 0 });
    await fleet?.close();
    discovery?.close();
    await control?.close();
    await state?.close();
    throw error;
  }
  await hooks.apply(config);
  const watch = ({ tls }: DaemonConfig) => tls && watchCertificate(tls, systemClock, (text) => warn(log, text));
  let unwatch = watch(config);
  deps.serviceManager?.ready(health.parts);
  const stop = (times: ShutdownTimes | undefined): Promise<void> => {
    unwatch?.();
    const shutdownMs = maxShutdownMs({ drainDelayMs, ...times });
    deps.serviceManager?.stopping((fleet?.leaveMs ?? 0) + shutdownMs + MAX_CLEANUP_MS);
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
    return leaveFleet(fleet, health, { drainDelayMs, ...times }).finally(end);
  };
  let stopping: Promise<void> | undefined;
  let applied = config;
  return {
    async reload(next) {
      fleet?.prepare(next);
      try {
        await instances.reload(next);
      } catch (error) {
        fleet?.prepare(applied); // nothing has changed
        throw error;
      }
      applied = next;
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
      stopping ??= stop(times);
      return stopping;
    },
  };
}

/** Loads discovery, where it is configured. */
async function createDiscovery(config: DaemonConfig, { parts }: Health): Promise<Discovery | undefined> {
  if (config.discovery === undefined && config.haproxyAgent === undefined) return undefined;
  const { Discovery } = await import("./discovery.js");
  return new Discovery(config, parts);
}

/** Loads the fleet, where it is configured. */
async function joinFleet(config: DaemonConfig, { parts }: Health, deps: DaemonDeps): Promise<FleetMember | undefined> {
  if (config.fleet === undefined) return undefined;
  const { openFleet } = await import("./fleet.js");
  return openFleet(config, parts, deps);
}

/** Shuts down. A member of a fleet probes until the others have taken its checks over, in the time of the drain. */
async function leaveFleet(fleet: FleetMember | undefined, health: Health, times: ShutdownTimes): Promise<void> {
  if (fleet === undefined) return health.shutdown(times);
  const { drainDelayMs = DEFAULT_DRAIN_DELAY_MS } = times;
  const startedAt = systemClock.now();
  health.drain();
  await fleet.leave();
  const leftMs = Math.max(0, drainDelayMs - (systemClock.now() - startedAt));
  await health.shutdown({ ...times, drainDelayMs: leftMs });
  await fleet.close();
}

/** What a server takes of it: not the name of the file. */
function identityOf({ certFile, ...identity }: ServerTlsConfig): TlsIdentity {
  return identity;
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
  readonly fleet: FleetMember | undefined;
}

/** @throws HealthError CONTROL_FAILED */
async function openControl(path: string, parts: ControlParts): Promise<ControlServer> {
  const { operator, hooks, health, facts, instance, log, file, discovery, fleet } = parts;
  const noFile = async () => ({ kind: "applied", configFile: "" }) as const;
  const reload = file?.reload ?? noFile;
  const common = { parts: health.parts, operator, hooks, clock: systemClock, facts: () => facts, instance, reload };
  const table = () => parts.instances.table();
  const instances = { catalog: discovery?.catalog, table, reader: health.parts.registry, clock: systemClock };
  const methods = controlMethods({ ...common, instances, fleet });
  const server = await openControlServer({ path, methods, clock: systemClock, random: Math.random, instance });
  const message = `control socket at ${path}; try: healthbridge status --control ${path}`;
  log.write("info", "control", message, { path });
  return server;
}

function stateFolder(folder: string, { overridden }: LoadedConfig): StateFolder {
  return { folder, option: overridden.get("stateDir")?.flag ?? "stateDir" };
}
