/**
 * How servers of the application serve a `Health`: each method adds its answers to a server, framework or handler that the
 * application has. `Health` inherits them.
 *
 *     addToServer(grpcServer)   @grpc/grpc-js
 *     attach(httpServer)        any server of node:http and node:https, before the application's own listener
 *     middleware()              Express, Connect, tRPC
 *     koa()                     Koa
 *     fetch(request)            web requests: Hono, Next.js, SvelteKit, Bun
 */
import type { Server as GrpcServer } from "@grpc/grpc-js";
import { requireKnownOptions } from "../core/option.js";
import type { HealthService } from "../transports/grpc/health-service.js";
import { addHealthService } from "../transports/grpc-js/handlers.js";
import { attach, type HttpServer } from "../transports/http/attach.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { createFetchHandler, type FetchHandler } from "../transports/http/fetch.js";
import { createKoaMiddleware, type KoaMiddleware } from "../transports/http/koa.js";
import { createMiddleware, type Middleware } from "../transports/http/middleware.js";
import { isGrpcMethod, requirePaths } from "../transports/http/routes.js";

/** What is added to the application's servers. */
interface IntegrationDeps {
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
}

/** Options of the HTTP routes on a server of the application. */
export interface RouteOptions {
  /** Further paths that mean `/healthcheck`, such as `/api/health`. Default none. */
  readonly paths?: readonly string[] | undefined;
}

/** A request of `node:http`, with what Express adds to it, or of the web. */
export interface NamedRequest {
  readonly url?: string | undefined;
  /** The target as the client sent it; `url` lacks the path of a mount. */
  readonly originalUrl?: string | undefined;
}

export abstract class Integrations {
  readonly #service: HealthService;
  readonly #bridge: BridgeOptions;
  /** @internal Whether a server of the application serves this health: its clients need the drain delay of a shutdown. */
  protected servedElsewhere = false;
  /** @internal Called for each server of grpc-js that gets the health service. */
  onGrpcServer: ((server: GrpcServer) => void) | undefined;
  /** The routes on servers of the application. */
  readonly #bridges: HttpBridge[] = [];
  #answerFetch: FetchHandler | undefined;

  /** @internal */
  constructor({ service, bridge }: IntegrationDeps) {
    this.#service = service;
    this.#bridge = bridge;
  }

  /**
   * Adds the health service to a grpc-js server of the application. `shutdown` ends its Watch streams, and from then on
   * it reports NOT_SERVING.
   * @throws HealthError ALREADY_ADDED when the server has a health service
   */
  addToServer(server: GrpcServer): void {
    addHealthService(server, this.#service, this.#bridge.clock);
    this.servedElsewhere = true;
    this.onGrpcServer?.(server);
  }

  /**
   * The HTTP routes as a middleware of Express, Connect or tRPC. A request for any other path goes to `next`.
   * @throws HealthError INVALID_OPTION
   */
  middleware(options: RouteOptions = {}): Middleware {
    return createMiddleware(this.#createBridge("middleware", options));
  }

  /**
   * Answers the HTTP routes on a server of `node:http` or `node:https` before the application's own listeners, whenever
   * they are added. All other requests, and `upgrade`, reach the application as before.
   * @throws HealthError ALREADY_ADDED when a `Health` is attached to the server; INVALID_OPTION
   */
  attach(server: HttpServer, options: RouteOptions = {}): void {
    attach(server, this.middleware(options));
  }

  /**
   * The HTTP routes as a middleware of Koa. A request for any other path goes to `next`.
   * @throws HealthError INVALID_OPTION
   */
  koa(options: RouteOptions = {}): KoaMiddleware {
    return createKoaMiddleware(this.middleware(options));
  }

  /**
   * Answers a web request; 404 when its path is no route. A large answer is a stream that fails when it is not read for
   * 30 s.
   * @throws HealthError INVALID_OPTION, as a rejection
   */
  async fetch(request: Request, { paths, ...unknown }: RouteOptions = {}): Promise<Response> {
    requireKnownOptions("fetch", unknown, ["paths"]);
    requirePaths(paths);
    this.#answerFetch ??= createFetchHandler(this.#createBridge("fetch", {}));
    return this.#answerFetch(request, paths);
  }

  /**
   * Whether a request is for a health route or a gRPC health method: for access logs (`pino-http`, `morgan`) and traces
   * (OpenTelemetry's `ignoreIncomingRequestHook`). Takes requests of Node and of the web. The function is bound.
   */
  readonly isHealthRequest = ({ originalUrl, url = "" }: NamedRequest): boolean => {
    const target = originalUrl ?? url;
    if (isGrpcMethod(target)) return true;
    if (this.#bridges.length === 0) this.#bridges.push(new HttpBridge(this.#bridge));
    return this.#bridges.some((bridge) => bridge.hasRoute(target));
  };

  /** @internal The paths of all routes, for routers that need a list; `*` is the rest of a path. */
  routePaths(): readonly string[] {
    return new HttpBridge(this.#bridge).paths;
  }

  #createBridge(owner: string, options: RouteOptions): HttpBridge {
    requireKnownOptions(owner, options, ["paths"]);
    const bridge = new HttpBridge({ ...this.#bridge, paths: options.paths });
    this.servedElsewhere = true;
    this.#bridges.push(bridge);
    return bridge;
  }
}
