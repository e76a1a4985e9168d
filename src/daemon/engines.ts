/**
 * Starts the engine that is asked for. Each is loaded when it is needed: with our own, grpc-js is loaded by the first
 * connection that asks for what it alone serves.
 */
import type { Clock, Random } from "../core/clock.js";
import { ENGINE_NAMES, type EngineName } from "../core/engine-name.js";
import { HealthError } from "../core/health-error.js";
import { milliseconds } from "../core/option.js";
import { type ConnectionSettings, completeConnectionSettings } from "../transports/grpc/connection-settings.js";
import { type GrpcEngine, REFLECTION_PATHS } from "../transports/grpc/engine.js";
import type { HealthService } from "../transports/grpc/health-service.js";
import type { HttpBridge } from "../transports/http/bridge.js";

/** How an engine is set. */
export interface EngineOptions extends ConnectionSettings {
  /** Which engine speaks HTTP/2: `native`, made for health checks, or `grpc-js`. Default `native`. */
  readonly engine?: EngineName | undefined;
  /** Serve `grpc.health.v1`. Default true; else its methods are UNIMPLEMENTED. */
  readonly grpcHealth?: boolean | undefined;
  /** Serve gRPC server reflection. Default true. */
  readonly reflection?: boolean | undefined;
  /** gRPC methods that answer by their status code alone, such as `/AWS.ALB/healthcheck`. Default none. */
  readonly statusCodePaths?: readonly string[] | undefined;
  /** Milliseconds for a connection's first byte, and again for the preface of HTTP/2. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
  /** Milliseconds that a gRPC request may take to arrive. Default 5 s. */
  readonly requestTimeoutMs?: number | undefined;
}

/** What an engine answers with. */
export interface EngineDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly service: HealthService;
  readonly bridge: HttpBridge;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * Starts an engine.
 * @throws HealthError INVALID_OPTION, INCOMPATIBLE_DEPENDENCY
 */
export function startEngine(options: EngineOptions, deps: EngineDeps): Promise<GrpcEngine> {
  const { engine = "native" } = options;
  switch (engine) {
    case "grpc-js":
      return startGrpcJs(options, deps);
    case "native":
      return startNative(options, deps);
    default:
      throw new HealthError("INVALID_OPTION", `engine must be ${ENGINE_NAMES.join(" or ")}; got ${String(engine)}`);
  }
}

async function startGrpcJs(options: EngineOptions, { clock, service, bridge }: EngineDeps): Promise<GrpcEngine> {
  const [{ createGrpcJsEngine }, { createHttp2Responder }] = await Promise.all([
    import("../transports/grpc-js/engine.js"),
    import("../transports/http/http2.js"),
  ]);
  return createGrpcJsEngine({
    ...options,
    clock,
    service: options.grpcHealth === false ? undefined : service,
    onHttp: createHttp2Responder(bridge),
  });
}

async function startNative(options: EngineOptions, deps: EngineDeps): Promise<GrpcEngine> {
  const { createH2Engine } = await import("../transports/h2/engine.js");
  const { clock, random, service, bridge } = deps;
  const timeout = (option: "firstBytesTimeoutMs" | "requestTimeoutMs") =>
    milliseconds(option, options[option], DEFAULT_TIMEOUT_MS);
  return createH2Engine({
    clock,
    random,
    instance: bridge.instance,
    times: {
      ...completeConnectionSettings(options),
      maxConnectionAgeMs: options.maxConnectionAgeMs ?? Number.POSITIVE_INFINITY,
      firstBytesTimeoutMs: timeout("firstBytesTimeoutMs"),
      requestTimeoutMs: timeout("requestTimeoutMs"),
    },
    service: options.grpcHealth === false ? undefined : service,
    statusCodePaths: options.statusCodePaths ?? [],
    otherPaths: options.reflection === false ? [] : REFLECTION_PATHS,
    startOther: () => startGrpcJs(options, deps),
    responder: bridge,
  });
}
