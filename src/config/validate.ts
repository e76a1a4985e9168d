/**
 * Makes a configuration from a file and flags, with the rules that the shape cannot express.
 *
 * `serve`, its reload and `validate` use the same rules: those here, about addresses, files and members, and those of
 * `checks/plan`, which apply to the library too. No socket is opened, and nothing is started.
 */
import { discardPlan } from "../checks/checks-plan.js";
import { sampleOf, templatePathOf } from "../checks/instance-template.js";
import { NOTHING_RUNNING, planConfiguration } from "../checks/plan.js";
import { SourceOpener, type SourceOpenerOptions } from "../checks/sources.js";
import type { Violation } from "../checks/violation.js";
import { hostFault } from "../core/allowed-hosts.js";
import { requireToken } from "../core/bearer-token.js";
import { systemClock } from "../core/clock.js";
import { parseDuration } from "../core/duration.js";
import { messageOf } from "../core/health-error.js";
import { faultInThread, formatAddress, parseListenAddress, privatePathFault } from "../core/listen-address.js";
import { addressTextOf, type ListenEntry, proxyPeersFault } from "../core/listen-point.js";
import { HISTORY_LIMITS } from "../core/option.js";
import { REFLECTION_PATHS } from "../transports/grpc/engine.js";
import { HEALTH_SERVICE } from "../wire/health-messages.js";
import { type ConfigFlags, ConfigInput, type ConfigSource, NO_FLAGS, type Overridden } from "./config-input.js";
import { type DaemonConfig, DEFAULT_CONFIG } from "./daemon-config.js";
import type { NamedFile } from "./files.js";
import { readServerTls } from "./tls-files.js";
import { readChecks, readServices } from "./validate-checks.js";
import { readDiscovery } from "./validate-discovery.js";
import { fleetWarnings, readFleet } from "./validate-fleet.js";
import { readInstances } from "./validate-instances.js";
import { readRecovery } from "./validate-recovery.js";
import { readWebhooks } from "./validate-webhooks.js";

export type { ConfigFlags, ConfigSource } from "./config-input.js";

/** A configuration that has been read. It may have faults, and must not be used before it is accepted. */
export interface LoadedConfig {
  readonly config: DaemonConfig;
  /** The number of checks in the file; `undefined` if it has no `checks`. */
  readonly fileChecks: number | undefined;
  /** The text of the configuration's file; `undefined` without one. */
  readonly text: string | undefined;
  /** The files that it names. */
  readonly files: readonly NamedFile[];
  /** The values of the file that flags replace, by their key. */
  readonly overridden: ReadonlyMap<string, Overridden>;
  /**
   * Accepts the configuration, after it has been planned.
   * @throws ConfigError with every fault and every violation, if there is one
   */
  readonly accept: (violations: readonly Violation[]) => void;
}

/** Reads a configuration. Faults are not thrown before `accept`. */
export function validateConfig(source: ConfigSource, flags: ConfigFlags = NO_FLAGS): LoadedConfig {
  const input = new ConfigInput(source, flags);
  const config = readConfig(input);
  return {
    config,
    fileChecks: input.fileChecks,
    text: source.text,
    files: source.files.named,
    overridden: input.overridden,
    accept(violations) {
      const names = new Set(config.templates.map(({ name }) => name));
      for (const violation of violations) input.refuseViolation(ofTemplate(violation, names));
      input.throwFaults();
    },
  };
}

/**
 * Returns a configuration that `serve` would accept when nothing runs yet.
 * @param further violations that the configuration does not have by itself
 * @param environment names the authorities of the system
 * @throws ConfigError
 */
export function requireValid(
  { config, accept }: LoadedConfig,
  further: readonly Violation[] = [],
  environment: SourceOpenerOptions["environment"] = {},
): DaemonConfig {
  const opener = new SourceOpener({ clock: systemClock, random: Math.random, environment });
  const { plan, violations } = planConfiguration(NOTHING_RUNNING, withSamples(config), opener);
  discardPlan(plan);
  accept([...violations, ...further]);
  return config;
}

