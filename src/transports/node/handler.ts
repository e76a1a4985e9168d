/**
 * A request listener for servers of Node: the health service by gRPC, gRPC-Web and Connect, and the routes of the bridge.
 *
 *     request --> method of the health service? --yes--> a format that carries it? --yes--> RpcCall
 *                   | no                                   | no
 *                   |                                      '--> Check, List: the bridge (JSON); Watch: 405, 415
 *                   +--> a route of the bridge --> the bridge
 *                   '--> anything else --> `next`; without it, UNIMPLEMENTED for gRPC, 404
 */
import type { SharedBytesPool } from "../../core/shared-bytes.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import type { HealthService } from "../grpc/health-service.js";
import { methodNotAllowed, textAnswer } from "../http/answers.js";
import type { HttpBridge } from "../http/bridge.js";
import { createMiddleware } from "../http/middleware.js";
import type { NodeRequest, NodeResponse } from "../http/node-request.js";
import { UnreadAnswers } from "../http/sending.js";
import type { RpcMethod } from "./codec.js";
import { NodeExchange } from "./exchange.js";
import { type Format, formatOf, mediaTypesOf } from "./formats.js";
import { ReadyAnswers, RpcCall, type RpcDeps } from "./rpc-call.js";

/**
 * Answers requests of `node:http` and of `node:http2` (its compatibility API). A request for no route of it goes to `next`;
 * without `next`, it is answered with 404 or UNIMPLEMENTED.
 */
export type Handler = (request: NodeRequest, response: NodeResponse, next?: () => void) => void;

export interface HandlerDeps {
  readonly bridge: HttpBridge;
  readonly service: HealthService;
  /** Holds the long answers that clients are reading. */
  readonly pool: SharedBytesPool;
  /** Called with each request for a method of the health service or for an HTTP route. */
  readonly onAnswer: (request: NodeRequest) => void;
}

const METHODS: ReadonlyMap<string, RpcMethod> = new Map(
  (["Check", "List", "Watch"] as const).map((method) => [`/${HEALTH_SERVICE}/${method}`, method]),
);

export function createHandler({ bridge, service, pool, onAnswer }: HandlerDeps): Handler {
  const { clock, instance } = bridge;
  const answerHttp = createMiddleware(bridge, onAnswer);
  const isDraining = () => bridge.draining;
  const rpc: RpcDeps = {
    ...{ service, clock, instance, isDraining },
    unread: new UnreadAnswers(clock, instance),
    answers: new ReadyAnswers(pool),
  };
  const answerCall = (exchange: NodeExchange, method: RpcMethod, format: Format) => {
    if (format.needsHttp2 && !exchange.isHttp2) sendText(exchange, HTTP2_NEEDED);
    else if (!format.carries(method)) sendText(exchange, unsupported(method));
    else new RpcCall(exchange, method, { ...rpc, format }).start();
  };
  const answer = (request: NodeRequest, response: NodeResponse, method: RpcMethod | undefined) => {
    const exchange = new NodeExchange(request, response);
    const format = formatOf(request.headers["content-type"]);
    // the media type of a request that is no POST says nothing: it has no content
    const isStatus =
      method === undefined && request.method !== "POST" && bridge.hasRoute(request.url ?? "", request.headers.accept);
    const isHttp = method === undefined ? !format?.hasUnknownMethods : method !== "Watch" && format === undefined;
    if (isStatus || isHttp) answerHttp(request, response);
    else if (request.method !== "POST") sendText(exchange, methodNotAllowed("POST"));
    else if (format === undefined) sendText(exchange, unsupported("Watch"));
    else if (method !== undefined) answerCall(exchange, method, format);
    else new RpcCall(exchange, "Check", { ...rpc, format }).end("UNIMPLEMENTED", "unknown method");
  };
  return (request, response, next) => {
    const { url = "" } = request;
    const method = METHODS.get(url);
    if (next !== undefined && method === undefined && !bridge.hasRoute(url, request.headers.accept)) return next();
    if (method !== undefined) onAnswer(request);
    // a pipelined request waits for its turn: Node would keep its answer in memory until then
    if (response.socket === null) response.once("socket", () => answer(request, response, method));
    else answer(request, response, method);
  };
}

const HTTP2_NEEDED = textAnswer(505, "HTTP_VERSION_NOT_SUPPORTED");

function unsupported(method: RpcMethod): HttpAnswer {
  return textAnswer(415, "UNSUPPORTED_MEDIA_TYPE", { "accept-post": mediaTypesOf(method).join(", ") });
}

function sendText(exchange: NodeExchange, { status, headers, body }: HttpAnswer): void {
  exchange.head(status, headers, false);
  exchange.end(Buffer.from(typeof body === "string" ? body : ""));
}
