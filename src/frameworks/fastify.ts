/**
 * A plugin for Fastify 5: the routes of a `Health`, `app.health`, and a drain before `app.close()` closes anything.
 *
 *     app.close() --> NOT_SERVING, drainDelayMs --> Fastify's own close (preClose, the server, onClose) --> health.shutdown()
 *                     the application answers       answers 503 from here on
 *
 * Fastify has no hook for the first step: it refuses requests before it runs `preClose`. So `close` itself is replaced.
 * The types of Fastify are not imported: a program without it can compile the types of this package.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { HealthError } from "../core/health-error.js";
import { drainDelay, requireKnownOptions } from "../core/option.js";
import type { Health } from "../daemon/health.js";
import { drainBeforeEnd } from "./drain-before-end.js";

/** Options of the plugin. */
export interface FastifyHealthOptions {
  readonly health: Health;
  /** Further paths that mean `/healthcheck`, such as `/api/health`. Default none. */
  readonly paths?: readonly string[] | undefined;
  /**
   * Milliseconds between NOT_SERVING and the end of service in `app.close()`. Default 5 s; none when the server does not
   * listen, or when `health` drains already.
   */
  readonly drainDelayMs?: number | undefined;
}

/** What Fastify itself reads of the options of a plugin. */
const FASTIFY_OPTIONS: readonly string[] = ["prefix", "logLevel", "logSerializers"];

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

type Close = (callback?: (error?: unknown) => void) => unknown;

interface FastifyCall {
  readonly raw: IncomingMessage;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
}

interface FastifyRoute {
  readonly method: readonly string[];
  readonly exposeHeadRoute: boolean;
  readonly logLevel: string;
  readonly schema: object;
  readonly url: string;
  readonly handler: (call: FastifyCall, reply: FastifyReply) => void;
}

/** The part of a Fastify instance that is used. */
interface FastifyHost {
  readonly prefix: string;
  readonly server: { readonly listening: boolean };
  close: Close;
  decorate(name: string, value: unknown): unknown;
  addHook(
    name: "onSend",
    hook: (request: unknown, reply: FastifyReply, payload: unknown, done: () => void) => void,
  ): unknown;
  addHook(name: "onClose", hook: () => Promise<void>): unknown;
  readonly register: (plugin: (instance: FastifyHost) => Promise<void>) => unknown;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: "*", parser: (call: unknown, body: unknown, done: (e: null) => void) => void): unknown;
  route(options: FastifyRoute): unknown;
}

async function registerHealth(instance: object, options: FastifyHealthOptions): Promise<void> {
  const { health, paths = [], drainDelayMs } = options;
  requireKnownOptions("healthbridge/fastify", options, ["health", "paths", "drainDelayMs", ...FASTIFY_OPTIONS]);
  if (!isFastify(instance))
    throw new HealthError("INVALID_OPTION", "healthbridge/fastify: expected an instance of Fastify");
  if (typeof health?.middleware !== "function")
    throw new HealthError("INVALID_OPTION", "healthbridge/fastify: the option health must be a Health");
  const delayMs = drainDelay(drainDelayMs);
  drainBeforeClose(instance, health, delayMs);
  instance.decorate("health", health);
  instance.addHook("onSend", (_request, reply, _payload, done) => {
    // the client's next request shall reach another server; HTTP/2 responses ignore it
    if (health.draining) reply.raw.shouldKeepAlive = false;
    done();
  });
  instance.addHook("onClose", () => health.shutdown({ drainDelayMs: 0 }));
  instance.register(async (routes) => addRoutes(routes, health, paths));
}

/**
 * The plugin: `await app.register(healthbridge, { health })`. It belongs to the instance that registers it, as with
 * `fastify-plugin`. Hooks that are added before it, such as those of an authentication, run for its routes too.
 * @throws HealthError INVALID_OPTION, as a rejection
 */
export const healthbridge = Object.freeze(
  // what fastify-plugin sets
  Object.assign(registerHealth, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "healthbridge",
  }),
);

function isFastify(instance: object): instance is FastifyHost {
  return ["decorate", "addHook", "register", "route", "close"].every(
    (method) => typeof Reflect.get(instance, method) === "function",
  );
}

/** Adds the routes to an instance of their own, so that the parsers of the application do not apply. */
function addRoutes(routes: FastifyHost, health: Health, paths: readonly string[]): void {
  const answer = health.middleware({ paths });
  routes.removeAllContentTypeParsers();
  // the body stays unread: the middleware reads what it needs
  routes.addContentTypeParser("*", (_call, _body, done) => done(null));
  const handler = ({ raw }: FastifyCall, reply: FastifyReply) => {
    reply.hijack();
    const { url = "" } = raw;
    // as a mount path of Express
    if (routes.prefix !== "") Object.assign(raw, { originalUrl: url, url: url.slice(routes.prefix.length) });
    // the router and the bridge may read a target in two ways
    answer(raw, reply.raw, () => void reply.raw.writeHead(404).end());
  };
  // Fastify writes into the schema, so each route has its own
  for (const url of new Set([...health.routePaths(), ...paths]))
    routes.route({ method: METHODS, exposeHeadRoute: false, logLevel: "silent", schema: { hide: true }, url, handler });
}

/** Replaces `close`, on the instance that has it: others inherit it. */
function drainBeforeClose(instance: FastifyHost, health: Health, delayMs: number): void {
  let owner: object = instance;
  while (!Object.hasOwn(owner, "close")) owner = Object.getPrototypeOf(owner);
  const close = instance.close;
  let drained: Promise<void> | undefined;
  const closeAfterDrain: Close = (callback) => {
    drained ??= drainBeforeEnd(health, instance.server.listening ? delayMs : 0);
    const closed = drained.then(() => Reflect.apply(close, instance, callback === undefined ? [] : [callback]));
    return callback === undefined ? closed : undefined;
  };
  Object.defineProperty(owner, "close", { value: closeAfterDrain, configurable: true, writable: true });
}
