/**
 * The HTTP forms of discovery: requests in, lists of instances out. It uses no socket, so HTTP/1 and HTTP/2 give the same
 * answers.
 *
 *     request --> route --> token --> query --> view --+-- not known -----------> 503: the client keeps what it has
 *                                                      +-- another index -------> rendering --> answer
 *                                                      '-- the client's index --> blocked --> rendering --> answer
 *
 * Every request needs the token, if there is one: addresses are shown here. No answer holds a word of the client's.
 */
import { type AccessToken, authorizationOf, isAuthorized } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import type { Clock, Random } from "../../core/clock.js";
import type { FairTurns } from "../../core/fair-turns.js";
import { SharedBytesPool } from "../../core/shared-bytes.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { HttpAnswer, HttpRequest, ServerResponder } from "../../wire/http-message.js";
import { BlockedQueries } from "./blocked-queries.js";
import { type ConsulRoute, findConsulRoute } from "./consul.js";
import { instancesView, prometheusView } from "./instance-lists.js";
import { type ListQuery, parseQuery } from "./query.js";
import { Renderings } from "./renderings.js";
import type { ListView } from "./view.js";

/** The names of routes on the channel `http-request`. */
export type DiscoveryForm = "consul" | "prometheus-sd" | "instances";

export interface DiscoveryRoutesDeps {
  readonly catalog: InstanceCatalog;
  readonly clock: Clock;
  readonly random: Random;
  /** Those of the server: answers to many clients must not keep other connections waiting. */
  readonly turns: FairTurns;
  /** The `Health` whose messages are published. */
  readonly instance: string;
  /** Without a value, every client is answered. */
  readonly token: AccessToken;
  /** The forms that are served beside `/v1/instances`. */
  readonly forms: { readonly consul: boolean; readonly prometheus: boolean };
  /** The version of healthbridge, for `/v1/agent/self`. */
  readonly version: string;
  /** Holds the large answers that clients are reading. Default: one of its own. */
  readonly pool?: SharedBytesPool | undefined;
}

interface DiscoveryRoute {
  readonly form: DiscoveryForm;
  readonly route: ConsulRoute | { readonly kind: "unknown-service" };
}

type SendAnswer = (answer: HttpAnswer) => void;

const COMMON_HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;
const TEXT_HEADERS = { ...COMMON_HEADERS, "content-type": "text/plain; charset=utf-8" } as const;
const JSON_HEADERS = { ...COMMON_HEADERS, "content-type": "application/json" } as const;

/** Seconds after which a client may ask again. */
const RETRY_AFTER = { "retry-after": "5" } as const;

const NOT_KNOWN = "healthbridge does not know the instances now: keep the last answer, and ask again";

export class DiscoveryRoutes implements ServerResponder {
  readonly tooManyBodyBytes = 1;
  readonly clock: Clock;
  readonly instance: string;
  readonly #deps: DiscoveryRoutesDeps;
  readonly #blocked: BlockedQueries;
  readonly #renderings: Renderings;
  readonly #unobserve: () => void;

  constructor(deps: DiscoveryRoutesDeps) {
    this.#deps = deps;
    this.clock = deps.clock;
    this.instance = deps.instance;
    this.#blocked = new BlockedQueries(deps);
    this.#renderings = new Renderings({ ...deps, pool: deps.pool ?? new SharedBytesPool() });
    // the token of a blocked query may not be valid any more
    this.#unobserve = deps.token.observe(() => this.#blocked.answerAll());
  }

  /** Whether `end` was called: a carrier closes the connection after the answer. */
  get draining(): boolean {
    return this.#blocked.isEnded;
  }

  /** The number of queries that are blocked now. */
  get blockedQueries(): number {
    return this.#blocked.size;
  }

  /** Answers all blocked queries. From then on, lists are answered with 503: the process ends. */
  end(): void {
    this.#unobserve();
    this.#blocked.end();
  }

  wantsBody(): boolean {
    return false;
  }

  countRefusal(status: number): void {
    this.#publish("bad-request", status);
  }

  answer(request: HttpRequest, send: SendAnswer): (() => void) | undefined {
    const at = request.target.indexOf("?");
    const path = decodePath(at === -1 ? request.target : request.target.slice(0, at));
    const params = new URLSearchParams(at === -1 ? "" : request.target.slice(at));
    const found = path === undefined ? undefined : this.#routeOf(path);
    // it is kept while a query is blocked, so it must not keep the route
    const form = found?.form ?? "none";
    const counted: SendAnswer = (answer) => {
      this.#publish(form, answer.status);
      send(answer);
    };
    if (path === undefined) counted(textAnswer(400, "The path is not valid UTF-8 in percent-encoding"));
    else if (found === undefined) counted(textAnswer(404, "Not found"));
    else if (request.method !== "GET" && request.method !== "HEAD")
      counted(textAnswer(405, "Method not allowed: this is the read side only", { allow: "GET, HEAD" }));
    else return this.#answerRoute(found, { request, params, send: counted });
    return undefined;
  }

