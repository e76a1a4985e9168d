/**
 * Discovery: sends instances and their states to load balancers and meshes, on listeners of its own.
 *
 *     table of instances --.               .--> HTTP/1, HTTP/2 --> Consul's API, http_sd, /v1/instances
 *     registry ------------+--> catalog ---+--> HTTP/2 ----------> xDS
 *                                          '--> lines ----------> HAProxy's agent-check
 *
 * This file and all that it loads are loaded only with `discovery` or `haproxyAgent` in the configuration. Its servers are
 * among those of the `Health`, so they have the same steps of the shutdown.
 */
import type { DaemonConfig } from "../config/daemon-config.js";
import { AccessToken } from "../core/bearer-token.js";
import { HealthError } from "../core/health-error.js";
import { formatAddress } from "../core/listen-address.js";
import { parseListenEntry } from "../core/listen-point.js";
import { version } from "../core/version.js";
import { InstanceCatalog } from "../instances/catalog.js";
import type { ServiceInstances } from "../instances/instance.js";
import { listen } from "../listener/listener.js";
import type { TlsIdentity } from "../listener/tls.js";
import type { DiscoveryReadings } from "../telemetry/discovery-metrics.js";
import type { DiscoveryRoutes } from "../transports/discovery/discovery-routes.js";
import type { HaproxyAgent } from "../transports/discovery/haproxy-agent.js";
import type { XdsService } from "../transports/xds/service.js";
import type { HealthParts } from "./assembly.js";
import { connectionTimes } from "./engines.js";
import { type HealthServer, OpenServer, type ServerDeps } from "./server.js";
import { Transports } from "./transports.js";

/** Connections of HAProxy that are open at once. Each is open for the time of one line. */
const MAX_AGENT_CONNECTIONS = 1_024;

/** The time that an aged connection has to end: longer than the longest wait of a blocking query. */
const AGE_GRACE_MS = 660_000;

export class Discovery {
  readonly catalog: InstanceCatalog;
  readonly #parts: HealthParts;
  readonly #token: AccessToken;
  #routes: DiscoveryRoutes | undefined;
  #xds: XdsService | undefined;
  #agent: HaproxyAgent | undefined;
  #server: HealthServer | undefined;

  constructor({ discovery }: Pick<DaemonConfig, "discovery">, parts: HealthParts) {
    const { registry, measured } = parts;
    this.catalog = new InstanceCatalog({ reader: registry, clock: measured.clock });
    this.#parts = parts;
    this.#token = new AccessToken(discovery?.token);
    parts.servers.discovery = () => this.#readings;
  }

