/**
 * HTTP/1.1 on connections that the listener has accepted.
 *
 * Node's server parses; what it lets through that two readers could read in two ways is refused here (known faults 4).
 * It never listens itself, and so must be told to arm its timers: without the `listening` event, a client that sends a
 * byte a minute would hold its connection for ever (known fault 0.7).
 */
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { background } from "../../core/background.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { textAnswer } from "./answer.js";
import { readBody, readRequest, wantsBody } from "./body.js";
import type { Bridge } from "./render.js";
import { reply, tellAnswered } from "./reply.js";

/** An HTTP/1.1 server without a port. */
export interface Http1Server {
  /** Takes a connection; its first bytes are still there to be read. */
  accept(socket: Socket): void;
  /** Closes the connections that wait for a request. */
  closeIdle(): void;
  /** Ends every connection and stops the timers. */
  close(): Promise<void>;
}

const LIMITS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  // longer than a load balancer's own idle time (AWS ALB: 60 s), or it would meet connections that we close just then
  keepAliveTimeout: 65_000,
  maxHeaderSize: 8 * 1024,
  insecureHTTPParser: false,
  requireHostHeader: true,
};

const MAX_HEADERS = 64;

/** Codes of the parser's errors that have a status of their own. */
const PARSER_ANSWERS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** Starts a server for connections in `accept`. */
export function createHttp1Server(bridge: Bridge): Http1Server {
  const closing = new WeakSet<Duplex>();
  const send = (response: ServerResponse, answer: HttpAnswer, close: boolean) => {
    const body = Buffer.from(answer.body);
    const connection = close ? { connection: "close" } : {};
    response.writeHead(answer.status, { ...answer.headers, "content-length": body.length, ...connection });
    response.end(body); // Node leaves the body out for HEAD
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const answer = (body: Buffer | undefined) => {
      const refusal = refusalOf(request);
      // a body that nobody reads must not be taken for the next request
      const close = refusal !== undefined || bridge.reader.draining || (hasBody(request) && !request.complete);
      if (close) closing.add(socket);
      const finish = (answer: HttpAnswer) => send(response, answer, close);
      if (refusal === undefined) {
        reply(bridge, readRequest(request, body), finish);
      } else {
        tellAnswered(bridge, { kind: "bad-request" }, refusal);
        finish(refusal);
      }
    };
    if (wantsBody(bridge, request))
      background(readBody(request).then(answer), bridge.reader.instance, "a call as JSON");
    else answer(undefined);
  };
  const server = createServer(LIMITS, onRequest);
  // Node drops what is above its limit without a word; ours counts and refuses
  server.maxHeadersCount = 0;
  // a GET that offers a body is answered without it, so nobody is asked to send one
  server.on("checkContinue", onRequest);
  server.on("clientError", (error, socket) => {
    // what follows a last answer is not a request: one answer is enough
    if (closing.has(socket)) socket.destroy();
    else refuseUnreadable(error, socket);
  });
  server.emit("listening");
  return {
    accept: (socket) => void server.emit("connection", socket),
    closeIdle: () => server.closeIdleConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve()); // it says "not running", since it never listened
        server.closeAllConnections();
      }),
  };
}

/** The answer to a request that is readable, but not in one way only. */
function refusalOf(request: IncomingMessage): HttpAnswer | undefined {
  const { rawHeaders, headers, httpVersion } = request;
  if (rawHeaders.length / 2 > MAX_HEADERS) return textAnswer(431, "REQUEST_HEADER_FIELDS_TOO_LARGE");
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const hosts = names.filter((name) => name === "host").length;
  const coding = headers["transfer-encoding"];
  const unclear =
    (httpVersion !== "1.1" && httpVersion !== "1.0") ||
    hosts > 1 ||
    (coding !== undefined && coding.toLowerCase() !== "chunked");
  return unclear ? textAnswer(400, "BAD_REQUEST") : undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Whether what came is not even meant as HTTP/1: its first line names no version of it. */
function isAnotherProtocol(error: Error, code: string): boolean {
  if (code !== "HPE_INVALID_METHOD" || !("rawPacket" in error) || !Buffer.isBuffer(error.rawPacket)) return false;
  const end = error.rawPacket.indexOf("\n");
  return !error.rawPacket.subarray(0, end === -1 ? undefined : end).includes(" HTTP/");
}

/** Answers what the parser refused, and closes. Nothing of what came is echoed. Another protocol is not answered. */
function refuseUnreadable(error: Error, socket: Duplex): void {
  const code = "code" in error ? String(error.code) : "";
  if (!socket.writable || code === "ECONNRESET" || isAnotherProtocol(error, code)) {
    socket.destroy();
    return;
  }
  const status = PARSER_ANSWERS[code] ?? "400 Bad Request";
  const body = status.slice(4).toUpperCase().replaceAll(" ", "_");
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
