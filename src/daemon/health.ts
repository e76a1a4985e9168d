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
import type { CheckSettings } from "../checks/settings.js";
import { systemResolver } from "../client/resolver.js";
import type { Transition } from "../core/channels.js";
import { type Clock, type Random, systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import type { ServingStatus } from "../core/serving-status.js";
import { type Leaving, leave, type ShutdownTimes } from "../lifecycle/shutdown.js";
import { type CheckFunction, openFunction } from "../probers/function.js";
import { openTarget } from "../probers/schemes.js";
import type { StatusDetails } from "../registry/ports.js";
import { Registry } from "../registry/registry.js";
import { HealthService, type HealthServiceOptions } from "../transports/grpc/health-service.js";
import { addHealthService } from "../transports/grpc-js/handlers.js";
import { createMiddleware, type Middleware } from "../transports/http/middleware.js";
import { type HealthServer, type ListenOptions, OpenServer } from "./server.js";

/** How a `Health` is made. */
export interface HealthOptions extends HealthServiceOptions {
  /** Tells this object's messages on the diagnostics channels from another's. Default `healthbridge`. */
  readonly instance?: string | undefined;
  /** Default: this machine's. */
  readonly clock?: Clock | undefined;
  /** Default: `Math.random`. */
  readonly random?: Random | undefined;
}

/** The statuses of this process and of what it checks, published over gRPC and HTTP. */
export class Health {
  readonly #time: { readonly clock: Clock; readonly random: Random };
  readonly #registry: Registry;
  readonly #service: HealthService;
  readonly #limits: HealthServiceOptions;
  readonly #checks: CheckEngine;
  readonly #servers = new Set<OpenServer>();
  /** Whether the application serves this health by a server of its own. */
  #lent = false;
  #stopping: Promise<void> | undefined;

  constructor(options: HealthOptions = {}) {
    const { clock = systemClock, random = Math.random, instance = "healthbridge" } = options;
    this.#time = { clock, random };
    this.#registry = new Registry({ clock, instance });
    const { listLimit, maxWatchers, token } = options;
    this.#limits = { listLimit, maxWatchers, token };
    this.#service = new HealthService(this.#registry, this.#limits);
    this.#checks = new CheckEngine({ writer: this.#registry, clock, random });
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
   * Checks a target (a URL) or calls a function, again and again, and publishes the result as the service `name`, for
   * the services that `settings` names, and for the server as a whole. All are UNKNOWN until the first result.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing is checked then
   */
  check(name: string, target: string | CheckFunction, settings: CheckSettings = {}): void {
    const prober =
      typeof target === "string"
        ? openTarget(target, { ...this.#time, resolver: systemResolver })
        : openFunction(target);
    this.#checks.add({ name, prober, settings });
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
    return createMiddleware({ reader: this.#registry, paths: options.paths, ...this.#limits });
  }

  /**
   * Serves gRPC and HTTP on every address: `:PORT`, `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH`; port 0 takes a free one.
   * Either all are served or none.
   * @throws HealthError INVALID_ADDRESS, LISTEN_FAILED naming the address, TLS_FAILED, ALREADY_STOPPED
   */
  async listen(addresses: readonly string[], options: ListenOptions = {}): Promise<HealthServer> {
    if (this.#stopping !== undefined) throw new HealthError("ALREADY_STOPPED", "listen() came after shutdown()");
    const foundation = {
      clock: this.#time.clock,
      reader: this.#registry,
      service: this.#service,
      limits: this.#limits,
    };
    const server = await OpenServer.start(foundation, addresses, options);
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
    const steps: Leaving = {
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
  }
}
