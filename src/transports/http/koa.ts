/** The bridge's routes as a middleware of Koa. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Middleware } from "./middleware.js";

/** The part of Koa's context that is used. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The target as the client sent it; `req.url` lacks the path of a mount. */
  readonly originalUrl?: string | undefined;
  /** `body` is what a body parser has read. */
  readonly request: object & { readonly body?: unknown };
  /** False: Koa sends no answer of its own. */
  respond?: boolean | undefined;
}

/** Answers the requests for a route of the bridge, and calls `next` for all others. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>;

export function createKoaMiddleware(middleware: Middleware): KoaMiddleware {
  return async (context, next) => {
    const { req, res, request } = context;
    const { respond } = context;
    context.respond = false;
    // a body parser of Koa leaves what it has read on its own request
    if (request.body !== undefined) Object.assign(req, { body: request.body });
    // as Express does, for access logs
    if (context.originalUrl !== undefined && context.originalUrl !== req.url)
      Object.assign(req, { originalUrl: context.originalUrl });
    let isOther = false;
    middleware(req, res, () => {
      isOther = true;
    });
    if (!isOther) return;
    context.respond = respond;
    await next();
  };
}
