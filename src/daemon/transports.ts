/**
 * The transports of one listener over one reader: everything that a client can ask of an address.
 *
 *     HTTP/1 --> bridge                     one set for addresses that offer everything,
 *     HTTP/2 --> gRPC engine --> service    one for those of the open set
 *                     '--> bridge
 */
import type { FairTurns } from "../core/fair-turns.js";
import type { Sinks } from "../listener/sniff-protocol.js";
import { completeConnectionSettings } from "../transports/grpc/connection-settings.js";
import type { GrpcEngine } from "../transports/grpc/engine.js";
import type { HealthService } from "../transports/grpc/health-service.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { ConnectionAges } from "../transports/http/connection-ages.js";
import { Http1Server } from "../transports/http/http1.js";
import { type EngineDeps, type EngineOptions, startEngine } from "./engines.js";

/** What answers clients over one reader. */
export interface Answering {
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
}

export class Transports {
  readonly #engine: GrpcEngine;
  readonly #http1: Http1Server;
  readonly sinks: Sinks;

  constructor(engine: GrpcEngine, http1: Http1Server) {
    this.#engine = engine;
    this.#http1 = http1;
    this.sinks = { http1: (socket, client) => http1.accept(socket, client), http2: engine.accept };
  }

  /** @throws HealthError INVALID_OPTION, INCOMPATIBLE_DEPENDENCY */
  static async start(
    answering: Answering,
    deps: Omit<EngineDeps, keyof Answering> & { readonly turns: FairTurns },
    options: EngineOptions & Pick<BridgeOptions, "paths">,
  ): Promise<Transports> {
    const { service, bridge: of } = answering;
    const { clock, random, turns } = deps;
    const bridge = new HttpBridge({ ...of, paths: options.paths });
    const engine = await startEngine(options, { ...deps, service, bridge });
    const { maxConnectionAgeMs } = options;
    const times = completeConnectionSettings(options);
    const ages =
      maxConnectionAgeMs === undefined
        ? undefined
        : new ConnectionAges({ clock, random, ...times, maxConnectionAgeMs });
    return new Transports(engine, new Http1Server(bridge, turns, ages));
  }

  /** Asks every client to close its connection (GOAWAY), and closes those that wait for a request. */
  drain(): void {
    this.#engine.drain();
    this.#http1.closeIdle();
  }

  /** Ends every connection of HTTP/1, and refuses new calls. */
  close(): Promise<void> {
    this.#engine.drain();
    return this.#http1.close();
  }
}
