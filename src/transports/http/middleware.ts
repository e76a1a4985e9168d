/**
 * The bridge's routes for an application's own server: Node's `http`, Express, Connect.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { background } from "../../core/background.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { readBody, readRequest, wantsBody } from "./body.js";
import { type Bridge, routeOf } from "./render.js";
import { reply } from "./reply.js";

/** Answers what is a route of the bridge, and calls `next` for everything else. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** A middleware over one registry. */
export function createMiddleware(bridge: Bridge): Middleware {
  return (request, response, next) => {
    const { kind } = routeOf(bridge, request.url ?? "");
    // what is not clearly ours is the application's to answer, or to refuse
    if (kind === "none" || kind === "bad-request" || kind === "target-too-long") return next();
    const send = ({ status, headers, body }: HttpAnswer) => {
      response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
      response.end(body);
    };
    const answer = (body: Buffer | undefined) => reply(bridge, readRequest(request, body), send);
    if (wantsBody(bridge, request))
      background(readBody(request).then(answer), bridge.reader.instance, "a call as JSON");
    else answer(undefined);
  };
}
