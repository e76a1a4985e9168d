/**
 * The gRPC engine on `@grpc/grpc-js`: takes HTTP/2 connections that the listener has accepted.
 *
 *     listener --> accept(socket) --> grpc-js' connection injector --> gate --> grpc-js --> handlers --> HealthService
 *                                                                      |                         '--> ReflectionService
 *                                                                      +--> onHttp (the bridge)
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.js";
import {
  DEFAULT_FIRST_BYTES_TIMEOUT_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  MAX_TIMER_MS,
  milliseconds,
} from "../../core/option.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import { type ConnectionSettings, completeConnectionSettings } from "../grpc/connection-settings.js";
import type { GrpcEngine } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import { MAX_STREAM_MS, type ReflectionService } from "../grpc/reflection.js";
import { createGate } from "./gate.js";
import { addHealthService, addReflectionService, addStatusCodeMethod } from "./handlers.js";
import { gateStreams, limitHttp2, type SessionHandler, type StreamHandler } from "./internals.js";
import { HTTP2_LIMITS, serverOptions } from "./settings.js";
import { closeWhenSilent } from "./silence.js";

export interface GrpcJsEngineOptions extends ConnectionSettings {
  readonly clock: Clock;
  /** The health service; undefined: switched off, its methods are UNIMPLEMENTED. */
  readonly service: HealthService | undefined;
  /** Methods that answer by their status code alone, such as `/AWS.ALB/healthcheck`. */
  readonly statusCodePaths?: readonly string[] | undefined;
  /** Server reflection; undefined: switched off, its methods are UNIMPLEMENTED. */
  readonly reflection: ReflectionService | undefined;
  /** Milliseconds that a request may take to arrive. Default 5 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds within which a client must send its SETTINGS. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
  /** Answers plain HTTP over HTTP/2. */
  readonly onHttp: StreamHandler;
}

/** Milliseconds for a client to take its last answer, after a stream of requests was ended. */
const LAST_ANSWER_MS = 30_000;

const HEALTH_METHODS: readonly string[] = ["Check", "List", "Watch"].map((method) => `/${HEALTH_SERVICE}/${method}`);

/** Starts an engine. It holds no socket and no timer before its first connection. */
export function createGrpcJsEngine(options: GrpcJsEngineOptions): GrpcEngine {
  const { service, reflection } = options;
  const statusCodePaths = service === undefined ? [] : (options.statusCodePaths ?? []);
  const { keepaliveTimeMs, keepaliveTimeoutMs } = completeConnectionSettings(options);
  // a client that lives answers a PING in this time
  const silenceMs = Math.min(keepaliveTimeMs + keepaliveTimeoutMs, MAX_TIMER_MS);
  const server = new Server(serverOptions(options));
  if (service !== undefined) addHealthService(server, service, options.clock);
  if (reflection !== undefined) addReflectionService(server, reflection);
  if (service !== undefined) for (const path of statusCodePaths) addStatusCodeMethod(server, path, service);
  limitHttp2(server, HTTP2_LIMITS);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());

  const unary = new Set([...(service === undefined ? [] : HEALTH_METHODS), ...statusCodePaths]);
  const streaming = new Set(reflection?.paths);
  const rules = {
    clock: options.clock,
    requestTimeoutMs: milliseconds("requestTimeoutMs", options.requestTimeoutMs, DEFAULT_REQUEST_TIMEOUT_MS),
    maxStreamMs: MAX_STREAM_MS + LAST_ANSWER_MS,
    hasUnaryRequest: (path: string) => unary.has(path),
    hasStreamingRequest: (path: string) => streaming.has(path),
    onHttp: options.onHttp,
  };
  const firstBytesTimeoutMs = milliseconds(
    "firstBytesTimeoutMs",
    options.firstBytesTimeoutMs,
    DEFAULT_FIRST_BYTES_TIMEOUT_MS,
  );
  const limitSilence: SessionHandler = (session) => {
    // a client sends its SETTINGS first (RFC 9113, section 3.4)
    const cancel = options.clock.setTimer(firstBytesTimeoutMs, () => session.destroy());
    session.once("remoteSettings", cancel).once("close", cancel);
  };
  gateStreams(server, (grpcJs) => createGate(grpcJs, rules), limitSilence);

  return {
    accept(socket) {
      injector.injectConnection(socket);
      closeWhenSilent(socket, silenceMs, options.clock);
    },
    drain: () => {
      reflection?.endStreams();
      // despite its name this sends GOAWAY and lets calls finish; the listener owns the sockets, and closes the rest
      injector.destroy();
    },
  };
}
