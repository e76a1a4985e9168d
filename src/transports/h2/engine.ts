/**
 * The `native` engine: HTTP/2 for a health service, and for nothing else.
 *
 *     socket --> Connection --> Stream --+--> HealthCall      grpc.health.v1, methods that answer by their code
 *                                        +--> BidiCall        grpc.reflection.v1 and v1alpha, streams of another service
 *                                        +--> MethodCall      methods of another service, by their paths
 *                                        +--> HttpCall        plain HTTP, by the bridge
 */
import type { Clock, Random } from "../../core/clock.js";
import type { FairTurns } from "../../core/fair-turns.js";
import { HealthError } from "../../core/health-error.js";
import type { SharedBytesPool } from "../../core/shared-bytes.js";
import { isGrpcContentType } from "../../wire/grpc-headers.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import type { HttpResponder } from "../../wire/http-message.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import type { GrpcEngine, GrpcMethod, GrpcStreamMethod } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import type { ReflectionService } from "../grpc/reflection.js";
import { BidiCall } from "./bidi-call.js";
import { Connection, type ConnectionDeps, type ConnectionTimes } from "./connection.js";
import { ANSWERED, deadlineOf, HealthCall, type HealthMethod, refuseCall } from "./grpc-call.js";
import { GrpcFrames } from "./grpc-frames.js";
import { HttpCall } from "./http-call.js";
import { MethodCall } from "./method-call.js";
import type { Call, Stream } from "./stream.js";
import { Outbox } from "./writer.js";

/** What the engine serves, and how. */
export interface H2EngineOptions {
  readonly clock: Clock;
  readonly turns: FairTurns;
  readonly random: Random;
  /** The `Health` whose messages are published. */
  readonly instance: string;
  readonly times: ConnectionTimes;
  /** Undefined: the methods of the health service are UNIMPLEMENTED. */
  readonly service: HealthService | undefined;
  /** Undefined: the methods of server reflection are UNIMPLEMENTED. */
  readonly reflection: ReflectionService | undefined;
  /** Methods of another service, by their paths. Default none. */
  readonly methods?: ReadonlyMap<string, GrpcMethod> | undefined;
  /** Methods with many request messages of another service, by their paths. Default none. The service ends their streams. */
  readonly streamMethods?: ReadonlyMap<string, GrpcStreamMethod> | undefined;
  /** Methods that answer by their status code alone, such as `/AWS.ALB/healthcheck`. */
  readonly statusCodePaths: readonly string[];
  /** Answers plain HTTP. */
  readonly responder: HttpResponder;
  /** Holds the long answers that clients are reading. */
  readonly pool: SharedBytesPool;
}

/** Opens a call of one method. */
type OpenCall = (stream: Stream, timeoutMs: number) => Call;

const METHOD_NOT_ALLOWED = encodeHeaders([
  [":status", "405"],
  ["allow", "POST"],
]);

/**
 * Creates an engine. It holds no socket and no timer before its first connection.
 * @throws HealthError INVALID_OPTION for a status code path that is a method already
 */
export function createH2Engine(options: H2EngineOptions): GrpcEngine {
  const { clock, turns, random, instance, times, responder } = options;
  const connections = new Set<Connection>();
  const frames = new GrpcFrames(options.pool);
  const methods = methodsOf(options, frames);
  let isShuttingDown = false;

  const openCall = (stream: Stream): Call => {
    const { method, path, contentType } = stream.head;
    if (!isGrpcContentType(contentType)) return new HttpCall(stream, { clock, responder });
    if (method !== "POST") return refuseMethod(stream);
    const open = methods.get(path);
    if (open === undefined) return refuseCall(stream, frames, { code: "UNIMPLEMENTED", text: "unknown method" });
    const timeoutMs = deadlineOf(stream);
    return typeof timeoutMs === "number" ? open(stream, timeoutMs) : refuseCall(stream, frames, timeoutMs);
  };

  const deps: ConnectionDeps = {
    ...{ clock, turns, random, instance, times, openCall },
    outbox: new Outbox(),
    onClosed: (connection) => void connections.delete(connection),
  };

  return {
    accept: (socket, client = socket.remoteAddress ?? "unix") => {
      const connection = new Connection(socket, client, deps);
      connections.add(connection);
      if (isShuttingDown) connection.shutdown();
    },
    drain: () => {
      isShuttingDown = true;
      options.reflection?.endStreams();
      for (const connection of connections) connection.shutdown();
    },
  };
}

function methodsOf(options: H2EngineOptions, frames: GrpcFrames): ReadonlyMap<string, OpenCall> {
  const { service, reflection, statusCodePaths } = options;
  const methods = new Map<string, OpenCall>();
  const addHealth = (path: string, method: HealthMethod) => {
    if (service === undefined) return;
    const deps = { frames, service };
    methods.set(path, (stream, timeoutMs) => new HealthCall(stream, method, timeoutMs, deps));
  };
  for (const method of ["Check", "List", "Watch"] as const) addHealth(`/${HEALTH_SERVICE}/${method}`, method);
  const addStreams = (path: string, method: GrpcStreamMethod) => {
    const deps = { frames, method };
    methods.set(path, (stream, timeoutMs) => new BidiCall(stream, timeoutMs, deps));
  };
  if (reflection !== undefined) for (const path of reflection.paths) addStreams(path, reflection);
  for (const [path, method] of options.streamMethods ?? []) addStreams(path, method);
  for (const [path, method] of options.methods ?? [])
    methods.set(path, (stream, timeoutMs) => new MethodCall(stream, timeoutMs, method));
  for (const path of statusCodePaths) {
    if (methods.has(path))
      throw new HealthError("INVALID_OPTION", `statusCodePaths: "${path}" is already a method of this server`);
    addHealth(path, "status-code");
  }
  return methods;
}

function refuseMethod(stream: Stream): Call {
  stream.sendHead(METHOD_NOT_ALLOWED, { end: true });
  return ANSWERED;
}
