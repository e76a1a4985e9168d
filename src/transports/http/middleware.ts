/**
 * The bridge's routes for an application's own server: Node's `http`, Express, Connect.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { background } from "../../core/background.js";
import { publish } from "../../core/channels.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import type { HttpBridge } from "./bridge.js";
import { bodyOf, requestOf } from "./node-request.js";
import { sendBytes, UNREAD_ANSWER, UnreadAnswers } from "./sending.js";

/** Answers the requests for a route of the bridge, and calls `next` for all others. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** `onAnswer` is called with each request that is answered. */
export function createMiddleware(
  bridge: HttpBridge,
  onAnswer: (request: IncomingMessage) => void = () => {},
): Middleware {
  const unread = new UnreadAnswers(bridge.clock, bridge.instance);
  const end = (response: ServerResponse) => {
    const address = response.req.socket.remoteAddress ?? "unix";
    publish("connection-ended", { instance: bridge.instance, address, rule: UNREAD_ANSWER });
    response.destroy();
  };
  const send = (response: ServerResponse, { status, headers, body }: HttpAnswer) => {
    if (response.destroyed) return;
    // the next request of this client shall reach another server
    if (bridge.draining) response.shouldKeepAlive = false;
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
    response.writeHead(status, { ...headers, "content-length": length });
    if (typeof body === "string" || response.req.method === "HEAD") {
      response.end(typeof body === "string" ? body : undefined);
      return;
    }
    const progress = sendBytes(response, body, { clock: bridge.clock, abort: () => response.destroy() });
    response.once("close", unread.watch({ progress, end: () => end(response) }));
  };
  const respond = (request: IncomingMessage, response: ServerResponse) => {
    const answer = (body: Buffer | undefined) =>
      bridge.answer(requestOf(request, body), (answer) => send(response, answer));
    if (bridge.wantsBody(request.method ?? "", request.url ?? ""))
      background(bodyOf(request).then(answer), bridge.instance, "a call as JSON");
    else answer(undefined);
  };
  return (request, response, next) => {
    if (!bridge.hasRoute(request.url ?? "")) return next();
    onAnswer(request);
    // a pipelined request waits for its turn: Node would keep its answer in memory until then
    if (response.socket === null) response.once("socket", () => respond(request, response));
    else respond(request, response);
  };
}
