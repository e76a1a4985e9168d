/**
 * The bridge's routes for an application's own server: Node's `http`, Express, Connect.
 */
import { background } from "../../core/background.js";
import { publish } from "../../core/channels.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import type { HttpBridge } from "./bridge.js";
import { bodyOf, type NodeRequest, type NodeResponse, requestOf } from "./node-request.js";
import { lengthOf, sendBytes, sendStream, UNREAD_ANSWER, UnreadAnswers } from "./sending.js";

/** Answers the requests for a route of the bridge, and calls `next` for all others. Without `next`, it answers 404. */
export type Middleware = (request: NodeRequest, response: NodeResponse, next?: () => void) => void;

/** `onAnswer` is called with each request that is answered. */
export function createMiddleware(bridge: HttpBridge, onAnswer: (request: NodeRequest) => void = () => {}): Middleware {
  const unread = new UnreadAnswers(bridge.clock, bridge.instance);
  const end = (response: NodeResponse) => {
    const address = response.req.socket.remoteAddress ?? "unix";
    publish("connection-ended", { instance: bridge.instance, address, rule: UNREAD_ANSWER });
    response.destroy();
  };
  const send = (response: NodeResponse, { status, headers, body }: HttpAnswer) => {
    if (response.destroyed) return;
    // the next request of this client shall reach another server
    const length = lengthOf(body);
    if ((bridge.draining || length === undefined) && "shouldKeepAlive" in response) response.shouldKeepAlive = false;
    response.writeHead(status, length === undefined ? headers : { ...headers, "content-length": length });
    if (typeof body === "string" || response.req.method === "HEAD") {
      response.end(typeof body === "string" ? body : "");
      return;
    }
    const abort = () => void response.destroy();
    const progress =
      "start" in body ? sendStream(response, body, abort) : sendBytes(response, body, { clock: bridge.clock, abort });
    response.once("close", unread.watch({ progress, end: () => end(response) }));
  };
  const respond = (request: NodeRequest, response: NodeResponse) => {
    const answer = (body: Buffer | undefined) =>
      bridge.answer(requestOf(request, body), (answer) => send(response, answer));
    if (bridge.wantsBody(request.method ?? "", request.url ?? ""))
      background(bodyOf(request).then(answer), bridge.instance, "a call as JSON");
    else answer(undefined);
  };
  return (request, response, next) => {
    const isRoute = bridge.hasRoute(request.url ?? "", request.headers.accept);
    if (next !== undefined && !isRoute) return next();
    if (isRoute) onAnswer(request);
    // a pipelined request waits for its turn: Node would keep its answer in memory until then
    if (response.socket === null) response.once("socket", () => respond(request, response));
    else respond(request, response);
  };
}
