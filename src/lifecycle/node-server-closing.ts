/**
 * The closing of a server of `node:net`, `http`, `https` or `http2`.
 *
 * Node's own `close` waits for every connection that has sent a byte and whose request is not answered. Three kinds of
 * connection have no call that could be cut off, and would hold up the end:
 *
 *     no byte                      browsers open connections in advance       ended if no request
 *     a part of a request head     also of a TLS handshake                    arrives soon
 *     all requests are answered    the head of the answer was sent before     ended soon after the answer
 *                                  the drain, without `Connection: close`
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import type { Http2Session, Http2Stream } from "node:http2";
import { Server, type Socket } from "node:net";
import { type TLSSocket, Server as TlsServer } from "node:tls";
import type { Clock } from "../core/clock.js";

/** A request that is on its way arrives earlier: its bytes may wait in the system already. */
const IDLE_MS = 250;

/** The methods of HTTP servers that others lack. */
interface HttpMethods {
  closeIdleConnections?(): void;
}

/** A connection of HTTP, or one that is in its TLS handshake. */
interface TrackedConnection {
  /** What is not answered, in the order of the requests. */
  readonly calls: Set<ServerResponse | Http2Stream>;
  /** When the last call ended. */
  idleSince: number;
  /** Ends it; what was written is sent before. */
  readonly end: () => void;
}

/** A server of Node: all of its servers are servers of `node:net`. */
export function isNodeServer(server: object): server is Server {
  return server instanceof Server;
}

