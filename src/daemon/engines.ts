/**
 * Starts the engine of a server. Each engine is loaded when it is first used.
 */
import type { Clock, Random } from "../core/clock.js";
import { DEFAULT_ENGINE, ENGINE_NAMES, type EngineName } from "../core/engine-name.js";
import type { FairTurns } from "../core/fair-turns.js";
import { HealthError } from "../core/health-error.js";
import {
  DEFAULT_FIRST_BYTES_TIMEOUT_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  milliseconds,
  trueOrFalse,
} from "../core/option.js";
import type { SharedBytesPool } from "../core/shared-bytes.js";
import { type ConnectionSettings, completeConnectionSettings } from "../transports/grpc/connection-settings.js";
import type { GrpcEngine } from "../transports/grpc/engine.js";
import type { HealthService } from "../transports/grpc/health-service.js";
import { ReflectionService } from "../transports/grpc/reflection.js";
import type { ConnectionTimes } from "../transports/h2/connection.js";
import type { HttpBridge } from "../transports/http/bridge.js";

export interface EngineOptions extends ConnectionSettings {
  /** The engine that serves HTTP/2: `native`, made for health checks, or `grpc-js`. Default `native`. */
  readonly engine?: EngineName | undefined;
  /** Serve `grpc.health.v1`; with false, its methods are UNIMPLEMENTED. Default true. */
  readonly grpcHealth?: boolean | undefined;
  /** Serve gRPC server reflection. Default true. */
  readonly reflection?: boolean | undefined;
  /** gRPC methods that answer by their status code alone, such as `/AWS.ALB/healthcheck`. Default none. */
  readonly statusCodePaths?: readonly string[] | undefined;
  /** Milliseconds for the first byte of a connection, and again for the preface of HTTP/2. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
  /** Milliseconds that a gRPC request may take to arrive; with `native`, also plain HTTP over HTTP/2. Default 5 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds that an answer may wait for a client that does not read. A Watch is exempt. Default 30 s. */
  readonly answerTimeoutMs?: number | undefined;
}

export interface EngineDeps {
  readonly clock: Clock;
  readonly turns: FairTurns;
  readonly random: Random;
  readonly service: HealthService;
  readonly bridge: HttpBridge;
  readonly pool: SharedBytesPool;
}

const DEFAULT_ANSWER_TIMEOUT_MS = 30_000;

/**
 * Starts an engine.
 * @throws HealthError INVALID_OPTION, INCOMPATIBLE_DEPENDENCY
 */
export function startEngine(options: EngineOptions, deps: EngineDeps): Promise<GrpcEngine> {
  const { engine = DEFAULT_ENGINE } = options;
  switch (engine) {
    case "grpc-js":
      return startGrpcJs(options, deps);
    case "native":
      return startNative(options, deps);
    default:
      throw new HealthError("INVALID_OPTION", `engine must be ${ENGINE_NAMES.join(" or ")}; got ${String(engine)}`);
  }
}

async function startGrpcJs(options: EngineOptions, deps: EngineDeps): Promise<GrpcEngine> {
  const [{ createGrpcJsEngine }, { createHttp2Responder }] = await Promise.all([
    import("../transports/grpc-js/engine.js"),
    import("../transports/http/http2.js"),
  ]);
  const { clock, bridge } = deps;
  return createGrpcJsEngine({
    ...options,
    ...servicesOf(options, deps),
    clock,
    onHttp: createHttp2Responder(bridge),
  });
}

/** What an engine serves of gRPC: undefined for a service that is switched off. */
function servicesOf(options: EngineOptions, { clock, service, bridge }: EngineDeps) {
  const health = trueOrFalse("grpcHealth", options.grpcHealth, true);
  return {
    service: health ? service : undefined,
    reflection: trueOrFalse("reflection", options.reflection, true)
      ? new ReflectionService({ clock, instance: bridge.instance, health })
      : undefined,
  };
}

async function startNative(options: EngineOptions, deps: EngineDeps): Promise<GrpcEngine> {
  const { createH2Engine } = await import("../transports/h2/engine.js");
  const { clock, turns, random, bridge, pool } = deps;
  return createH2Engine({
    clock,
    turns,
    random,
    instance: bridge.instance,
    times: connectionTimes(options),
    ...servicesOf(options, deps),
    statusCodePaths: options.statusCodePaths ?? [],
    responder: bridge,
    pool,
  });
}

/**
 * The times of the native engine, with their defaults.
 * @throws HealthError INVALID_OPTION
 */
export function connectionTimes(options: EngineOptions): ConnectionTimes {
  const timeout = (option: "firstBytesTimeoutMs" | "requestTimeoutMs" | "answerTimeoutMs", defaultMs: number) =>
    milliseconds(option, options[option], defaultMs);
  return {
    ...completeConnectionSettings(options),
    maxConnectionAgeMs: options.maxConnectionAgeMs ?? Number.POSITIVE_INFINITY,
    firstBytesTimeoutMs: timeout("firstBytesTimeoutMs", DEFAULT_FIRST_BYTES_TIMEOUT_MS),
    requestTimeoutMs: timeout("requestTimeoutMs", DEFAULT_REQUEST_TIMEOUT_MS),
    answerTimeoutMs: timeout("answerTimeoutMs", DEFAULT_ANSWER_TIMEOUT_MS),
  };
}
