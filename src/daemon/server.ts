/**
 * One open set of addresses with everything behind it: what `Health.listen` returns.
 *
 *     listener --+--> HTTP/1 --> bridge
 *                +--> HTTP/2 --> gRPC engine --> health service
 *                                     +--> bridge
 */
import type { Clock, Random } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { type BoundAddress, parseListenAddress } from "../core/listen-address.js";
import { type Listener, listen } from "../listener/listener.js";
import type { Sinks } from "../listener/sniff-protocol.js";
import type { TlsIdentity } from "../listener/tls.js";
import type { GrpcEngine } from "../transports/grpc/engine.js";
import type { HealthService } from "../transports/grpc/health-service.js";
import { type BridgeOptions, HttpBridge } from "../transports/http/bridge.js";
import { Http1Server } from "../transports/http/http1.js";
import { type EngineOptions, startEngine } from "./engines.js";

/** How addresses are served. */
export interface ListenOptions extends EngineOptions {
  /** Speak TLS on every address that is not marked `plain://`. */
  readonly tls?: TlsIdentity | undefined;
  /** HTTP paths that mean `/healthcheck`. Default none. */
  readonly paths?: readonly string[] | undefined;
  /** Connections open at once. Default 16,384 or 80 % of the limit on open files, whichever is less. */
  readonly maxConnections?: number | undefined;
  /** Connections open at once from one address. Default: no limit. */
  readonly maxConnectionsPerAddress?: number | undefined;
}

/** What a server stands on. */
export interface ServerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly service: HealthService;
  readonly bridge: BridgeOptions;
}

/** Addresses that are served. */
export interface HealthServer {
  /** The addresses, with the ports that were free where 0 was asked for. */
  readonly addresses: readonly BoundAddress[];
  /** Connections that are open now. */
  readonly connectionCount: number;
  /** Ends everything at once. Calling it again does nothing. */
  close(): Promise<void>;
}

/** The same, with the steps of a shutdown. */
export class OpenServer implements HealthServer {
  readonly #listener: Listener;
  readonly #engine: GrpcEngine;
  readonly #http1: Http1Server;

  private constructor(listener: Listener, engine: GrpcEngine, http1: Http1Server) {
    this.#listener = listener;
    this.#engine = engine;
    this.#http1 = http1;
  }

  /** Binds every address and serves. Rejects as `Health.listen` says. */
  static async start(deps: ServerDeps, addresses: readonly string[], options: ListenOptions): Promise<OpenServer> {
    const { clock, random, service } = deps;
    const parsed = addresses.map(parseListenAddress);
    if (parsed.length === 0)
      throw new HealthError("INVALID_ADDRESS", "listen() needs an address at least, such as :8080");
    const bridge = new HttpBridge({ ...deps.bridge, paths: options.paths });
    const engine = await startEngine(options, { clock, random, service, bridge });
    const http1 = new Http1Server(bridge);
    const sinks: Sinks = { http1: (socket) => http1.accept(socket), http2: engine.accept };
    try {
      const listener = await listen(parsed, { ...options, clock, instance: bridge.instance, sinks });
      return new OpenServer(listener, engine, http1);
    } catch (error) {
      engine.drain();
      await http1.close();
      throw error;
    }
  }

  get addresses(): readonly BoundAddress[] {
    return this.#listener.addresses;
  }

  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  /** Takes no new connections. */
  stopAccepting(): void {
    this.#listener.stopAccepting();
  }

  /** Asks every client to go, and resolves when the last has gone. */
  async askToGo(): Promise<void> {
    this.#engine.drain();
    this.#http1.closeIdle();
    await this.#listener.whenIdle();
  }

  async close(): Promise<void> {
    this.#listener.stopAccepting();
    this.#engine.drain();
    await this.#listener.destroy();
    await this.#http1.close();
  }
}