/** A configuration with an address that stands for all in each template: `serve` and `validate` find the same faults. */
export function withSamples<Config extends Pick<DaemonConfig, "checks" | "services" | "templates">>({
  templates,
  ...config
}: Config): Omit<Config, "templates"> {
  const samples = templates.map(sampleOf);
  return {
    ...config,
    checks: [
      ...config.checks,
      ...samples.flatMap(({ instances }) => [...instances.values()].map((each) => each.declaration)),
    ],
    services: [...config.services, ...samples.map(({ service }) => service)],
  };
}

/** A violation of a check that a template makes, as one of the template. */
function ofTemplate(violation: Violation, templates: ReadonlySet<string>): Violation {
  const { path, limit, other } = violation;
  return {
    ...violation,
    path: templatePathOf(path, templates),
    limit: limit && { ...limit, path: templatePathOf(limit.path, templates) },
    other: other && templatePathOf(other, templates),
  };
}

function readConfig(input: ConfigInput): DaemonConfig {
  const { content, files, refuse } = input;
  const { listen = DEFAULT_CONFIG.listen, paths = [], statusCodePaths = [], isolation, tls } = content;
  checkAddresses(listen, input);
  checkPaths("paths", paths, input);
  checkPaths("statusCodePaths", statusCodePaths, input);
  checkMethods(statusCodePaths, input);
  const all = readChecks(input);
  const services = readServices(all, input);
  const { checks, templates, advertisements } = readInstances(all, services, input);
  const declared = withSamples({ checks, services, templates }); // a pattern such as orders/* matches a sample
  const { recovery, warnings: ofRecovery } = readRecovery(declared, input);
  const { webhooks, warnings: ofWebhooks } = readWebhooks(declared, input);
  const fleet = readFleet(all, input);
  const serverTls = tls && readServerTls(tls, files, (path, text) => refuse(["tls", ...path], text));
  const config: DaemonConfig = {
    listen,
    checks,
    services,
    templates,
    advertisements,
    isolation: isolation && { selfCheck: { kind: "target", url: isolation.selfCheck }, maxHold: isolation.maxHold },
    allowLinkLocal: content.allowLinkLocal ?? DEFAULT_CONFIG.allowLinkLocal,
    tls: serverTls?.tls,
    engine: content.engine ?? DEFAULT_CONFIG.engine,
    listenThread: content.listenThread ?? DEFAULT_CONFIG.listenThread,
    statusCodePaths,
    paths,
    maxConnectionAgeMs: readMaxConnectionAge(input),
    drainDelayMs: parseDuration(content.drainDelay) ?? DEFAULT_CONFIG.drainDelayMs,
    token: readToken(input),
    stateDir: content.stateDir,
    control: readControl(input),
    listLimit: content.listLimit ?? DEFAULT_CONFIG.listLimit,
    maxWatchers: content.maxWatchers ?? DEFAULT_CONFIG.maxWatchers,
    page: content.page ?? DEFAULT_CONFIG.page,
    hosts: readHosts(input),
    ...readHistory(input),
    recovery,
    webhooks,
    ...readDiscovery(listen, input),
    fleet,
    warnings: [
      ...files.warnings,
      ...(serverTls?.warnings ?? []),
      ...limitWarnings(input),
      ...ofRecovery,
      ...ofWebhooks,
      ...fleetWarnings(fleet, all),
    ],
  };
  return Object.freeze(config);
}

function checkAddresses(listen: readonly ListenEntry[], { content, refuse }: ConfigInput): void {
  if (listen.length === 0) refuse(["listen"], "must have at least one address, such as :8080");
  const seen = new Set<string>();
  for (const [index, entry] of listen.entries()) {
    const text = addressTextOf(entry);
    try {
      const address = parseListenAddress(text);
      const key = formatAddress(address);
      if (seen.has(key) && !key.endsWith(":0")) refuse(["listen", index], `${JSON.stringify(text)} is listed twice`);
      seen.add(key);
      const ofProxies = typeof entry === "string" ? undefined : proxyPeersFault(entry, address);
      if (ofProxies !== undefined) refuse(["listen", index, "proxyProtocol", "from"], ofProxies);
      const ofThread = content.listenThread === true ? faultInThread(address) : undefined;
      if (ofThread !== undefined) refuse(["listen", index], ofThread);
    } catch (error) {
      refuse(["listen", index], messageOf(error));
    }
  }
}

