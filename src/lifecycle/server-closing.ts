/**
 * How each kind of server of an application is closed, without cutting off a call.
 *
 *                   drain begins                       close                              out of time
 *     node:http     answers say `Connection: close`    no connections, unused ones end    sockets are destroyed
 *     node:http2                                       GOAWAY                             sessions are destroyed
 *     node:net                                         no connections, silent ones end    sockets are destroyed
 *     grpc-js                                          GOAWAY, waits for calls            forceShutdown
 *     { close() }                                      close() is awaited
 *     { stop() }                                       stop() is awaited
 */
import type { Server as NodeServer } from "node:net";
import type { Clock } from "../core/clock.js";
import { isNodeServer, NodeServerClosing } from "./node-server-closing.js";

/** A server of `@grpc/grpc-js`. */
interface GrpcServer {
  tryShutdown(callback: (error?: Error) => void): void;
  forceShutdown(): void;
}

/** Anything with a close method that returns a promise: Fastify, NestJS, a worker of BullMQ. */
interface Closable {
  close(): Promise<unknown>;
}

/** Anything with a stop method that returns a promise: Apollo Server, hapi, a broker of Moleculer. */
interface Stoppable {
  stop(): Promise<unknown>;
}

/**
 * What can be closed: servers of `node:net`, `http`, `https`, `http2` and `@grpc/grpc-js`, and anything with a `close()` or
 * `stop()` that returns a promise.
 */
export type ClosableServer = NodeServer | GrpcServer | Closable | Stoppable;

/** The closing of one server. */
export interface ServerClosing {
  /** What it is, for the log. */
  readonly name: string;
  /** Asks clients to come back on other connections. */
  announce(): void;
  /** Accepts no more connections; resolves when all calls are finished. */
  close(): Promise<unknown>;
  /** Ends what is left, at once. */
  destroy(): void;
}

/** Where a server keeps its closing: two shutdowns of one process may name the same server. */
const CLOSING = Symbol("healthbridge.closing");

/** Prepares the closing of a server. Call it before clients connect: of earlier connections it knows nothing. */
export function closingOf(server: ClosableServer, clock: Clock): ServerClosing {
  if (isNodeServer(server)) {
    const known: unknown = Reflect.get(server, CLOSING);
    if (known instanceof NodeServerClosing) return known;
    const closing = new NodeServerClosing(server, clock);
    Object.defineProperty(server, CLOSING, { value: closing });
    return closing;
  }
  if (hasMethod(server, "tryShutdown")) return closingOfGrpc(server);
  const close = async () => (hasMethod(server, "close") ? server.close() : server.stop());
  return { name: classNameOf(server), announce() {}, close, destroy() {} };
}

/** A server may have a property of the name of another kind's method. */
function hasMethod<Method extends "close" | "stop" | "tryShutdown">(
  server: ClosableServer,
  method: Method,
): server is Extract<ClosableServer, Record<Method, unknown>> {
  return typeof Reflect.get(server, method) === "function";
}

/** The class of a server, for the log. An object without a class, such as Fastify's, is a "server". */
function classNameOf(server: ClosableServer): string {
  const type: unknown = Reflect.get(server, "constructor");
  return (typeof type === "function" && type !== Object && type.name) || "server";
}

/** Whether something is a `ClosableServer`: callers may have no types. */
export function isClosable(server: unknown): server is ClosableServer {
  return ["close", "stop", "tryShutdown"].some((method) => typeof Object(server)[method] === "function");
}

function closingOfGrpc(server: GrpcServer): ServerClosing {
  const close = () =>
    new Promise<void>((resolve, reject) => {
      server.tryShutdown((error) => (error ? reject(error) : resolve()));
    });
  return { name: "gRPC server", announce() {}, close, destroy: () => server.forceShutdown() };
}
