/**
 * The gRPC engine on `@grpc/grpc-js`: takes HTTP/2 connections that the listener has accepted.
 *
 *     listener --> accept(socket) --> grpc-js' connection injector --> gate --> grpc-js --> handlers --> HealthService
 *                                                                      |
 *                                                                      +--> onHttp (the bridge)
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.js";
import { milliseconds } from "../../core/option.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import type { ConnectionSettings } from "../grpc/connection-settings.js";
import { type GrpcEngine, REFLECTION_PATHS } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import { createGate } from "./gate.js";
import { addHealthService, addStatusCodeMethod } from "./handlers.js";
import { gateStreams, limitHttp2, type SessionHandler, type StreamHandler } from "./internals.js";
import { addReflection } from "./reflection.js";
import { HTTP2_LIMITS, serverOptions } from "./settings.js";

/** What an engine is made of. */
export interface GrpcJsEngineOptions extends ConnectionSettings {
  readonly clock: Clock;
  /** The health service; undefined: switched off, its methods are UNIMPLEMENTED. */
  readonly service: HealthService | undefined;
  /** Methods that answer by their status code alone, such as `/AWS.ALB/healthcheck`. */
  readonly statusCodePaths?: readonly string[] | undefined;
  /** Server reflection. Default true. */
  readonly reflection?: boolean | undefined;
  /** Milliseconds that a request may take to arrive. Default 5 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds until a session must have said its settings. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
  /** Answers plain HTTP that comes over HTTP/2. */
  readonly onHttp: StreamHandler;
}

const HEALTH_METHODS: readonly string[] = ["Check", "List", "Watch"].map((method) => `/${HEALTH_SERVICE}/${method}`);

/** Starts an engine. It holds no socket and no timer until it is given a connection. */
export function createGrpcJsEngine(options: GrpcJsEngineOptions): GrpcEngine {
  const { service } = options;
  const statusCodePaths = service === undefined ? [] : (options.statusCodePaths ?? []);
  const server = new Server(serverOptions(options));
  if (service !== undefined) addHealthService(server, service);
  if (service !== undefined) for (const path of statusCodePaths) addStatusCodeMethod(server, path, service);
  limitHttp2(server, HTTP2_LIMITS);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());

  const unary = new Set([...(service === undefined ? [] : HEALTH_METHODS), ...statusCodePaths]);
  const hasReflection = options.reflection === false ? () => false : onFirstUse(() => addReflection(server));
  const rules = {
    clock: options.clock,
    requestTimeoutMs: milliseconds("requestTimeoutMs", options.requestTimeoutMs, 5_000),
    isUnaryRequest: (path: string) => unary.has(path),
    hasMethod: (path: string) => unary.has(path) || (REFLECTION_PATHS.includes(path) && hasReflection()),
    onHttp: options.onHttp,
  };
  const firstBytesTimeoutMs = milliseconds("firstBytesTimeoutMs", options.firstBytesTimeoutMs, 5_000);
  const limitSilence: SessionHandler = (session) => {
    // a client says its settings first of all (RFC 9113, section 3.4): one that doesn't has nothing to ask
    const cancel = options.clock.setTimer(firstBytesTimeoutMs, () => session.destroy());
    session.once("remoteSettings", cancel).once("close", cancel);
  };
  gateStreams(server, (grpcJs) => createGate(grpcJs, rules), limitSilence);

  return {
    accept: (socket) => injector.injectConnection(socket),
    // despite its name this sends GOAWAY and lets calls finish; the listener owns the sockets and ends what is left
    drain: () => injector.destroy(),
  };
}

/** A function that runs `action` when it is first called, and always answers true. */
function onFirstUse(action: () => void): () => boolean {
  let used = false;
  return () => {
    if (!used) action();
    used = true;
    return true;
  };
}
