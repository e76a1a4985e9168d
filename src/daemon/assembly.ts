/**
 * The parts of a `Health`, made from its options and connected.
 *
 *     checks --> registry <-- statuses set by hand
 *                   |
 *                   +--> health service (gRPC) --.
 *                   '--> bridge (HTTP) ----------+--> servers
 */
import { CheckEngine } from "../checks/check-engine.js";
import { requireHosts } from "../core/allowed-hosts.js";
import { AccessToken } from "../core/bearer-token.js";
import { type Clock, type Random, systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { requireKnownOptions, trueOrFalse } from "../core/option.js";
import type { SharedBytesPool } from "../core/shared-bytes.js";
import { ManualStatuses } from "../registry/manual-statuses.js";
import { Registry } from "../registry/registry.js";
import { Metrics, type MetricsSource } from "../telemetry/metrics.js";
import type { HealthService, HealthServiceOptions } from "../transports/grpc/health-service.js";
import type { BridgeOptions } from "../transports/http/bridge.js";
import { createHistory, type History, type HistoryOptions } from "./history.js";
import { OpenServers } from "./open-servers.js";
import { Readiness } from "./readiness.js";
import { createServing } from "./serving.js";

/** Options of a `Health`. */
export interface HealthOptions extends HealthServiceOptions {
  /** False: `""`, `readiness` and `startup` are NOT_SERVING until `started()`. Default true. */
  readonly startsReady?: boolean | undefined;
  /**
   * True: `""` is unknown until it is set or a check makes it, as in `grpc-health-check`. Default false: a process that
   * answers is SERVING.
   */
  readonly startsEmpty?: boolean | undefined;
  /** Identifies the messages of this object on the diagnostics channels. Default `healthbridge`. */
  readonly instance?: string | undefined;
  /** Count events for Prometheus, and serve `/metrics`. Default false. */
  readonly metrics?: boolean | undefined;
  /** Keep a history in memory, and serve `/events`, `/badge` and `/history`. Default false: an application may have its own. */
  readonly history?: boolean | HistoryOptions | undefined;
  /** Show browsers the status page at `/`. It switches the history on. Default false: an application may have its own. */
  readonly page?: boolean | undefined;
  /**
   * Names under which browsers may open the page, `/events` and `/history`: `status.example.org`, or `*.example.org`. IP
   * addresses, `localhost` and names without a dot are always allowed. Default: none, with `page`; without it, every name.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Default: `Math.random`. */
  readonly random?: Random | undefined;
  /** Programs of checks get `PATH`, `HOME`, `LANG` and a few more variables of it. Default: none. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Name servers for the targets of checks, as `ADDRESS` or `ADDRESS:PORT`. Default: those of the system. */
  readonly nameServers?: readonly string[] | undefined;
}

/** Every option, for callers without types. */
const OPTIONS = [
  ...["startsReady", "startsEmpty", "instance", "metrics", "clock", "random", "environment", "nameServers"],
  ...["listLimit", "maxWatchers", "token", "history", "page", "hosts"],
] as const;

export interface HealthParts {
  readonly registry: Registry;
  readonly manual: ManualStatuses;
  readonly readiness: Readiness;
  readonly checks: CheckEngine;
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
  readonly pool: SharedBytesPool;
  readonly servers: OpenServers;
  readonly metrics: Metrics | undefined;
  /** What metrics are made from. */
  readonly measured: MetricsSource;
  readonly history: History | undefined;
  readonly endStreams: () => void;
}

/** @throws HealthTypeError, HealthError INVALID_OPTION */
export function assemble(options: HealthOptions): HealthParts {
  requireKnownOptions("Health", options, OPTIONS);
  const { clock = systemClock, random = Math.random, instance = "healthbridge" } = options;
  const { listLimit, maxWatchers, environment, nameServers } = options;
  const startsReady = trueOrFalse("startsReady", options.startsReady, true);
  const startsEmpty = trueOrFalse("startsEmpty", options.startsEmpty, false);
  const token = options.token instanceof AccessToken ? options.token : new AccessToken(options.token);
  const registry = new Registry({ clock, instance, startsEmpty });
  const readiness = new Readiness(registry, startsReady);
  const isSetByHand = (name: string): boolean => manual.has(name);
  const checks = new CheckEngine({ writer: registry, clock, random, environment, nameServers, isSetByHand });
  const manual = new ManualStatuses(registry, (name) => checks.ownerOf(name));
  const measured: MetricsSource = {
    clock,
    reader: registry,
    server: () => servers.readings,
    main: () => ({
      history: history?.services,
      discovery: servers.discovery?.(),
      fleet: servers.fleet?.measurements,
    }),
  };
  const metrics = trueOrFalse("metrics", options.metrics, false) ? new Metrics(measured) : undefined;
  const onHeartbeat = checks.report.bind(checks);
  const page = trueOrFalse("page", options.page, false);
  const hosts = options.hosts ?? (page ? [] : undefined);
  requireHosts(hosts);
  const { history: wanted = page } = options;
  if (page && wanted === false)
    throw new HealthError("INVALID_OPTION", "page: true needs the history; remove history: false");
  const history = wanted === false ? undefined : createHistory(wanted, { registry, clock, random });
  const common = { token, listLimit, maxWatchers, metrics, history: history?.transitions, page, hosts };
  const services = history?.services;
  const fleet = () => servers.fleet;
  const serving = createServing({ ...common, services, reader: registry, clock, random, onHeartbeat, fleet });
  const { service, bridge, pool, endStreams } = serving;
  const servers = new OpenServers({ ...serving, thread: { ...common, registry, checks } });
  const reported = { metrics, measured, history };
  return { registry, manual, readiness, checks, service, bridge, pool, servers, endStreams, ...reported };
}
