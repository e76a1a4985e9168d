/**
 * Answers for routes of the bridge on a server that has a listener of its own: Node's `http`, a framework's custom server.
 *
 * A listener of `request` cannot keep a request from the others, and frameworks add theirs before or after. So the event
 * itself is intercepted: a request for a route of the bridge is never emitted. No other event is touched.
 */
import type { EventEmitter } from "node:events";
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import { HealthError } from "../../core/health-error.js";
import type { Middleware } from "./middleware.js";

/** A server of `node:http` or `node:https`, listening or not. */
export type HttpServer = Server | TlsServer;

/** Marks a server, also for another copy of this package. */
const ATTACHED = Symbol.for("healthbridge.attached");

/** Node emits `checkContinue` in place of `request` for `Expect: 100-continue` when there is a listener. */
const REQUEST_EVENTS: readonly unknown[] = ["request", "checkContinue"];

/** @throws HealthError ALREADY_ADDED when a `Health` is attached to the server, INVALID_OPTION when it is no server */
export function attach(server: HttpServer, middleware: Middleware): void {
  // an application of Express or Koa has no address, and a server of node:net or node:tls no requests and no timeout
  const methods = ["emit", "address", "setTimeout"];
  if (methods.some((method) => typeof Reflect.get(Object(server), method) !== "function")) {
    const hint = "for Express or Koa, give what app.listen() returns, or use middleware() or koa()";
    throw new HealthError("INVALID_OPTION", `attach: expected a server of node:http or node:https; ${hint}`);
  }
  if (Object.hasOwn(server, ATTACHED)) {
    throw new HealthError("ALREADY_ADDED", "this HTTP server has a Health attached already; attach one, once");
  }
  const emitter: EventEmitter = server;
  const emit = emitter.emit;
  const emitUnlessAnswered = (...args: Parameters<typeof emit>): boolean => {
    const [event, request, response] = args;
    const emitAsBefore = () => Reflect.apply(emit, server, args);
    if (!REQUEST_EVENTS.includes(event)) return emitAsBefore();
    let hasListener = true;
    middleware(request, response, () => {
      hasListener = emitAsBefore();
    });
    return hasListener;
  };
  Object.defineProperties(server, {
    emit: { value: emitUnlessAnswered, configurable: true, writable: true },
    [ATTACHED]: { value: true },
  });
}
