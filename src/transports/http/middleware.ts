/**
 * The bridge's routes for an application's own server: Node's `http`, Express, Connect.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "./body.js";
import { type Bridge, render, routeOf } from "./render.js";

/** Answers what is a route of the bridge, and calls `next` for everything else. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** A middleware over one registry. */
export function createMiddleware(bridge: Bridge): Middleware {
  return (request, response, next) => {
    const { method = "", url: target = "", headers } = request;
    const route = routeOf(bridge, target);
    // what is not clearly ours is the application's to answer, or to refuse
    if (route.kind === "none" || route.kind === "bad-request" || route.kind === "target-too-long") return next();
    const { accept, "content-type": contentType } = headers;
    const answer = (body: Buffer | undefined) => {
      const {
        status,
        headers: answerHeaders,
        body: text,
      } = render(bridge, { method, target, accept, contentType, body });
      response.writeHead(status, { ...answerHeaders, "content-length": Buffer.byteLength(text) });
      response.end(text);
    };
    if (route.kind === "call" && method === "POST") void readBody(request).then(answer);
    else answer(undefined);
  };
}
