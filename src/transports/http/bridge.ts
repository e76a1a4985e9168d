/**
 * The bridge: HTTP requests in, answers from the registry out. It uses no socket, so all carriers give the same
 * answers.
 *
 *     request --> route --+-- answered in the same step: a service, a view, a call, a heartbeat
 *                         +-- a page: lists checks, services or metrics (see page-renderer)
 */
import { isAllowedHost, MISDIRECTED, requireHosts } from "../../core/allowed-hosts.js";
import { background } from "../../core/background.js";
import { type AccessToken, isAuthorized } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import type { Clock } from "../../core/clock.js";
import { DEFAULT_LIST_LIMIT } from "../../core/option.js";
import { OVERALL } from "../../core/service-name.js";
import type { StatusReader } from "../../registry/ports.js";
import type { TransitionHistory } from "../../telemetry/history/transition-history.js";
import type { HttpAnswer, HttpRequest, ServerResponder } from "../../wire/http-message.js";
import { methodNotAllowed, textAnswer, unauthenticated } from "./answers.js";
import { answerBadge } from "./badge.js";
import { answerCall, MAX_CALL_BODY_BYTES } from "./connect-json.js";
import type { EventStreams } from "./event-streams.js";
import { negotiateJson } from "./health-json.js";
import { answerHeartbeat, type HeartbeatListener } from "./heartbeats.js";
import { answerHistory, answerUptimeBadge, type HistoryDeps, refuseHistory } from "./history.js";
import type { HistoryRoute } from "./history-range.js";
import { type MetricsPage, metricsPage } from "./metrics-page.js";
import { isOpenRoute } from "./open-routes.js";
import type { PageFleet } from "./page/fleet-view.js";
import { answerPageFile } from "./page/page-files.js";
import type { PageRoute } from "./page/page-query.js";
import { answerPage, wantsHtml } from "./page/status-page.js";
import type { Page, PageRenderer } from "./page-renderer.js";
import { findRoute, hostOf, PAGE_PATHS, ROUTE_PATHS, type Route, requirePaths } from "./routes.js";
import { answerService, answerServiceJson } from "./services.js";
import { Snapshots } from "./snapshot.js";
import { answerView, answerViewCheck } from "./views.js";

/** What the bridge reads from, and its settings. */
export interface BridgeOptions {
  readonly reader: StatusReader;
  readonly clock: Clock;
  /** Shared by all bridges over one registry. */
  readonly pages: PageRenderer;
  /** Whether the routes of the open set are all that there is, and no answer has details. Default false. */
  readonly openSet?: boolean | undefined;
  /** Paths that mean `/healthcheck`. Default none. */
  readonly paths?: readonly string[] | undefined;
  /** Services that a List as JSON answers. Default 10,000. */
  readonly listLimit?: number | undefined;
  /** Needed to read the names of all services. Default: none is needed. */
  readonly token?: string | AccessToken | undefined;
  /** Default: heartbeats are not found. */
  readonly onHeartbeat?: HeartbeatListener | undefined;
  /** Default: `/metrics` is not found; an application may have metrics of its own. */
  readonly metrics?: MetricsPage | undefined;
  /** Shared by all bridges of a thread. Default: `/events` and `/badge` are not found; an application may have its own. */
  readonly events?: EventStreams | undefined;
  /** Whether browsers get the status page at `/`. It needs `events`. Default false. */
  readonly page?: boolean | undefined;
  /** Names of this server for browsers: see `core/allowed-hosts`. Default: every host may be shown details. */
  readonly hosts?: readonly string[] | undefined;
  /** `undefined`, with `events`: the past is not known in this thread. */
  readonly history?: Omit<HistoryDeps, "reader"> | undefined;
  /**
   * Asks the thread that knows the past to answer a request. Resolves with undefined if that thread does not answer in time.
   * Default: without `history`, nothing of the past is shown.
   */
  readonly askPast?: ((request: HttpRequest) => Promise<HttpAnswer | undefined>) | undefined;
  /** What the page shows of a fleet. Default: nothing. */
  readonly fleet?: (() => PageFleet | undefined) | undefined;
  /** The transitions of this thread. Needed for the page. */
  readonly transitions?: TransitionHistory | undefined;
}

type BadgeRoute = Extract<Route, { kind: "badge" }>;

