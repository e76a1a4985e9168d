/**
 * HTTP/1.1 on connections that the listener has accepted.
 *
 *     socket --> Node's parser --> request --> its turn (see pipelines) --> responder --> answer, as fast as the client reads
 *
 * This server never calls `listen`, so a `listening` event starts its timers. Without them, a client that sends one
 * byte a minute would keep its connection without a limit (docs/known-faults.md 0.7).
 */
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { background } from "../../core/background.js";
import { publish } from "../../core/channels.js";
import type { FairTurns } from "../../core/fair-turns.js";
import type { HttpAnswer, ServerResponder } from "../../wire/http-message.js";
import type { ConnectionAges } from "./connection-ages.js";
import { hasBody, refusalOf, refuseUnreadable } from "./http1-refusals.js";
import { readBody, requestOf } from "./node-request.js";
import { Pipelines } from "./pipelines.js";
import { lengthOf, sendBytes, sendStream, UNREAD_ANSWER, UnreadAnswers } from "./sending.js";

const LIMITS: Readonly<ServerOptions> = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  // longer than the idle time of load balancers (AWS ALB: 60 s): else one may send a request while we close
  keepAliveTimeout: 65_000,
  maxHeaderSize: 8 * 1024,
  insecureHTTPParser: false,
  requireHostHeader: true,
};

/** An HTTP/1.1 server without a port. */
export class Http1Server {
  readonly #responder: ServerResponder;
  readonly #server = createServer(LIMITS, (request, response) => this.#onRequest(request, response));
  readonly #pipelines: Pipelines;
  readonly #unread: UnreadAnswers;
  readonly #ages: ConnectionAges | undefined;
  /** The address of each connection's client. */
  readonly #clients = new WeakMap<Socket, string>();
  /** Connections with a last answer: nothing after it is a request. */
  readonly #closing = new WeakSet<Duplex>();
  /** Connections that the parser has given up. */
  readonly #unreadable = new WeakSet<Duplex>();

  /** @param ages undefined: a connection may be open for ever */
  constructor(responder: ServerResponder, turns: FairTurns, ages?: ConnectionAges) {
    this.#pipelines = new Pipelines(turns, (socket) => this.#end(socket, "pipelined-requests"));
    this.#responder = responder;
    this.#ages = ages;
    this.#unread = new UnreadAnswers(responder.clock, responder.instance);
    // Node drops headers above its limit silently; ours counts and refuses
    this.#server.maxHeadersCount = 0;
    // a GET that offers a body is answered without it, so the client is not asked to send one
    this.#server.on("checkContinue", (request, response) => this.#onRequest(request, response));
    this.#server.on("clientError", (error, socket) => this.#onUnreadable(error, socket));
    this.#server.emit("listening");
  }

  /** Takes a connection of a client with this address, which is for logs. Its first bytes are still unread. */
  accept(socket: Socket, client = socket.remoteAddress ?? "unix"): void {
    this.#clients.set(socket, client);
    this.#server.emit("connection", socket);
    this.#pipelines.add(socket);
    this.#ages?.watch(socket);
    const unwatch = this.#unread.watch({
      progress: () => (socket.writableLength === 0 ? undefined : socket.bytesWritten - socket.writableLength),
      end: () => this.#end(socket, UNREAD_ANSWER),
    });
    socket.once("close", unwatch);
    this.#pipelines.start(socket);
  }

  /** Closes the connections that wait for a request. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Ends every connection and stops the timers. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve()); // it reports "not running", since it never listened
      this.#server.closeAllConnections();
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#pipelines.takeTurn(request.socket, response, () => {
      if (this.#responder.wantsBody(request.method ?? "", request.url ?? ""))
        background(
          readBody(request).then((body) => this.#respond(request, response, body)),
          this.#responder.instance,
          "a call as JSON",
        );
      else this.#respond(request, response, undefined);
    });
  }

  #respond(request: IncomingMessage, response: ServerResponse, body: Buffer | undefined): void {
    // an unread body must not be taken for the next request
    const leavesBody = hasBody(request) && !request.complete;
    const refusal = refusalOf(request);
    if (refusal === undefined) {
      // many requests may wait for one page: each connection sends its answers in its own turns
      let send = (answer: HttpAnswer) => this.#send(response, answer, leavesBody);
      const stop = this.#responder.answer(requestOf(request, body), (answer) => send(answer));
      if (stop !== undefined) response.once("close", stop);
      send = (answer) => this.#pipelines.queue(request.socket, () => this.#send(response, answer, leavesBody));
    } else {
      this.#responder.countRefusal(refusal.status);
      this.#send(response, refusal, true);
    }
  }

  #send(response: ServerResponse, { status, headers, body }: HttpAnswer, isLast: boolean): void {
    if (response.destroyed || response.socket === null) return;
    const length = lengthOf(body);
    const isAged = this.#ages?.isAged(response.socket) === true;
    const close = isLast || isAged || this.#responder.draining || length === undefined;
    if (close) this.#closing.add(response.socket);
    const connection = close ? { connection: "close" } : {};
    const contentLength = length === undefined ? {} : { "content-length": length };
    response.writeHead(status, { ...headers, ...contentLength, ...connection });
    if (typeof body === "string")
      response.end(body); // Node sends no body for HEAD
    else if (response.req.method === "HEAD") response.end();
    else if ("start" in body) sendStream(response, body, () => response.destroy());
    else sendBytes(response, body, { clock: this.#responder.clock, abort: () => response.destroy() });
  }

  /** Refuses what the parser could not read, after the answers that are due. */
  #onUnreadable(error: Error, socket: Duplex): void {
    if (this.#unreadable.has(socket)) return;
    this.#unreadable.add(socket);
    this.#pipelines.afterAnswers(socket, () => {
      if (this.#closing.has(socket)) socket.destroy();
      else refuseUnreadable(error, socket);
    });
  }

  #end(socket: Socket, rule: string): void {
    publish("connection-ended", {
      instance: this.#responder.instance,
      address: this.#clients.get(socket) ?? "unix",
      rule,
    });
    socket.destroy();
  }
}
