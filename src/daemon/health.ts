/**
 * The library: one object that owns the statuses and publishes them.
 *
 *     const health = new Health();
 *     health.set("acme.Orders", "SERVING");
 *     const server = await health.listen([":50051", ":8080"]);
 *     await health.shutdown();
 *
 * It connects the rooms and contains no rule of its own. `healthbridge serve` uses it as any application does.
 */
import type { Server as GrpcServer } from "@grpc/grpc-js";
import { CheckEngine } from "../checks/check-engine.js";
import type { CheckOptions, CheckTarget, HeartbeatOptions, IsolationOptions } from "../checks/check-options.js";
import type { ChecksConfig } from "../checks/declarations.js";
import type { ReportStore } from "../checks/heartbeat-reports.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { sourceOf } from "../checks/sources.js";
import type { Violation } from "../checks/violation.js";
import { AccessToken } from "../core/bearer-token.js";
import type { Transition } from "../core/channels.js";
import { type Clock, type Random, systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { requireKnownOptions } from "../core/option.js";
import type { ServingStatus } from "../core/serving-status.js";
import type { ShutdownTimes } from "../lifecycle/shutdown.js";
import type { Report } from "../probers/heartbeat.js";
import { ManualStatuses } from "../registry/manual-statuses.js";
import type { StatusDetails } from "../registry/ports.js";
import { Registry } from "../registry/registry.js";
import { Metrics } from "../telemetry/metrics.js";
import type { HealthService, HealthServiceOptions } from "../transports/grpc/health-service.js";
import { addHealthService } from "../transports/grpc-js/handlers.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { createMiddleware, type Middleware } from "../transports/http/middleware.js";
import { OpenServers } from "./open-servers.js";
import type { HealthServer, ListenOptions } from "./server.js";
import { createServing } from "./serving.js";

/** Options of a `Health`. */
export interface HealthOptions extends HealthServiceOptions {
  /** Identifies the messages of this object on the diagnostics channels. Default `healthbridge`. */
  readonly instance?: string | undefined;
  /** Count events for Prometheus, and serve `/metrics`. Default false. */
  readonly metrics?: boolean | undefined;
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
  ...["instance", "metrics", "clock", "random", "environment", "nameServers"],
  ...["listLimit", "maxWatchers", "token"],
] as const;

/** The statuses of this process and of its checks, published over gRPC and HTTP. */
export class Health {
  /** @internal For the control service of the daemon. */
  readonly parts: { readonly registry: Registry; readonly checks: CheckEngine };
  readonly #registry: Registry;
  readonly #manual: ManualStatuses;
  readonly #service: HealthService;
  readonly #bridge: BridgeOptions;
  readonly #servers: OpenServers;
  readonly #metrics: Metrics | undefined;
  /** Whether a server of the application serves this health. */
  #servedElsewhere = false;

  constructor(options: HealthOptions = {}) {
    requireKnownOptions("Health", options, OPTIONS);
    const { clock = systemClock, random = Math.random, instance = "healthbridge" } = options;
    this.#registry = new Registry({ clock, instance });
    const { listLimit, maxWatchers, environment, nameServers } = options;
    const token = options.token instanceof AccessToken ? options.token : new AccessToken(options.token);
    const reader = this.#registry;
    const isSetByHand = (name: string) => this.#manual.has(name);
    const checks = new CheckEngine({ writer: reader, clock, random, environment, nameServers, isSetByHand });
    this.parts = { registry: reader, checks };
    this.#manual = new ManualStatuses(reader, (service) => checks.ownerOf(service));
    if (options.metrics) this.#metrics = new Metrics({ clock, reader, server: () => this.#servers.readings });
    const [metrics, onHeartbeat] = [this.#metrics, checks.report.bind(checks)];
    const serving = createServing({ reader, clock, random, token, listLimit, maxWatchers, onHeartbeat, metrics });
    [this.#service, this.#bridge] = [serving.service, serving.bridge];
    const thread = { registry: reader, checks, token, listLimit, maxWatchers, metrics };
    this.#servers = new OpenServers({ ...serving, thread });
  }

  /** Open Watch streams of all servers. */
  get watcherCount(): number {
    return this.#servers.watcherCount;
  }

  /** Names with at least one open Watch stream. */
  get watchedNameCount(): number {
    return this.#registry.watchedNameCount + this.#servers.watchedNameCount;
  }

  /** Whether all services report NOT_SERVING because of `drain` or `shutdown`. */
  get draining(): boolean {
    return this.#registry.draining;
  }

  /**
   * Declares a service or changes its status; `""` is the server as a whole. Returns whether it is published now: while
   * draining, a change is held back until `resume`.
   * @throws HealthTypeError INVALID_SERVICE_NAME or INVALID_STATUS; HealthError DUPLICATE_NAME for a service that a check
   *   or a configuration makes (with checks, `""` too). Nothing is stored then
   */
  set(service: string, status: ServingStatus, details?: StatusDetails): boolean {
    return this.#manual.set(service, status, details);
  }

  /**
   * Removes a service: its watchers get SERVICE_UNKNOWN. Returns false when there was none, or while draining.
   * @throws HealthTypeError INVALID_SERVICE_NAME; HealthError DUPLICATE_NAME for a service that a check or a
   *   configuration makes. Nothing has changed then
   */
  clear(service: string): boolean {
    return this.#manual.clear(service);
  }

  /** The status that a Check of the service returns; `undefined` for an unknown service. */
  status(service: string): ServingStatus | undefined {
    return this.#registry.read(service)?.status;
  }

  /** All declared services and the server as a whole, with their statuses. */
  list(): ReadonlyMap<string, ServingStatus> {
    return new Map([...this.#registry.services()].map(([service, { status }]) => [service, status]));
  }

  /**
   * Calls `listener` for each change of a status or of a check's state, in order. What it throws is published, and stops
   * no other listener. Returns an unsubscribe function.
   */
  onTransition(listener: (transition: Transition) => void): () => void {
    return this.#registry.onTransition(listener);
  }

  /** Reports NOT_SERVING for all services, and holds back later changes. The liveness view does not change. */
  drain(): void {
    this.#registry.drain();
  }

  /**
   * Ends a drain: publishes the own statuses of the services again, with the changes made during the drain.
   * @throws HealthError ALREADY_STOPPED
   */
  resume(): void {
    this.#servers.requireRunning("resume()");
    this.#registry.resume();
  }

  /**
   * Checks a target (a URL), calls a function or runs a program, again and again, and publishes the result as the service
   * `name`, for the services that `options` names, and for the server as a whole. All are UNKNOWN until the first result.
   * A name that was set by hand must be cleared first, also `""`.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing has changed then
   */
  check(name: string, target: CheckTarget, options: CheckOptions = {}): void {
    this.#servers.requireRunning("check()");
    this.parts.checks.add({ name, source: sourceOf(target), options });
  }

  /**
   * Declares a passive check: a report must come within its `ttl`, by the returned function or over HTTP
   * (`POST /heartbeat/<name>` with the token). It is UNKNOWN until the first report, or until the time is over; until then
   * it does not count for other services.
   * @throws HealthError INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing has changed then
   */
  heartbeat(name: string, { ttl, token, ...options }: HeartbeatOptions): (report?: Report) => void {
    this.#servers.requireRunning("heartbeat()");
    this.parts.checks.add({ name, source: { kind: "heartbeat", ttl, token }, options });
    const heartbeat = this.parts.checks.running(name)?.heartbeat;
    return (report) => heartbeat?.beat(report);
  }

  /**
   * Takes up the last reports of heartbeats from a store, and keeps each new one there: a restart does not lose them. A
   * report that is older than the `ttl` counts as missed. Call it once, before or after the heartbeats are declared.
   */
  keepReports(store: ReportStore): void {
    this.parts.checks.keepReports(store);
  }

  /** Stops a check and clears its services. Returns whether there was one. */
  removeCheck(name: string): boolean {
    return this.parts.checks.remove(name);
  }

  /**
   * Declares services over checks and other services, in place of those that were declared before; `""` is the server
   * as a whole, which otherwise has every check and service that is a member of no other service.
   * @throws HealthError INVALID_SERVICE_NAME, DUPLICATE_NAME, or INVALID_OPTION for members, a policy or a cycle; nothing
   *   has changed then
   */
  declareServices(declarations: readonly ServiceDeclaration[]): void {
    if (!Array.isArray(declarations))
      throw new HealthError("INVALID_OPTION", "declareServices: expected a list of { name, policy, members }");
    this.parts.checks.declareServices(declarations);
  }

  /**
   * Turns the isolation rule on: when more than half of at least four checks fail together and the self-check fails too,
   * the last statuses are held for a while. `undefined` turns it off.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION; nothing has changed then
   */
  isolate(options: IsolationOptions | undefined): void {
    this.#servers.requireRunning("isolate()");
    this.parts.checks.setIsolation(options && { selfCheck: sourceOf(options.selfCheck), maxHold: options.maxHold });
  }

  /**
   * Runs the checks, services and isolation rule of a configuration, and no others. Unchanged parts keep running: a
   * check that did not change keeps its state, its connection and its schedule.
   * @param accept gets everything that is wrong with the configuration, and may throw an error of its own for it
   * @throws what `accept` throws, by default a HealthError; nothing has changed then
   */
  configure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): void {
    this.#servers.requireRunning("configure()");
    this.parts.checks.configure(config, accept);
  }

  /**
   * The same in turns of the event loop: a configuration of 10,000 checks does not delay an answer. Calls are applied one
   * after the other. The names of the configuration are taken meanwhile. Until the returned promise is settled, every other
   * change of the checks throws HealthError CHANGE_RUNNING.
   * @throws HealthError with everything that is wrong; nothing has changed then
   */
  async reconfigure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): Promise<void> {
    this.#servers.requireRunning("reconfigure()");
    await this.parts.checks.configureInTurns(config, accept);
  }

  /**
   * Adds the health service to a grpc-js server of the application. `shutdown` ends its Watch streams, and from then on
   * it reports NOT_SERVING.
   * @throws HealthError ALREADY_ADDED when the server has a health service
   */
  addToServer(server: GrpcServer): void {
    addHealthService(server, this.#service);
    this.#servedElsewhere = true;
  }

  /** The HTTP routes for Node's `http`, Express or Connect. A request for any other path goes to `next`. */
  middleware(options: { readonly paths?: readonly string[] } = {}): Middleware {
    this.#servedElsewhere = true;
    return createMiddleware(new HttpBridge({ ...this.#bridge, paths: options.paths }));
  }

  /**
   * Serves gRPC and HTTP on every address: `:PORT`, `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH`. Port 0 lets the system
   * choose a port. Either all addresses are served or none.
   * @throws HealthError INVALID_ADDRESS, LISTEN_FAILED naming the address, TLS_FAILED, ALREADY_STOPPED
   */
  listen(addresses: readonly string[], options: ListenOptions = {}): Promise<HealthServer> {
    return this.#servers.listen(addresses, options);
  }

  /**
   * Drains, then closes every server: see `lifecycle/shutdown` for the order. Resolves when all is closed: after the
   * drain delay (5 s) and at most 11 s more. Without any server there is no drain delay. Calling it again returns the
   * same promise. A `listen` that has not settled rejects with ALREADY_STOPPED.
   *
   * Afterwards, statuses can still be read, and a server of the application reports NOT_SERVING.
   */
  shutdown(times: ShutdownTimes = {}): Promise<void> {
    let checksEnded: Promise<void> | undefined;
    const announce = () => {
      this.drain();
      checksEnded = this.parts.checks.stop();
    };
    const hooks = {
      announce,
      endWatches: () => this.#service.endWatches(),
      onEnd: () => {
        this.#metrics?.close();
        return checksEnded;
      },
      isServedElsewhere: this.#servedElsewhere,
    };
    return this.#servers.shutdown(hooks, times);
  }

  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