/** The routes that an application may have itself. */
const HISTORY_ROUTES: readonly Route["kind"][] = ["events", "badge", "history"];
const HISTORY_PATHS = new RegExp(`^/(?:${HISTORY_ROUTES.join("|")})`);

/** The routes of which a script in a browser must not read an answer under another name of this server. */
const HOST_ROUTES: readonly Route["kind"][] = ["page", "page-file", "events", "history"];

/** Methods that ask for a status. */
const STATUS_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

export class HttpBridge implements ServerResponder {
  readonly tooManyBodyBytes = MAX_CALL_BODY_BYTES + 1;
  readonly clock: Clock;
  readonly instance: string;
  readonly #options: BridgeOptions;
  readonly #snapshots: Snapshots;

  /** @throws HealthError INVALID_OPTION for paths that are none */
  constructor(options: BridgeOptions) {
    requirePaths(options.paths);
    requireHosts(options.hosts);
    this.clock = options.clock;
    this.instance = options.reader.instance;
    this.#options = options;
    this.#snapshots = new Snapshots(options.reader);
  }

  /** Whether this server is draining: a carrier closes the connection after the answer. */
  get draining(): boolean {
    return this.#options.reader.draining;
  }

  /** Whether a request is for one of the bridge's routes. The server as a whole is the application's, if it has one. */
  hasRoute(target: string, accept?: string, paths = this.#options.paths): boolean {
    const { kind } = this.#routeOf({ target, accept }, paths);
    return kind !== "none" && kind !== "bad-request" && kind !== "target-too-long" && kind !== "server";
  }

  /** The paths of all routes that it has. */
  get paths(): readonly string[] {
    const { metrics, events, page = false } = this.#options;
    const isMissing = (path: string) =>
      (metrics === undefined && path === "/metrics") ||
      (events === undefined && HISTORY_PATHS.test(path)) ||
      (!page && PAGE_PATHS.includes(path));
    return ROUTE_PATHS.filter((path) => !isMissing(path));
  }

  wantsBody(method: string, target: string): boolean {
    return method === "POST" && this.#routeOf({ target }).kind === "call";
  }