function checkPaths(key: "paths" | "statusCodePaths", paths: readonly string[], { refuse }: ConfigInput): void {
  for (const [index, path] of paths.entries())
    if (!/^\/[\x21-\x7e]*$/.test(path))
      refuse([key, index], `must start with a slash and have no spaces; got ${JSON.stringify(path)}`);
}

/** Methods that the server has already. */
const OWN_METHODS: readonly string[] = [
  ...["Check", "List", "Watch"].map((method) => `/${HEALTH_SERVICE}/${method}`),
  ...REFLECTION_PATHS,
];

function checkMethods(statusCodePaths: readonly string[], { refuse }: ConfigInput): void {
  const taken = new Set(OWN_METHODS);
  for (const [index, path] of statusCodePaths.entries()) {
    if (taken.has(path)) refuse(["statusCodePaths", index], `the server already has a method ${JSON.stringify(path)}`);
    taken.add(path);
  }
}

function readToken({ content, files, refuse }: ConfigInput): string | undefined {
  const { tokenFile } = content;
  if (tokenFile === undefined) return undefined;
  const text = files.read(tokenFile, "token", (fault) => refuse(["tokenFile"], fault))?.trim();
  try {
    return requireToken(text);
  } catch {
    refuse(["tokenFile"], `${tokenFile} must contain one word without spaces`);
    return undefined;
  }
}

function readControl({ content, refuse }: ConfigInput): string | undefined {
  const { control, listen } = content;
  if (control === undefined) return undefined;
  const fault = control.startsWith("unix:") ? "must be a path, without unix:" : privatePathFault(control);
  const isServed =
    listen?.some((entry) => addressTextOf(entry).replace(/^(?:(?:plain|open):\/\/)?unix:/, "") === control) === true;
  if (fault !== undefined) refuse(["control"], fault);
  else if (isServed) refuse(["control"], "is an address of listen, where every client is served");
  return control;
}

function readMaxConnectionAge({ content, refuse }: ConfigInput): number {
  const { maxConnectionAge } = content;
  const ms = parseDuration(maxConnectionAge) ?? DEFAULT_CONFIG.maxConnectionAgeMs;
  if (ms < MIN_CONNECTION_AGE_MS || ms > MAX_CONNECTION_AGE_MS)
    refuse(["maxConnectionAge"], `must be from 1s to 7d; got ${maxConnectionAge}`);
  return ms;
}

function readHosts({ content, refuse }: ConfigInput): readonly string[] {
  const hosts = content.hosts ?? DEFAULT_CONFIG.hosts;
  for (const [index, host] of hosts.entries()) {
    const fault = hostFault(host);
    if (fault !== undefined) refuse(["hosts", index], fault);
  }
  return hosts;
}

function readHistory({ content, refuse }: ConfigInput): Pick<DaemonConfig, "historyMemory" | "historyRetainMs"> {
  const { historyMemory = DEFAULT_CONFIG.historyMemory, historyRetain } = content;
  const historyRetainMs = parseDuration(historyRetain) ?? DEFAULT_CONFIG.historyRetainMs;
  const { maxMemoryMb, minRetainMs, maxRetainMs } = HISTORY_LIMITS;
  if (historyMemory > maxMemoryMb)
    refuse(["historyMemory"], `must be at most ${maxMemoryMb} (megabytes); got ${historyMemory}`);
  if (historyRetainMs < minRetainMs || historyRetainMs > maxRetainMs)
    refuse(["historyRetain"], `must be from 1d to 90d; got ${historyRetain}`);
  return { historyMemory, historyRetainMs };
}

/** A shorter age would close connections under the calls of a prober. */
const MIN_CONNECTION_AGE_MS = 1_000;
const MAX_CONNECTION_AGE_MS = 604_800_000;

/** A List is one message, and clients take 4 MiB: so many names of the longest kind fit. */
const MAX_LISTED = 19_000;

function limitWarnings({ content: { listLimit = 0 } }: ConfigInput): readonly string[] {
  if (listLimit <= MAX_LISTED) return [];
  return [
    `listLimit ${listLimit}: a List of more than ${MAX_LISTED} services may not fit into 4 MiB, the most that clients accept by default`,
  ];
}
