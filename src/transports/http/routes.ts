/**
 * The route of a request, from its target as it was sent, decoded exactly once.
 *
 *     /healthcheck, /healthcheck/<service>, ?service=<service>     the status of a service
 *     /livez, /readyz, /healthz, /startupz, each with /<check>      a view
 *     /grpc.health.v1.Health/Check, .../List                        a call, as JSON
 *     /heartbeat/<check>, with ?status=fail                         a report of a passive check
 *     /metrics                                                      what Prometheus scrapes
 *     /events, ?service=<service>, repeatable                       a stream of transitions
 *     /badge.svg, /badge/<service>.svg, ?service=, ?uptime=24h      a picture of a status
 *     /history, /history/<service>, ?service=, ?hours=, ?from=&to=  the past of a service
 *     /, for a browser; /healthbridge/<file>                        the status page, its script and its style
 *     *                                                             OPTIONS of the server as a whole
 *
 * An ambiguous target is refused: a name is never guessed.
 */
import { HealthError } from "../../core/health-error.js";
import { MAX_SERVICE_NAME_BYTES, OVERALL } from "../../core/service-name.js";
import { HEALTH_SERVICE } from "../../wire/health-messages.js";
import { type HistoryRoute, historyRoute, isUptime, type Uptime } from "./history-range.js";
import { PAGE_FILES, PAGE_FOLDER, type PageFile } from "./page/page-files.js";
import { type PageRoute, pageRoute } from "./page/page-query.js";

/** The paths of the views. */
const VIEW_PATHS = ["livez", "readyz", "healthz", "startupz"] as const;

/** The paths of the status page, for browsers. */
export const PAGE_PATHS: readonly string[] = ["/", `/${PAGE_FOLDER}/*`];

/** The paths of all routes, for routers that need a list; `*` is the rest of a path. */
export const ROUTE_PATHS: readonly string[] = [
  ...["healthcheck", ...VIEW_PATHS].flatMap((path) => [`/${path}`, `/${path}/*`]),
  ...[
    `/${HEALTH_SERVICE}/Check`,
    `/${HEALTH_SERVICE}/List`,
    "/heartbeat/*",
    "/metrics",
    "/events",
    "/badge.svg",
    "/badge/*",
    "/history",
    "/history/*",
  ],
  ...PAGE_PATHS,
];

/** A request for a stream of transitions. */
export interface EventsRoute {
  readonly kind: "events";
  /** None: all services and checks. */
  readonly services: readonly string[];
}

/** The path of a view without its slash. */
export type ViewPath = (typeof VIEW_PATHS)[number];

/** A request for a view. */
export interface ViewRoute {
  readonly kind: "view";
  readonly path: ViewPath;
  /** The name of one check, when the request is for it alone. */
  readonly check: string | undefined;
  readonly verbose: boolean;
  /** Checks that do not count. */
  readonly exclude: readonly string[];
}

export type Route =
  | { readonly kind: "healthcheck"; readonly service: string }
  | ViewRoute
  | { readonly kind: "call"; readonly method: "Check" | "List" }
  | { readonly kind: "heartbeat"; readonly check: string; readonly report: "pass" | "fail" }
  | { readonly kind: "metrics" }
  | EventsRoute
  | { readonly kind: "badge"; readonly service: string; readonly uptime: Uptime | undefined }
  | HistoryRoute
  | PageRoute
  | { readonly kind: "page-file"; readonly file: PageFile }
  | { readonly kind: "server" }
  | { readonly kind: "bad-request" }
  | { readonly kind: "target-too-long" }
  | { readonly kind: "none" };

const MAX_TARGET_BYTES = 2048;

const BAD_REQUEST: Route = { kind: "bad-request" };

