/**
 * How servers of the application serve a `Health`: each method adds its answers to a server, framework or handler that the
 * application has. `Health` inherits them.
 */
import type { Server as GrpcServer } from "@grpc/grpc-js";
import type { HealthService } from "../transports/grpc/health-service.js";
import { addHealthService } from "../transports/grpc-js/handlers.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { createMiddleware, type Middleware } from "../transports/http/middleware.js";

/** What is added to the application's servers. */
interface IntegrationDeps {
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
}

export abstract class Integrations {
  readonly #service: HealthService;
  readonly #bridge: BridgeOptions;
  /** Whether a server of the application serves this health: its clients need the drain delay of a shutdown. */
  protected servedElsewhere = false;

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
  }

  /** The HTTP routes for Node's `http`, Express or Connect. A request for any other path goes to `next`. */
  middleware(options: { readonly paths?: readonly string[] } = {}): Middleware {
    this.servedElsewhere = true;
    return createMiddleware(new HttpBridge({ ...this.#bridge, paths: options.paths }));
  }
}
