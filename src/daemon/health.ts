/**
 * The library: one object that owns the statuses and publishes them.
 *
 *     const health = new Health();
 *     health.set("acme.Orders", "SERVING");
 *     const server = await health.listen([":50051", ":8080"]);
 *     await health.shutdown();
 *
 * It wires the rooms together and judges nothing itself; `healthbridge serve` is a user of it like any other.
 */
import type { Server as GrpcServer } from "@grpc/grpc-js";
import { CheckEngine } from "../checks/check-engine.js";
import type { CheckOptions, CheckTarget, HeartbeatOptions, IsolationOptions } from "../checks/check-options.js";
import type { ChecksConfig } from "../checks/declarations.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { sourceOf } from "../checks/sources.js";
import type { Violation } from "../checks/violation.js";
import type { Transition } from "../core/channels.js";
import { type Clock, type Random, systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import type { ServingStatus } from "../core/serving-status.js";
import { SharedBytesPool } from "../core/shared-bytes.js";
import { leave, type ShutdownSteps, type ShutdownTimes } from "../lifecycle/shutdown.js";
import type { Report } from "../probers/heartbeat.js";
import type { StatusDetails } from "../registry/ports.js";
import { Registry } from "../registry/registry.js";
import { Metrics } from "../telemetry/metrics.js";
import { HealthService, type HealthServiceOptions } from "../transports/grpc/health-service.js";
import { addHealthService } from "../transports/grpc-js/handlers.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { createMiddleware, type Middleware } from "../transports/http/middleware.js";
import { PageRenderer } from "../transports/http/page-renderer.js";
import { type HealthServer, type ListenOptions, OpenServer } from "./server.js";

/** How a `Health` is made. */
export interface HealthOptions extends HealthServiceOptions {
  /** Tells this object's messages on the diagnostics channels from another's. Default `healthbridge`. */
  readonly instance?: string | undefined;
  /** Count for Prometheus, and serve the page `/metrics`. Default false. */
  readonly metrics?: boolean | undefined;
  /** Default: this machine's. */
  readonly clock?: Clock | undefined;
  /** Default: `Math.random`. */
  readonly random?: Random | undefined;
  /** What checks that run programs hand on: `PATH`, `HOME`, `LANG` and a few more of it. Default nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Name servers to ask instead of the system's: `ADDRESS` or `ADDRESS:PORT`. */
  readonly nameServers?: readonly string[] | undefined;
}

/** The statuses of this process and of what it checks, published over gRPC and HTTP. */
export class Health {
  readonly #time: { readonly clock: Clock; readonly random: Random };
  readonly #registry: Registry;
  readonly #service: HealthService;
  readonly #bridge: BridgeOptions;
  readonly #checks: CheckEngine;
  readonly #servers = new Set<OpenServer>();
  readonly #metrics: Metrics | undefined;
  /** Whether the application serves this health by a server of its own. */
  #lent = false;
  #stopping: Promise<void> | undefined;

  constructor(options: HealthOptions = {}) {
    const { clock = systemClock, random = Math.random, instance = "healthbridge" } = options;
    this.#time = { clock, random };
    this.#registry = new Registry({ clock, instance });
    const { listLimit, maxWatchers, token, environment, nameServers } = options;
    const reader = this.#registry;
    this.#service = new HealthService(reader, { listLimit, maxWatchers, token });
    const checks = new CheckEngine({ writer: reader, clock, random, environment, nameServers });
    this.#checks = checks;
    const connectionCount = () => [...this.#servers].reduce((sum, server) => sum + server.connectionCount, 0);
    if (options.metrics) this.#metrics = new Metrics({ clock, reader, connectionCount });
    const pages = new PageRenderer({ reader, clock, pool: new SharedBytesPool() });
    const onHeartbeat = checks.report.bind(checks);
    this.#bridge = { reader, clock, pages, listLimit, token, onHeartbeat, metrics: this.#metrics };
  }

  /** Open Watch streams, over all servers. */
  get watcherCount(): number {
    return this.#registry.watcherCount;
  }

  /** Names with an open Watch stream: none is kept after its last one, whatever strangers ask for. */
  get watchedNameCount(): number {
    return this.#registry.watchedNameCount;
  }

  /** Whether everybody is being told NOT_SERVING. */
  get draining(): boolean {
    return this.#registry.draining;
  }

  /**
   * Declares a service or changes its status; `""` is the server as a whole. Returns whether it is published now: while
   * draining it is held back until `resume`.
   * @throws HealthTypeError INVALID_SERVICE_NAME or INVALID_STATUS; nothing is stored then
   */
  set(service: string, status: ServingStatus, details?: StatusDetails): boolean {
    return this.#registry.set(service, status, details);
  }

  /** Takes a service away: who watches it is told SERVICE_UNKNOWN. Returns false when there was none, or while draining. */
  clear(service: string): boolean {
    return this.#registry.clear(service);
  }

  /** What a Check of the service would be answered; `undefined` for a service that nobody declared. */
  status(service: string): ServingStatus | undefined {
    return this.#registry.read(service)?.status;
  }

  /** Every declared service with its status. */
  list(): ReadonlyMap<string, ServingStatus> {
    return new Map([...this.#registry.services()].map(([service, { status }]) => [service, status]));
  }

  /** Calls `listener` for each change of a status or a check's state, in order. Returns the way out. */
  onTransition(listener: (transition: Transition) => void): () => void {
    return this.#registry.onTransition(listener);
  }

  /** Tells everybody NOT_SERVING, and holds later changes back. Liveness stays as it is. */
  drain(): void {
    this.#registry.drain();
  }

  /** Ends a drain: publishes what was true before it, with what was set since. */
  resume(): void {
    this.#registry.resume();
  }

  /**
   * Checks a target (a URL), calls a function or runs a program, again and again, and publishes the result as the service
   * `name`, for the services that `options` names, and for the server as a whole. All are UNKNOWN until the first result.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing has changed then
   */
  check(name: string, target: CheckTarget, options: CheckOptions = {}): void {
    this.#checks.add({ name, source: sourceOf(target), options });
  }

  /**
   * Declares a passive check: a report must come within its `ttl`, by the returned function or over HTTP
   * (`POST /heartbeat/<name>` with the token). It is UNKNOWN until the first report, or until the time is over.
   * @throws HealthError INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing has changed then
   */
  heartbeat(name: string, { ttl, token, ...options }: HeartbeatOptions): (report?: Report) => void {
    this.#checks.add({ name, source: { kind: "heartbeat", ttl, token }, options });
    const heartbeat = this.#checks.heartbeat(name);
    return (report) => heartbeat?.beat(report);
  }

  /** Stops a check and clears its services. Returns whether there was one. */
  removeCheck(name: string): boolean {
    return this.#checks.remove(name);
  }

  /**
   * Declares services over checks and other services, in place of those that were declared before; `""` is the server
   * as a whole, which otherwise stands for everything that is a member of no other service.
   * @throws HealthError INVALID_SERVICE_NAME, DUPLICATE_NAME, or INVALID_OPTION for members, a policy or a cycle; nothing
   *   has changed then
   */
  declareServices(declarations: readonly ServiceDeclaration[]): void {
    this.#checks.declareServices(declarations);
  }

  /**
   * Turns the isolation rule on: when more than half of at least four checks fail together and the self-check fails too,
   * the last statuses are held for a while. `undefined` turns it off.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION; nothing has changed then
   */
  isolate(options: IsolationOptions | undefined): void {
    this.#checks.setIsolation(options && { selfCheck: sourceOf(options.selfCheck), maxHold: options.maxHold });
  }

  /**
   * Runs the checks, services and isolation rule of a configuration, and no others. What is the same goes on: a check that
   * did not change keeps its state, its connection and its schedule.
   * @param accept gets everything that is wrong with the configuration, and may throw an error of its own for it
   * @throws what `accept` throws, by default a HealthError; nothing has changed then
   */
  configure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): void {
    this.#checks.configure(config, accept);
  }

  /**
   * Adds the health service to a grpc-js server of the application. `shutdown` ends its watches.
   * @throws HealthError ALREADY_ADDED when it has one already
   */
  addToServer(server: GrpcServer): void {
    addHealthService(server, this.#service);
    this.#lent = true;
  }

  /** The HTTP routes for Node's `http`, Express or Connect. What is none of them goes to `next`. */
  middleware(options: { readonly paths?: readonly string[] } = {}): Middleware {
    this.#lent = true;
    return createMiddleware(new HttpBridge({ ...this.#bridge, paths: options.paths }));
  }

  /**
   * Serves gRPC and HTTP on every address: `:PORT`, `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH`; port 0 takes a free one.
   * Either all are served or none.
   * @throws HealthError INVALID_ADDRESS, LISTEN_FAILED naming the address, TLS_FAILED, ALREADY_STOPPED
   */
  async listen(addresses: readonly string[], options: ListenOptions = {}): Promise<HealthServer> {
    if (this.#stopping !== undefined) throw new HealthError("ALREADY_STOPPED", "listen() came after shutdown()");
    const deps = { ...this.#time, service: this.#service, bridge: this.#bridge };
    const server = await OpenServer.start(deps, addresses, options);
    this.#servers.add(server);
    return server;
  }

  /**
   * Drains, then closes: see `lifecycle/shutdown` for the order. Resolves when nothing is left, after the drain delay
   * (5 s) and at most 10 s more. With nobody listening there is nobody to wait for. Calling it again returns the same
   * promise.
   */
  shutdown(times: ShutdownTimes = {}): Promise<void> {
    this.#stopping ??= this.#leave(times);
    return this.#stopping;
  }

  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #leave(times: ShutdownTimes): Promise<void> {
    const servers = [...this.#servers];
    const all = async (step: (server: OpenServer) => Promise<void>) => void (await Promise.all(servers.map(step)));
    const steps: ShutdownSteps = {
      announce: () => {
        this.drain();
        this.#checks.stop();
      },
      stopAccepting: () => {
        for (const server of servers) server.stopAccepting();
      },
      endWatches: () => this.#service.endWatches(),
      askToGo: () => all((server) => server.askToGo()),
      destroy: () => all((server) => server.close()),
    };
    await leave(steps, this.#time.clock, servers.length === 0 && !this.#lent ? { ...times, drainDelayMs: 0 } : times);
    this.#metrics?.close();
  }
}