  answer(request: HttpRequest, send: (answer: HttpAnswer) => void): undefined {
    const route = this.#routeOf(request);
    this.#answer(route, request, (answer) => {
      this.#publishAnswer(route, answer.status);
      send(answer);
    });
  }

  /** Answers a request that a bridge of another thread has got, and counts. */
  answerRelayed(request: HttpRequest, send: (answer: HttpAnswer) => void): void {
    this.#answer(this.#routeOf(request), request, send);
  }

  #answer(route: Route, request: HttpRequest, send: (answer: HttpAnswer) => void): void {
    const answer = this.#answerOrPage(route, request);
    const { pages } = this.#options;
    const finish = (ready: HttpAnswer | Page) => ("key" in ready ? pages.answer(ready, send) : send(ready));
    if (answer instanceof Promise) background(answer.then(finish), this.instance, "an answer of another thread");
    else finish(answer);
  }

  /** Counts an answer that a carrier gave to a request that it could not read in one way only. */
  countRefusal(status: number): void {
    this.#publishAnswer({ kind: "bad-request" }, status);
  }

  #routeOf({ target, accept }: Pick<HttpRequest, "target"> & Partial<HttpRequest>, paths = this.#options.paths): Route {
    const { metrics, events, page = false, openSet = false } = this.#options;
    const route = findRoute(target, { paths, hasPage: page && wantsHtml(accept) });
    const { kind } = route;
    const isMissing =
      (metrics === undefined && kind === "metrics") ||
      (events === undefined && HISTORY_ROUTES.includes(kind)) ||
      (!page && kind === "page-file") ||
      (openSet && !isOpenRoute(route));
    return isMissing ? { kind: "none" } : route;
  }

  #answerOrPage(route: Route, request: HttpRequest): HttpAnswer | Page | Promise<HttpAnswer | Page> {
    const { reader, listLimit = DEFAULT_LIST_LIMIT, token, hosts } = this.#options;
    const isRefused = hosts !== undefined && HOST_ROUTES.includes(route.kind) && !isAllowedHost(hostOf(request), hosts);
    if (isRefused) return textAnswer(421, MISDIRECTED);
    switch (route.kind) {
      case "bad-request":
        return textAnswer(400, "BAD_REQUEST");
      case "target-too-long":
        return textAnswer(414, "URI_TOO_LONG");
      case "none":
        return textAnswer(404, "NOT_FOUND");
      case "call":
        return answerCall({ reader, snapshots: this.#snapshots, listLimit, token }, route.method, request);
      case "heartbeat":
        return answerHeartbeat(this.#options, route, request);
      case "server":
        if (request.method !== "OPTIONS") return textAnswer(400, "BAD_REQUEST");
        return answerService(reader, OVERALL);
      case "view":
      case "healthcheck":
        // HAProxy's `option httpchk` sends OPTIONS
        if (!STATUS_METHODS.includes(request.method)) return methodNotAllowed(STATUS_METHODS.join(", "));
        return this.#answerStatus(route, request);
      case "metrics":
        if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
        return this.#answerMetrics(request);
      case "badge":
        if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
        return this.#answerBadge(route, request);
      case "history":
        return refuseHistory(request, token) ?? this.#answerHistory(route, request);
      case "page":
        return this.#answerPage(route, request);
      case "page-file":
        if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
        return answerPageFile(route.file);
      case "events":
        return this.#options.events?.answer(route, request) ?? textAnswer(404, "NOT_FOUND");
      default:
        return route satisfies never;
    }
  }

  #answerStatus(route: Extract<Route, { kind: "view" | "healthcheck" }>, request: HttpRequest): HttpAnswer | Page {
    const { reader, token, openSet = false } = this.#options;
    const json = negotiateJson(request.accept);
    const form = { json, detailed: !openSet && isAuthorized(request.authorization, token) };
    if (route.kind === "view") {
      const { check } = route;
      if (check !== undefined) return answerViewCheck(reader, { ...route, check }, form);
      return answerView(this.#snapshots, route, form);
    }
    if (json !== undefined)
      return answerServiceJson(this.#snapshots, route.service, { type: json, detailed: form.detailed });
    return answerService(reader, route.service);
  }

  /** 200 in every state of the services: a scraper that is refused learns nothing. It holds all names, so it needs the token. */
  #answerMetrics({ authorization, accept }: HttpRequest): HttpAnswer | Page | Promise<Page> {
    const { metrics, token } = this.#options;
    if (metrics === undefined) return textAnswer(404, "NOT_FOUND");
    if (!isAuthorized(authorization, token)) return unauthenticated();
    const page = metricsPage(metrics, accept, () => this.#snapshots.of(""));
    return metrics.prepare?.().then(() => page) ?? page;
  }

  #answerBadge({ service, uptime }: BadgeRoute, request: HttpRequest): HttpAnswer | Promise<HttpAnswer> {
    if (uptime === undefined) return answerBadge(this.#options.reader, service);
    return this.#withHistory(request, (history) =>
      answerUptimeBadge(history, { service, uptime }, this.clock.wallTime()),
    );
  }

  #answerPage(route: PageRoute, request: HttpRequest): HttpAnswer | Page | Promise<HttpAnswer | Page> {
    const { reader, token, transitions, history, askPast, fleet, paths = [] } = this.#options;
    if (transitions === undefined) return textAnswer(404, "NOT_FOUND");
    const parts = { reader, token, transitions, clock: this.clock, snapshots: this.#snapshots };
    const deps = { ...parts, services: history?.services, fleet: fleet?.(), hasHealthCode: paths.includes("/") };
    const page = answerPage(deps, route, request);
    if (history !== undefined || !("key" in page)) return page;
    return askPast?.(request).then((answer) => answer ?? page) ?? page;
  }

  #answerHistory(route: HistoryRoute, request: HttpRequest): HttpAnswer | Promise<HttpAnswer> {
    return this.#withHistory(request, (history) => answerHistory(history, route, this.clock.wallTime()));
  }

  /** A listener thread has no history: the main thread does, and may not answer. */
  #withHistory(request: HttpRequest, answer: (history: HistoryDeps) => HttpAnswer): HttpAnswer | Promise<HttpAnswer> {
    const { history, askPast, reader } = this.#options;
    if (history !== undefined) return answer({ ...history, reader });
    const stalled = textAnswer(503, "STALLED");
    return askPast?.(request).then((past) => past ?? stalled) ?? stalled;
  }

  /** Publishes the kind of the route alone, and no word of the client's. */
  #publishAnswer(route: Route, status: number): void {
    publish("http-request", {
      instance: this.instance,
      route: route.kind === "view" ? route.path : route.kind,
      status,
    });
  }
}