/** A target in absolute form: the authority, then the path and the query. User info is refused (RFC 9110, section 4.2.4). */
const ABSOLUTE_FORM = /^https?:\/\/(?:[^/?#@[\]:\\]+|\[[0-9a-f:.]+\])(?::\d*)?(?=[/?]|$)/i;

const NO_PARAMETERS: QueryParameters = { ...emptyLists(), verbose: false };

/**
 * Callers may have no types: a text in place of a list has every path that is a part of it.
 * @throws HealthError INVALID_OPTION
 */
export function requirePaths(paths: unknown): void {
  if (paths === undefined) return;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string" && path.startsWith("/")))
    throw new HealthError("INVALID_OPTION", 'paths must be a list of paths, such as ["/api/health"]');
}

/** A gRPC method of the health service, and its path in the absolute form of web requests. */
const GRPC_METHOD = new RegExp(
  `^(?:https?://[^/?#@\\\\]+)?/${HEALTH_SERVICE.replaceAll(".", "\\.")}/[A-Za-z]+(?:\\?|$)`,
);

/** Whether a request target is the path of a gRPC method of the health service. */
export function isGrpcMethod(target: string): boolean {
  return GRPC_METHOD.test(target);
}

/** What the same target means to one server or to one client. */
export interface RouteMeaning {
  /** Paths that mean `/healthcheck` as well. Default none. */
  readonly paths?: readonly string[] | undefined;
  /** Whether `/` is the status page: there is one, and the client is a browser. Default false. */
  readonly hasPage?: boolean | undefined;
}

/** Finds the route of a request target such as `/healthcheck?service=a`. */
export function findRoute(target: string, { paths = [], hasPage = false }: RouteMeaning = {}): Route {
  if (target.length > MAX_TARGET_BYTES) return { kind: "target-too-long" };
  // the server as a whole (RFC 9110, section 9.3.7)
  if (target === "*") return { kind: "server" };
  const origin = toOriginForm(target);
  // no fragment, and no backslash, which some parsers take for a slash
  if (!origin.startsWith("/") || /[#\\]/.test(origin)) return BAD_REQUEST;
  const [rawPath = "", ...rest] = origin.split("?");
  const query = readQuery(rest.join("?"));
  const path = decode(rawPath);
  if (query === undefined || path === undefined || isAmbiguous(rawPath)) return BAD_REQUEST;
  if (path !== rawPath && isAmbiguous(path)) return BAD_REQUEST;
  if (path === "/" && hasPage) return routeOfPage(query);
  if (paths.includes(path)) return routeOfService(undefined, query);
  if (path === `/${HEALTH_SERVICE}/Check`) return { kind: "call", method: "Check" };
  if (path === `/${HEALTH_SERVICE}/List`) return { kind: "call", method: "List" };
  if (path === "/badge.svg") return routeOfBadge(undefined, query);
  const [, head = "", tail] = /^\/([^/]*)(?:\/(.*))?$/s.exec(path) ?? [];
  const name = tail === "" ? undefined : tail;
  if (head === "healthcheck") return routeOfService(name, query);
  if (head === "badge") {
    const [, service] = /^(.+)\.svg$/s.exec(name ?? "") ?? [];
    return service === undefined ? { kind: "none" } : routeOfBadge(service, query);
  }
  if (head === "history") return routeOfHistory(name, query);
  if (head === PAGE_FOLDER) return routeOfPageFile(name);
  if (head === "heartbeat") return name === undefined ? { kind: "none" } : routeOfHeartbeat(name, query);
  if (path === "/metrics") return { kind: "metrics" };
  if (path === "/events")
    return query.services.every(isName) ? { kind: "events", services: query.services } : BAD_REQUEST;
  const view = VIEW_PATHS.find((known) => known === head);
  return view === undefined ? { kind: "none" } : routeOfView(view, name, query);
}

/**
 * The path and query of a target. Proxies send the absolute form, and a server must accept it. Its authority replaces
 * `Host`, which is not used here either (RFC 9112, section 3.2.2).
 */
function toOriginForm(target: string): string {
  if (target.startsWith("/")) return target;
  const [authority] = ABSOLUTE_FORM.exec(target) ?? [];
  if (authority === undefined) return "";
  const rest = target.slice(authority.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** The host that a request names: in its target, or else beside it. */
export function hostOf({
  target,
  host,
}: {
  readonly target: string;
  readonly host?: string | undefined;
}): string | undefined {
  const [authority] = ABSOLUTE_FORM.exec(target) ?? [];
  return authority === undefined ? host : authority.slice(authority.indexOf("//") + 2);
}

/** The one service of a path and a query; `undefined` when they name two, or one that no service can have. */
function serviceOf(name: string | undefined, { services }: QueryParameters): string | undefined {
  const names = new Set([...(name === undefined ? [] : [name]), ...services]);
  const [service = OVERALL] = names;
  return names.size > 1 || !isName(service) ? undefined : service;
}

function routeOfService(name: string | undefined, query: QueryParameters): Route {
  const service = serviceOf(name, query);
  return service === undefined ? BAD_REQUEST : { kind: "healthcheck", service };
}

function routeOfBadge(name: string | undefined, query: QueryParameters): Route {
  const [service, [uptime, ...more]] = [serviceOf(name, query), query.uptimes];
  if (service === undefined || more.length > 0) return BAD_REQUEST;
  if (uptime === undefined) return { kind: "badge", service, uptime };
  return isUptime(uptime) ? { kind: "badge", service, uptime } : BAD_REQUEST;
}

function routeOfHistory(name: string | undefined, query: QueryParameters): Route {
  const service = serviceOf(name, query);
  return (service === undefined ? undefined : historyRoute(service, query)) ?? BAD_REQUEST;
}

function routeOfPage(query: QueryParameters): Route {
  const service = query.services.length === 0 ? undefined : serviceOf(undefined, query);
  if (query.services.length > 0 && service === undefined) return BAD_REQUEST;
  return query.searches.every(isName) ? (pageRoute(service, query) ?? BAD_REQUEST) : BAD_REQUEST;
}

function routeOfPageFile(name: string | undefined): Route {
  const file = PAGE_FILES.find((known) => known.name === name);
  return file === undefined ? { kind: "none" } : { kind: "page-file", file };
}

function routeOfHeartbeat(check: string, { statuses }: QueryParameters): Route {
  const [report = "pass"] = statuses;
  const isReport = report === "pass" || report === "fail";
  return statuses.length > 1 || !isReport || !isName(check) ? BAD_REQUEST : { kind: "heartbeat", check, report };
}

function routeOfView(path: ViewPath, check: string | undefined, query: QueryParameters): Route {
  if (check !== undefined && !isName(check)) return BAD_REQUEST;
  return { kind: "view", path, check, verbose: query.verbose, exclude: query.exclude };
}

/** The parameters that have values. `serviceName` is what grpc_health_proxy calls the service. */
const LISTS = {
  service: "services",
  serviceName: "services",
  exclude: "exclude",
  status: "statuses",
  uptime: "uptimes",
  hours: "hours",
  from: "from",
  to: "to",
  q: "searches",
  failing: "failings",
  sort: "sorts",
  range: "ranges",
} as const;

type ParameterLists = Record<(typeof LISTS)[keyof typeof LISTS], string[]>;

/** The known parameters; all others are ignored. */
interface QueryParameters extends Readonly<ParameterLists> {
  readonly verbose: boolean;
}

const LIST_OF_KEY: ReadonlyMap<string, keyof ParameterLists> = new Map(Object.entries(LISTS));

function readQuery(text: string): QueryParameters | undefined {
  if (text === "") return NO_PARAMETERS;
  const lists = emptyLists();
  let verbose = false;
  for (const pair of text.split("&")) {
    const [key = "", ...rest] = pair.split("=");
    const value = decode(rest.join("=").replaceAll("+", " "));
    if (key === "verbose") verbose = true;
    const list = LIST_OF_KEY.get(key);
    if (list === undefined) continue;
    if (value === undefined) return undefined;
    lists[list].push(value);
  }
  return { ...lists, verbose };
}

function emptyLists(): ParameterLists {
  const ofPage = { searches: [], failings: [], sorts: [], ranges: [] };
  return { services: [], exclude: [], statuses: [], uptimes: [], hours: [], from: [], to: [], ...ofPage };
}

/** Decodes percent signs, once; `undefined` for a broken one or for bytes that are not UTF-8. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether a path has an empty or a dot segment, which a proxy might remove (RFC 3986, section 5.2.4). */
function isAmbiguous(path: string): boolean {
  if (!path.includes("//") && !path.includes("/.")) return false;
  return path.includes("//") || path.split("/").some((part) => part === ".." || part === ".");
}

function isName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are searched for
  return Buffer.byteLength(name) <= MAX_SERVICE_NAME_BYTES && !/[\u0000-\u001f\u007f-\u009f]/.test(name);
}
