/**
 * A `Health` in the life of an application of NestJS.
 *
 *     created                             the checks begin, the routes are added to the HTTP adapter
 *     onModuleInit, first                 `listen`
 *     onApplicationBootstrap, last        the application is ready
 *     - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -
 *     onModuleDestroy, first              NOT_SERVING, drainDelayMs: the application answers, its pools are open
 *     beforeApplicationShutdown, first    Watch streams end: they would keep a server of grpc-js open
 *     Nest closes its servers             see nestjs-servers
 *     onApplicationShutdown, last         `health.shutdown`
 *
 * Two ways of an end begin with another step, before `onModuleDestroy`: `close()` of a microservice closes its server, and
 * Nest 12 calls `beforeClose` of its HTTP adapter, which can refuse requests (`return503OnClosing`). Both drain first.
 */
import { Server as NetServer } from "node:net";
import { background } from "../core/background.js";
import { DEFAULT_CLOSE_TIMEOUT_MS, drainDelay, milliseconds } from "../core/option.js";
import { Health } from "../daemon/health.js";
import type { Middleware } from "../transports/http/middleware.js";
import { drainBeforeEnd } from "./drain-before-end.js";
import { declareChecks, type NestHealthOptions } from "./nestjs-options.js";
import { boundClose, type ClosingSteps, drainBeforeGrpcShutdown } from "./nestjs-servers.js";

/** The part of Nest's HTTP adapters that is used. */
interface NestAdapter {
  use(middleware: Middleware): unknown;
  getHttpServer(): unknown;
  /** Called before the server closes. Nest 11 has none. */
  beforeClose?(): unknown;
}

/** The part of Nest's `HttpAdapterHost` that is used. */
export interface NestHost {
  /** None in a microservice, and in an application context. */
  readonly httpAdapter?: NestAdapter | null | undefined;
  /** Emits when the adapter is set. */
  readonly init$: { subscribe(next: () => void): unknown };
}

export class NestLifecycle {
  readonly health: Health;
  readonly #host: NestHost;
  readonly #options: NestHealthOptions;
  readonly #isOwn: boolean;
  readonly #drainDelayMs: number;
  readonly #closeTimeoutMs: number;
  #httpServer: NetServer | undefined;
  #hasGrpcServer = false;
  #drained: Promise<void> | undefined;

  /** Begins the checks. Throws HealthError as `health.check`, `health.declareServices` and `health.middleware` do. */
  constructor(options: NestHealthOptions, host: NestHost) {
    const { health, drainDelayMs, closeTimeoutMs, paths } = options;
    this.#drainDelayMs = drainDelay(drainDelayMs);
    this.#closeTimeoutMs = milliseconds("closeTimeoutMs", closeTimeoutMs, DEFAULT_CLOSE_TIMEOUT_MS);
    this.#options = options;
    this.#host = host;
    this.#isOwn = health === undefined;
    this.health = health ?? new Health({ startsReady: false });
    const middleware = this.health.middleware({ paths });
    this.#declareChecks();
    this.health.onGrpcServer = (server) => {
      this.#hasGrpcServer = true;
      drainBeforeGrpcShutdown(server, this.#steps);
    };
    host.init$.subscribe(() => this.#addRoutes(middleware));
  }

  /** Called first of all hooks at the start, and last of all at the end. */
  get serverHooks(): object {
    return {
      onModuleInit: () => this.#listen(),
      onApplicationShutdown: () => this.health.shutdown({ drainDelayMs: 0, closeTimeoutMs: this.#closeTimeoutMs }),
    };
  }

  /** Called last of all hooks at the start, and first of all at the end. */
  get drainHooks(): object {
    return {
      onApplicationBootstrap: () => {
        if (this.#isOwn) this.health.started();
      },
      onModuleDestroy: () => this.#drain(),
      beforeApplicationShutdown: () => this.#steps.endWatches(),
    };
  }

  get #steps(): ClosingSteps {
    const { service, bridge } = this.health.parts;
    return {
      clock: bridge.clock,
      closeTimeoutMs: this.#closeTimeoutMs,
      drain: () => this.#drain(),
      endWatches: () => service.endWatches(),
    };
  }

  /** A mistake ends the checks that run already. */
  #declareChecks(): void {
    try {
      declareChecks(this.health, this.#options);
    } catch (error) {
      const { registry } = this.health.parts;
      if (this.#isOwn) background(this.health.shutdown({ drainDelayMs: 0 }), registry.instance, "HealthbridgeModule");
      throw error;
    }
  }

  /** Before body parsers, guards and everything else that the application adds. */
  #addRoutes(middleware: Middleware): void {
    const adapter = this.#host.httpAdapter;
    if (adapter === undefined || adapter === null) return;
    adapter.use((request, response, next) => {
      // the client's next request shall reach another server; HTTP/2 responses ignore it
      if (this.health.draining && "shouldKeepAlive" in response) response.shouldKeepAlive = false;
      middleware(request, response, next);
    });
    const { beforeClose } = adapter;
    if (beforeClose === undefined) return;
    adapter.beforeClose = async () => {
      await this.#drain();
      await Reflect.apply(beforeClose, adapter, []);
    };
  }

  async #listen(): Promise<void> {
    const server = this.#host.httpAdapter?.getHttpServer();
    if (server instanceof NetServer) {
      this.#httpServer = server;
      boundClose(server, this.#steps);
    }
    const { listen, listenOptions } = this.#options;
    if (listen !== undefined) await this.health.listen(listen, listenOptions);
  }

  /** Once. Resolves when the servers may close. */
  #drain(): Promise<void> {
    const { servers } = this.health.parts;
    const isServed = this.#httpServer?.listening === true || this.#hasGrpcServer || servers.count > 0;
    this.#drained ??= drainBeforeEnd(this.health, isServed ? this.#drainDelayMs : 0);
    return this.#drained;
  }
}
