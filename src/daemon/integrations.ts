/**
 * How servers of the application serve a `Health`: each method adds its answers to a server, framework or handler that the
 * application has. `Health` inherits them.
 *
 *     addToServer(grpcServer)   @grpc/grpc-js
 *     attach(httpServer)        any server of node:http and node:https, before the application's own listener
 *     middleware()              Express, Connect, tRPC
 *     koa()                     Koa
 *     fetch(request)            web requests: Hono, Next.js, SvelteKit, Bun
 *     handler()                 node:http2, connect-node: gRPC, gRPC-Web, Connect and HTTP
 *     niceImplementation()      nice-grpc
 */
import type { Server as GrpcServer } from "@grpc/grpc-js";
import { HealthError } from "../core/health-error.js";
import { requireKnownOptions } from "../core/option.js";
import type { SharedBytesPool } from "../core/shared-bytes.js";
import type { HealthService } from "../transports/grpc/health-service.js";
import { addHealthService } from "../transports/grpc-js/handlers.js";
import { attach, type HttpServer } from "../transports/http/attach.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { createFetchHandler, type FetchHandler } from "../transports/http/fetch.js";
import { HealthRequests } from "../transports/http/health-requests.js";
import { createKoaMiddleware, type KoaMiddleware } from "../transports/http/koa.js";
import { createMiddleware, type Middleware } from "../transports/http/middleware.js";
import type { NodeRequest } from "../transports/http/node-request.js";
import { isGrpcMethod, requirePaths } from "../transports/http/routes.js";
import {
  createNiceImplementation,
  NICE_DEFINITION,
  type NiceDefinition,
  type NiceImplementation,
} from "../transports/nice-grpc/implementation.js";
import { createHandler, type Handler } from "../transports/node/handler.js";

/** What is added to the application's servers. */
interface IntegrationDeps {
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
  readonly pool: SharedBytesPool;
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
  readonly #pool: SharedBytesPool;
  /** @internal Whether a server of the application serves this health: its clients need the drain delay of a shutdown. */
  protected servedElsewhere = false;
  /** @internal Called for each server of grpc-js that gets the health service. */
  onGrpcServer: ((server: GrpcServer) => void) | undefined;
  readonly #requests = new HealthRequests();
  #answerFetch: FetchHandler | undefined;
  /** Knows which routes there are. */
  #routes: HttpBridge | undefined;

  /** @internal */
  constructor({ service, bridge, pool }: IntegrationDeps) {
    this.#service = service;
    this.#bridge = bridge;
    this.#pool = pool;
  }

  /**
   * Adds the health service to a grpc-js server of the application. `shutdown` ends its Watch streams, and from then on
   * it reports NOT_SERVING.
   * @throws HealthError ALREADY_ADDED when the server has a health service; INVALID_OPTION
   */
  addToServer(server: GrpcServer): void {
    addHealthService(server, this.#service, this.#bridge.clock);
    this.servedElsewhere = true;
    this.onGrpcServer?.(server);
  }

  /** The definition of `grpc.health.v1.Health` for nice-grpc: `server.add(health.definition, health.niceImplementation())`. */
  get definition(): NiceDefinition {
    return NICE_DEFINITION;
  }

  /**
   * The health service for a server of nice-grpc. `shutdown` ends its Watch streams, and from then on it reports
   * NOT_SERVING. With nice-grpc-server-terminator, the terminator ends them too.
   */
  niceImplementation(): NiceImplementation {
    this.servedElsewhere = true;
    return createNiceImplementation(this.#service, this.#bridge.clock);
  }

  /**
   * The HTTP routes as a middleware of Express, Connect or tRPC. A request for any other path goes to `next`.
   * @throws HealthError INVALID_OPTION
   */
  middleware(options: RouteOptions = {}): Middleware {
    return createMiddleware(this.#createBridge("middleware", options), this.#onAnswer);
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
   * A request listener for `node:http2`, also with `allowHTTP1`, and for the `fallback` of connect-node: Check, List and
   * Watch by gRPC, gRPC-Web and Connect, and the HTTP routes. A request for anything else goes to its third argument `next`
   * if there is one; otherwise it is answered with UNIMPLEMENTED (gRPC) or 404.
   * @throws HealthError INVALID_OPTION
   */
  handler(options: RouteOptions = {}): Handler {
    return createHandler({
      bridge: this.#createBridge("handler", options),
      service: this.#service,
      pool: this.#pool,
      onAnswer: this.#onAnswer,
    });
  }

  /**
   * Answers a web request; 404 when its path is no route. A large answer is a stream that fails when it is not read for
   * 30 s.
   * @throws HealthError INVALID_OPTION, as a rejection
   */
  async fetch(request: Request, { paths, ...unknown }: RouteOptions = {}): Promise<Response> {
    requireKnownOptions("fetch", unknown, ["paths"]);
    requirePaths(paths);
    if (typeof Object(request).url !== "string" || typeof Object(request.headers).get !== "function")
      throw new HealthError("INVALID_OPTION", "fetch: expected a Request, as the function fetch() takes it");
    this.#requests.addPaths(paths ?? []);
    this.#answerFetch ??= createFetchHandler(this.#createBridge("fetch", {}));
    return this.#answerFetch(request, paths);
  }

  /**
   * Whether a request is for a health route or a gRPC health method: for access logs (`pino-http`, `morgan`) and traces
   * (OpenTelemetry's `ignoreIncomingRequestHook`). Takes requests of Node and of the web. The function is bound. It knows
   * the mount path of a middleware, and the `paths` of `fetch`, from the first request that was answered there. False for
   * what is not a request: an error in a logger or a tracer would end the request.
   */
  readonly isHealthRequest = (request: NamedRequest): boolean => {
    const target: unknown = request?.originalUrl ?? request?.url;
    if (typeof target !== "string") return false;
    if (isGrpcMethod(target)) return true;
    this.#routes ??= new HttpBridge(this.#bridge);
    const routes = this.#routes;
    return this.#requests.has(request, target, (target, paths) => routes.hasRoute(target, undefined, paths));
  };

  /** @internal The paths of all routes, for routers that need a list; `*` is the rest of a path. */
  routePaths(): readonly string[] {
    return new HttpBridge(this.#bridge).paths;
  }

  readonly #onAnswer = (request: NodeRequest & NamedRequest) =>
    this.#requests.onAnswer(request, request.url ?? "", request.originalUrl);

  #createBridge(owner: string, options: RouteOptions): HttpBridge {
    requireKnownOptions(owner, options, ["paths"]);
    const bridge = new HttpBridge({ ...this.#bridge, paths: options.paths });
    this.servedElsewhere = true;
    this.#requests.addPaths(options.paths ?? []);
    return bridge;
  }
}
