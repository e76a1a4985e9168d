/**
 * How each kind of server of an application is closed, without cutting off a call.
 *
 *                   drain begins                       close                              out of time
 *     node:http     answers say `Connection: close`    no connections, idle ones end      sockets are destroyed
 *     node:http2                                       GOAWAY                             sessions are destroyed
 *     grpc-js                                          GOAWAY, waits for calls            forceShutdown
 *     { close() }                                      close() is awaited
 */
import type { ServerResponse } from "node:http";
import type { Http2Session } from "node:http2";
import { Server as NetServer, type Socket } from "node:net";

/** A server of `@grpc/grpc-js`. */
interface GrpcServer {
  tryShutdown(callback: (error?: Error) => void): void;
  forceShutdown(): void;
}

/** Anything with a close method that returns a promise: Fastify, NestJS, a worker of BullMQ. */
interface Closable {
  close(): Promise<unknown>;
}

/** What can be closed: servers of `node:net`, `http`, `https`, `http2` and `@grpc/grpc-js`, and anything with `close()`. */
export type ClosableServer = NetServer | GrpcServer | Closable;

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

/** Prepares the closing of a server. Call it before clients connect: of earlier connections it knows nothing. */
export function closingOf(server: ClosableServer): ServerClosing {
  if (server instanceof NetServer) return new NetServerClosing(server);
  if ("tryShutdown" in server) return closingOfGrpc(server);
  return { name: nameOf(server), announce() {}, close: () => server.close(), destroy() {} };
}

/** Whether something is a `ClosableServer`: callers may have no types. */
export function isClosable(server: unknown): server is ClosableServer {
  const { close, tryShutdown }: { readonly close?: unknown; readonly tryShutdown?: unknown } = Object(server);
  return typeof close === "function" || typeof tryShutdown === "function";
}

function nameOf(server: object): string {
  return server.constructor.name || "server";
}

function closingOfGrpc(server: GrpcServer): ServerClosing {
  const close = () =>
    new Promise<void>((resolve, reject) => {
      server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
    });
  return { name: "gRPC server", announce() {}, close, destroy: () => server.forceShutdown() };
}

/** The methods of HTTP servers that others lack. */
interface HttpMethods {
  closeIdleConnections?(): void;
}

class NetServerClosing implements ServerClosing {
  readonly name: string;
  readonly #server: NetServer & HttpMethods;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();
  readonly #responses = new Set<ServerResponse>();
  #isAnnounced = false;

  constructor(server: NetServer) {
    this.name = "closeIdleConnections" in server ? "HTTP server" : nameOf(server);
    this.#server = server;
    server.on("connection", (socket: Socket) => track(this.#sockets, socket));
    // of TLS: its socket has a byte when the client has sent one, and not by the handshake
    server.on("secureConnection", (socket: Socket) => track(this.#sockets, socket));
    server.on("session", (session: Http2Session) => track(this.#sessions, session));
    server.prependListener("request", (_request: unknown, response: ServerResponse) => {
      track(this.#responses, response);
      if (this.#isAnnounced) endConnectionAfter(response);
    });
  }

  announce(): void {
    this.#isAnnounced = true;
    for (const response of this.#responses) endConnectionAfter(response);
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve, reject) => {
      this.#server.close((error) => {
        // a server that does not listen has nothing to close
        if (error === undefined || ("code" in error && error.code === "ERR_SERVER_NOT_RUNNING")) resolve();
        else reject(error);
      });
    });
    for (const session of this.#sessions) session.close();
    this.#server.closeIdleConnections?.();
    // a connection without a byte is no idle one for Node: browsers open them in advance
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
    return closed;
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Keeps an item until it is closed. */
function track<Item extends { once(event: "close", listener: () => void): unknown }>(
  items: Set<Item>,
  item: Item,
): void {
  items.add(item);
  item.once("close", () => items.delete(item));
}

/** HTTP/1 then says `Connection: close`. HTTP/2 responses ignore it. */
function endConnectionAfter(response: ServerResponse): void {
  if (!response.headersSent) response.shouldKeepAlive = false;
}
