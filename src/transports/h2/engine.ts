/**
 * The gRPC engine of our own: HTTP/2 made for health checks.
 *
 *     listener --> accept(socket) --> connection --> stream --+-- a health method --> HealthService
 *                                        |                    +-- plain HTTP --> the bridge
 *                                        |                    +-- any other gRPC method: UNIMPLEMENTED
 *                                        +-- asks for a method of the other engine: handed over (see `introduction`)
 *
 * The other engine is grpc-js, and is loaded when the first connection needs it.
 */
import type { Socket } from "node:net";
import { background } from "../../core/background.js";
import type { Clock, Random } from "../../core/clock.js";
import { HealthError } from "../../core/health-error.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import type { HttpResponder } from "../../wire/http-message.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import type { GrpcEngine } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import { Connection } from "./connection.js";
import type { ConnectionDeps, ConnectionTimes } from "./connection-deps.js";
import { Elsewhere } from "./elsewhere.js";
import { GrpcAnswerBytes } from "./grpc-answer-bytes.js";
import { DONE, type GrpcMethod, openGrpcCall, refuseCall } from "./grpc-exchange.js";
import { HttpExchange } from "./http-exchange.js";
import { Outbox } from "./outbox.js";
import type { RequestHead } from "./request-head.js";
import type { Exchange, Stream } from "./stream.js";

/** What the engine is made of. */
export interface H2EngineOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Whose messages are published. */
  readonly instance: string;
  readonly times: ConnectionTimes;
  /** The health service; undefined: switched off, its methods are UNIMPLEMENTED. */
  readonly service: HealthService | undefined;
  /** Methods that answer by their status code alone, such as `/AWS.ALB/healthcheck`. */
  readonly statusCodePaths: readonly string[];
  /** Methods that the other engine has. */
  readonly otherPaths: readonly string[];
  /** Starts the other engine; called once, when a connection needs it. */
  readonly startOther: () => Promise<GrpcEngine>;
  /** Answers plain HTTP. */
  readonly responder: HttpResponder;
}

const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

/** Starts an engine. It holds no socket and no timer until it is given a connection. */
export function createH2Engine(options: H2EngineOptions): GrpcEngine {
  const { clock, random, instance, times, service, responder } = options;
  const connections = new Set<Connection>();
  const elsewhere = new Elsewhere(clock);
  const methods = service === undefined ? new Map<string, GrpcMethod>() : methodsOf(options);
  const otherPaths = new Set(options.otherPaths);
  const answers = new GrpcAnswerBytes();
  let other: Promise<GrpcEngine> | undefined;
  let draining = false;

  const handOver = (socket: Socket, replay: Buffer): void => {
    other ??= options.startOther();
    const give = other.then((engine) => {
      giveSocket(engine, socket, replay);
      if (draining) engine.drain();
    });
    // an engine that can't be started leaves nobody to answer
    background(
      give.catch((error) => {
        socket.destroy();
        throw error;
      }),
      instance,
      "a connection for the other engine",
    );
  };

  const open = (stream: Stream): Exchange => {
    const { method, path, contentType } = stream.head;
    if (!isGrpc(contentType)) return new HttpExchange(stream, { clock, responder });
    if (method !== "POST") return refuseMethod(stream);
    const called = methods.get(path);
    if (called === undefined || service === undefined)
      return refuseCall(stream, { answers }, { code: "UNIMPLEMENTED", text: "unknown method" });
    return openGrpcCall(stream, called, { clock, service, answers });
  };

  const deps: ConnectionDeps = {
    clock,
    random,
    instance,
    times,
    outbox: new Outbox(),
    open,
    isForeign: ({ path, contentType }: RequestHead) => otherPaths.has(path) && isGrpc(contentType),
    handOver,
    onBothAsked: (address) => elsewhere.note(address),
    onClosed: (connection) => void connections.delete(connection),
  };

  return {
    accept: (socket) => {
      if (elsewhere.has(socket.remoteAddress ?? "unix")) return handOver(socket, NOTHING);
      const connection = new Connection(socket, deps);
      connections.add(connection);
      if (draining) connection.askToGo();
    },
    drain: () => {
      draining = true;
      for (const connection of connections) connection.askToGo();
      if (other !== undefined)
        background(
          other.then((engine) => engine.drain()),
          instance,
          "draining",
        );
    },
  };
}

const NOTHING = Buffer.alloc(0);

const METHOD_NOT_ALLOWED = encodeHeaders([
  [":status", "405"],
  ["allow", "POST"],
]);

function giveSocket(engine: GrpcEngine, socket: Socket, replay: Buffer): void {
  if (socket.destroyed) return;
  if (replay.length > 0) socket.unshift(replay);
  engine.accept(socket);
}

/** The methods by their paths. @throws HealthError INVALID_OPTION for a path that is a method already */
function methodsOf({ statusCodePaths, otherPaths }: H2EngineOptions): ReadonlyMap<string, GrpcMethod> {
  const methods = new Map<string, GrpcMethod>();
  for (const method of ["Check", "List", "Watch"] as const) methods.set(`/${HEALTH_SERVICE}/${method}`, method);
  for (const path of statusCodePaths) {
    if (methods.has(path) || otherPaths.includes(path))
      throw new HealthError("INVALID_OPTION", `statusCodePaths: "${path}" is a method that this server has already`);
    methods.set(path, "status-code");
  }
  return methods;
}

function isGrpc(contentType: string | undefined): boolean {
  return contentType === "application/grpc" || (contentType !== undefined && GRPC_CONTENT_TYPE.test(contentType));
}

function refuseMethod(stream: Stream): Exchange {
  stream.sendHead(METHOD_NOT_ALLOWED, { end: true });
  return DONE;
}