  #routeOf(path: string): DiscoveryRoute | undefined {
    const { catalog, forms, version } = this.#deps;
    const own = /^(\/v1\/instances|\/prometheus\/sd)(?:\/(.*))?$/s.exec(path);
    if (own !== null) {
      const service = own[2] === "" ? undefined : own[2];
      if (own[1] === "/v1/instances") {
        if (service !== undefined && catalog.service(service) === undefined)
          return { form: "instances", route: { kind: "unknown-service" } };
        return { form: "instances", route: { kind: "view", view: () => instancesView(catalog, service) } };
      }
      if (!forms.prometheus) return undefined;
      return { form: "prometheus-sd", route: { kind: "view", view: () => prometheusView(catalog, service) } };
    }
    const route = forms.consul ? findConsulRoute(path, catalog, version) : undefined;
    return route && { form: "consul", route };
  }

  #answerRoute(
    { form, route }: DiscoveryRoute,
    {
      request,
      params,
      send,
    }: { readonly request: HttpRequest; readonly params: URLSearchParams; readonly send: SendAnswer },
  ): (() => void) | undefined {
    const authorization = authorizationOf({ ...request, queryToken: params.get("token") });
    const isAllowed = () => isAuthorized(authorization, this.#deps.token);
    if (!isAllowed()) send(refuseToken(form));
    else if (route.kind === "unknown-service") send(textAnswer(404, "No such service"));
    else if (route.kind === "fault") send(textAnswer(400, route.text));
    else if (route.kind === "constant")
      send({ status: 200, headers: JSON_HEADERS, body: `${JSON.stringify(route.value)}\n` });
    else {
      const query = parseQuery(params);
      if (typeof query === "string") send(textAnswer(400, query));
      else return this.#answerView(route.view(query), query, { form, isAllowed, send, connection: request.connection });
    }
    return undefined;
  }

  #answerView(
    view: ListView,
    { index, waitMs }: ListQuery,
    {
      form,
      isAllowed,
      send,
      connection,
    }: {
      readonly form: DiscoveryForm;
      readonly isAllowed: () => boolean;
      readonly send: SendAnswer;
      readonly connection: object | undefined;
    },
  ): (() => void) | undefined {
    const answer = () => {
      if (!isAllowed()) send(refuseToken(form));
      else if (!view.isKnown) send(textAnswer(503, NOT_KNOWN, RETRY_AFTER));
      else
        this.#renderings.render(view, (rendered) => {
          if (rendered === "unknown") send(textAnswer(503, NOT_KNOWN, RETRY_AFTER));
          else if (rendered === undefined) send(textAnswer(500, "Internal server error"));
          else send({ status: 200, headers: headersOf(form, rendered.index, this.#deps.token), body: rendered.body });
        });
    };
    // the checks have stopped: states are not updated any more
    if (this.#blocked.isEnded) {
      send(textAnswer(503, "This server is shutting down", RETRY_AFTER));
      return undefined;
    }
    const isBlocking = index > 0 && (index === view.index || this.#blocked.isBusy(view.service));
    if (!view.isKnown || !isBlocking) {
      answer();
      return undefined;
    }
    if (this.#blocked.isFull(connection)) send(textAnswer(429, "Too many blocking queries", RETRY_AFTER));
    else return this.#blocked.add({ view, index, waitMs, connection, answer });
    return undefined;
  }

  #publish(route: DiscoveryForm | "bad-request" | "none", status: number): void {
    publish("http-request", { instance: this.instance, route, status });
  }
}

/** Consul answers 403, and its clients expect it. */
function refuseToken(form: DiscoveryForm): HttpAnswer {
  if (form === "consul") return textAnswer(403, "Permission denied: the token is missing or wrong");
  return textAnswer(401, "The token is missing or wrong", { "www-authenticate": "Bearer" });
}

function headersOf(form: DiscoveryForm, index: number, token: AccessToken): Readonly<Record<string, string>> {
  if (form !== "consul") return { ...JSON_HEADERS, etag: `"${index}"`, "x-healthbridge-index": String(index) };
  return {
    ...JSON_HEADERS,
    "x-consul-index": String(index),
    "x-consul-knownleader": "true",
    "x-consul-lastcontact": "0",
    "x-consul-default-acl-policy": token.value === undefined ? "allow" : "deny",
  };
}

function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { ...TEXT_HEADERS, ...headers }, body: `${text}\n` };
}

/** A path decoded once; `undefined` when it is not valid. */
function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
