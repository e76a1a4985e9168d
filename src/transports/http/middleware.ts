/**
 * The bridge's routes for an application's own server: Node's `http`, Express, Connect.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { background } from "../../core/background.js";
import { readBody, readRequest, wantsBody } from "./body.js";
import { type Bridge, render, routeOf } from "./render.js";

/** Answers what is a route of the bridge, and calls `next` for everything else. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** A middleware over one registry. */
export function createMiddleware(bridge: Bridge): Middleware {
  return (request, response, next) => {
    const { kind } = routeOf(bridge, request.url ?? "");
    // what is not clearly ours is the application's to answer, or to refuse
    if (kind === "none" || kind === "bad-request" || kind === "target-too-long") return next();
    const answer = (body: Buffer | undefined) => {
      const { status, headers, body: text } = render(bridge, readRequest(request, body));
      response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) });
      response.end(text);
    };
    if (wantsBody(bridge, request))
      background(readBody(request).then(answer), bridge.reader.instance, "a call as JSON");
    else answer(undefined);
  };
}