  /**
   * Binds the addresses of both listeners, and serves. Returns them.
   * @throws HealthError LISTEN_FAILED, TLS_FAILED, naming the key of the configuration
   */
  async listen(config: DaemonConfig, tls: TlsIdentity | undefined): Promise<DiscoveryAddresses> {
    const { discovery, haproxyAgent } = config;
    const { servers } = this.#parts;
    const opened = { discovery: [] as readonly string[], haproxyAgent: [] as readonly string[] };
    if (discovery !== undefined) {
      this.#server = await named("discovery", () => servers.open((deps) => this.#serve(config, discovery, deps, tls)));
      opened.discovery = this.#server.addresses.map(formatAddress);
    }
    if (haproxyAgent !== undefined) {
      const server = await named("haproxyAgent", () => servers.open((deps) => this.#serveAgent(haproxyAgent, deps)));
      opened.haproxyAgent = server.addresses.map(formatAddress);
    }
    return opened;
  }

  /** Uses another token, and another certificate if there is one. */
  reload({ discovery }: DaemonConfig, tls: TlsIdentity | undefined): void {
    if (discovery !== undefined) this.#token.value = discovery.token;
    if (tls !== undefined) this.#server?.replaceTls(tls);
  }

  /** Ends blocked queries and streams at once: clients keep their last answer, and ask another replica. */
  drain(): void {
    this.#routes?.end();
    this.#xds?.endStreams();
    this.#agent?.end();
  }

  close(): void {
    this.catalog.close();
  }

  async #serve(
    config: DaemonConfig,
    { listen: entries, forms }: NonNullable<DaemonConfig["discovery"]>,
    deps: ServerDeps,
    tls: TlsIdentity | undefined,
  ): Promise<OpenServer> {
    const { clock, turns, random, pool, signal, onClosed } = deps;
    const { instance } = this.#parts.registry;
    const [{ DiscoveryRoutes }, { createH2Engine }, { Http1Server }, { ConnectionAges }] = await Promise.all([
      import("../transports/discovery/discovery-routes.js"),
      import("../transports/h2/engine.js"),
      import("../transports/http/http1.js"),
      import("../transports/http/connection-ages.js"),
    ]);
    const common = { catalog: this.catalog, clock, instance, token: this.#token };
    const routes = new DiscoveryRoutes({ ...common, random, turns, forms, pool, version: version() });
    if (forms.xds) {
      const { XdsService } = await import("../transports/xds/service.js");
      this.#xds = new XdsService(common);
    }
    this.#routes = routes;
    const { maxConnectionAgeMs } = config;
    const ages = { maxConnectionAgeMs, maxConnectionAgeGraceMs: AGE_GRACE_MS };
    const engine = createH2Engine({
      ...{ clock, turns, random, instance, pool, times: connectionTimes(ages), responder: routes },
      ...{ service: undefined, reflection: undefined, statusCodePaths: [], streamMethods: this.#xds?.methods },
    });
    const transports = new Transports(
      engine,
      new Http1Server(routes, turns, new ConnectionAges({ clock, random, ...ages })),
    );
    try {
      const points = entries.map(parseListenEntry);
      const listener = await listen(points, { clock, instance, signal, tls, sinks: transports.sinks });
      return new OpenServer(listener, [transports], onClosed);
    } catch (error) {
      await transports.close();
      throw error;
    }
  }

  async #serveAgent(
    { listen: entries, weights }: NonNullable<DaemonConfig["haproxyAgent"]>,
    { clock, signal, onClosed }: ServerDeps,
  ): Promise<OpenServer> {
    const { registry } = this.#parts;
    const { HaproxyAgent } = await import("../transports/discovery/haproxy-agent.js");
    const agent = new HaproxyAgent({ catalog: this.catalog, reader: registry, clock, weights });
    this.#agent = agent;
    const gate = { clock, instance: registry.instance, signal, maxConnections: MAX_AGENT_CONNECTIONS };
    const listener = await listen(entries.map(parseListenEntry), { ...gate, sinks: { raw: agent.accept } });
    return new OpenServer(listener, [{ drain: () => agent.end(), close: async () => {} }], onClosed);
  }

  get #readings(): DiscoveryReadings {
    return {
      subscribers: { consul: this.#routes?.blockedQueries ?? 0, xds: this.#xds?.streams ?? 0 },
      pushes: this.#xds?.pushes ?? 0,
      nacks: this.#xds?.nacks ?? 0,
      unaddressed: this.#xds?.unaddressed ?? 0,
      agentAnswers: this.#agent?.answers ?? 0,
      instances: this.#instances(),
    };
  }

  /** While they are read. */
  *#instances(): IterableIterator<readonly [string, Readonly<Record<string, number>>]> {
    for (const service of this.catalog.services()) yield [service.name, countStates(service)];
  }
}

/** The addresses that were bound. */
export type DiscoveryAddresses = Readonly<Record<"discovery" | "haproxyAgent", readonly string[]>>;

/** How many instances are in each state. A drained one counts as drained alone. */
export function countStates({ instances }: ServiceInstances): Readonly<Record<string, number>> {
  const counts = { healthy: 0, degraded: 0, unhealthy: 0, unknown: 0, drained: 0 };
  for (const { state, drained } of instances) counts[drained ? "drained" : state] += 1;
  return counts;
}

/** Names the key of the configuration in the error. */
async function named<Value>(key: string, open: () => Promise<Value>): Promise<Value> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof HealthError) || error.code !== "LISTEN_FAILED") throw error;
    throw new HealthError(error.code, `${key}.listen: ${error.message}`, { cause: error });
  }
}