export class NodeServerClosing {
  readonly name: string;
  readonly #server: Server & HttpMethods;
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();
  /** By the socket of HTTP/1 or of a handshake, or by the session of HTTP/2. */
  readonly #connections = new Map<object, TrackedConnection>();
  /** TCP connections whose TLS handshake is not finished. */
  readonly #handshakes = new Set<Socket>();
  /** Answers that say `Connection: close` because of the drain. */
  readonly #lastAnswers = new WeakSet<ServerResponse>();
  #isAnnounced = false;
  #cancelTimer = () => {};
  #closed: Promise<void> | undefined;

  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    const isHttp1 = "closeIdleConnections" in server;
    this.name = isHttp1 ? "HTTP server" : server.constructor.name || "server";
    const isTls = server instanceof TlsServer;
    server.on("connection", (socket: Socket) => {
      track(this.#sockets, socket);
      if (isTls) track(this.#handshakes, socket);
      if (isTls || isHttp1) this.#addSocket(socket);
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      track(this.#sockets, socket);
      this.#endHandshake(socket);
      if (isHttp1 && socket.alpnProtocol !== "h2") this.#addSocket(socket);
    });
    server.on("session", (session: Http2Session) => this.#addSession(session));
    onRequestStart(server, (socket, response) => this.#onRequest(socket, response));
    // the application has taken over the connection, for a WebSocket
    for (const event of ["upgrade", "connect"])
      followEvent(server, event, (_request, socket: Socket) => void this.#connections.delete(socket));
  }

  announce(): void {
    this.#isAnnounced = true;
    for (const { calls } of this.#connections.values()) this.#endAfterLast(calls);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close().finally(() => this.#cancelTimer());
    return this.#closed;
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #close(): Promise<void> {
    const closed = new Promise<void>((resolve, reject) => {
      this.#server.close((error) => {
        // a server that does not listen has nothing to close
        if (error === undefined || ("code" in error && error.code === "ERR_SERVER_NOT_RUNNING")) resolve();
        else reject(error);
      });
    });
    for (const session of this.#sessions) session.close();
    this.#server.closeIdleConnections?.();
    this.#endIdleLater();
    return closed;
  }

  #endIdleLater(): void {
    this.#cancelTimer = this.#clock.setTimer(IDLE_MS, () => {
      for (const socket of this.#sockets) if (isSilent(socket)) socket.destroy();
      const before = this.#clock.now() - IDLE_MS;
      for (const { calls, idleSince, end } of this.#connections.values())
        if (calls.size === 0 && idleSince <= before) end();
      this.#endIdleLater();
    });
  }

  #addSocket(socket: Socket): TrackedConnection {
    return this.#add(socket, () => socket.destroySoon());
  }

  #addSession(session: Http2Session): void {
    track(this.#sessions, session);
    const connection = this.#add(session, () => session.destroy());
    session.on("stream", (stream: Http2Stream) => this.#addCall(connection, stream));
  }

  #add(key: Socket | Http2Session, end: () => void): TrackedConnection {
    const connection: TrackedConnection = { calls: new Set(), idleSince: Number.NEGATIVE_INFINITY, end };
    this.#connections.set(key, connection);
    key.once("close", () => this.#connections.delete(key));
    return connection;
  }

  #addCall(connection: TrackedConnection, call: ServerResponse | Http2Stream): void {
    connection.calls.add(call);
    call.once("close", () => {
      connection.calls.delete(call);
      connection.idleSince = this.#clock.now();
    });
  }

  #onRequest(socket: Socket, response: ServerResponse): void {
    const connection = this.#connections.get(socket) ?? this.#addSocket(socket);
    this.#addCall(connection, response);
    if (this.#isAnnounced) this.#endAfterLast(connection.calls);
  }

  /** Lets the last answer on a connection of HTTP/1 say `Connection: close`. After an earlier one, the others would be lost. */
  #endAfterLast(calls: TrackedConnection["calls"]): void {
    const answers = [...calls].filter((call) => "shouldKeepAlive" in call);
    for (const answer of answers) {
      if (answer.headersSent) continue;
      const isLast = answer === answers.at(-1);
      if (isLast && answer.shouldKeepAlive) this.#lastAnswers.add(answer);
      if (isLast) answer.shouldKeepAlive = false;
      else if (this.#lastAnswers.delete(answer)) answer.shouldKeepAlive = true;
    }
  }

  /** The socket of TLS is another object than that of its TCP connection. */
  #endHandshake(socket: TLSSocket): void {
    for (const raw of this.#handshakes) {
      if (raw.remotePort !== socket.remotePort || raw.remoteAddress !== socket.remoteAddress) continue;
      this.#handshakes.delete(raw);
      this.#connections.delete(raw);
    }
  }
}

/** Nothing was sent on it. A server of `node:net` may speak first. */
function isSilent({ bytesRead, bytesWritten }: Socket): boolean {
  return bytesRead === 0 && bytesWritten === 0;
}

type RequestListener = (socket: Socket, response: ServerResponse) => void;

/** Where a server keeps its listener. */
const REQUEST_LISTENER = Symbol("healthbridge.requestListener");

/**
 * Calls `listener` for each request of HTTP/1. The event `request` is not enough: an attached `Health` and Socket.IO answer
 * requests of which the other listeners of that event learn nothing. https://nodejs.org/api/diagnostics_channel.html#http
 */
function onRequestStart(server: Server, listener: RequestListener): void {
  Object.defineProperty(server, REQUEST_LISTENER, { value: listener });
  // one subscriber for all servers of the process
  unsubscribe("http.server.request.start", notifyServer);
  subscribe("http.server.request.start", notifyServer);
}

function notifyServer(message: unknown): void {
  // what Node documents for this channel
  const { server, socket, response } = message as {
    readonly server: { readonly [REQUEST_LISTENER]?: RequestListener };
    readonly socket: Socket;
    readonly response: ServerResponse;
  };
  server[REQUEST_LISTENER]?.(socket, response);
}

/** Adds a listener when the application has one: without any, Node handles the event itself. */
function followEvent<Args extends unknown[]>(server: Server, event: string, listener: (...args: Args) => void): void {
  const follow = (name: string | symbol) => {
    if (name !== event) return;
    server.off("newListener", follow);
    server.prependListener(event, listener);
  };
  if (server.listenerCount(event) > 0) server.prependListener(event, listener);
  else server.on("newListener", follow);
}

/** Keeps an item until it is closed. */
function track<Item extends { once(event: "close", listener: () => void): unknown }>(
  items: Set<Item>,
  item: Item,
): void {
  items.add(item);
  item.once("close", () => items.delete(item));
}
