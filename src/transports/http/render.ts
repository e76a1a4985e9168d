/**
 * The bridge: a request and the registry in, an answer out. Pure, so that every row of the routes' table can be tested
 * without a socket, and HTTP/1, HTTP/2 and a middleware cannot differ.
 *
 * No answer is ever a redirect: Kubernetes takes every 3xx for healthy, one to another host included (known fault 0.11).
 */
import { DEFAULT_LIST_LIMIT } from "../../core/option.js";
import { OVERALL } from "../../core/service-name.js";
import type { CheckReport, ServiceStatus, StatusReader } from "../../registry/ports.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { wantedJson } from "./accept.js";
import { jsonAnswer, methodNotAllowed, textAnswer, unauthenticated } from "./answer.js";
import { answerCall } from "./connect-json.js";
import { serviceJson, viewJson } from "./health-json.js";
import { findRoute, type Route, type ViewRoute } from "./routes.js";
import { judgeView } from "./views.js";

/** What the bridge reads from, and how it is set. */
export interface Bridge {
  readonly reader: StatusReader;
  /** Paths that mean `/healthcheck`. Default none. */
  readonly paths?: readonly string[] | undefined;
  /** Services that a List as JSON answers. Default 10,000. */
  readonly listLimit?: number | undefined;
  /** Asked for before the list of services is told. Default: everybody may have it. */
  readonly token?: string | undefined;
  /** Takes a report of a passive check; false for a wrong token and for a check that isn't there. Default: there is none. */
  readonly onHeartbeat?: HeartbeatListener | undefined;
  /** Makes the page of `/metrics`. Default: there is none. */
  readonly metrics?: (() => Promise<string>) | undefined;
}

/** A route whose answer is there at once. */
export type PromptRoute = Exclude<Route, { readonly kind: "metrics" }>;

/** Takes a report of a passive check, if the `authorization` header is right. */
export type HeartbeatListener = (check: string, authorization: string | undefined, report: "pass" | "fail") => boolean;

/** Seconds after which a client that met a draining server may come back: another one is there by then. */
const RETRY_AFTER_SECONDS = "5";

/** The route of a request. Without metrics there is none to them: an application may have metrics of its own. */
export function routeOf(bridge: Bridge, target: string): Route {
  const route = findRoute(target, bridge.paths);
  return route.kind === "metrics" && bridge.metrics === undefined ? { kind: "none" } : route;
}

/** Answers a request whose answer is there at once. Never throws. */
export function render(bridge: Bridge, route: PromptRoute, request: HttpRequest): HttpAnswer {
  switch (route.kind) {
    case "bad-request":
      return textAnswer(400, "BAD_REQUEST");
    case "target-too-long":
      return textAnswer(414, "URI_TOO_LONG");
    case "none":
      return textAnswer(404, "NOT_FOUND");
    case "call":
      return answerCall(bridge.reader, request, {
        method: route.method,
        listLimit: bridge.listLimit ?? DEFAULT_LIST_LIMIT,
        token: bridge.token,
      });
    case "heartbeat":
      return renderHeartbeat(bridge, route, request);
  }
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
  return route.kind === "view"
    ? renderView(bridge.reader, route, request)
    : renderService(bridge.reader, route.service, request);
}

function renderHeartbeat(
  { onHeartbeat }: Bridge,
  { check, report }: Extract<Route, { kind: "heartbeat" }>,
  { method, authorization }: HttpRequest,
): HttpAnswer {
  if (onHeartbeat === undefined) return textAnswer(404, "NOT_FOUND");
  if (method !== "POST") return methodNotAllowed("POST");
  if (onHeartbeat(check, authorization, report)) return textAnswer(200, "OK");
  return unauthenticated();
}

function renderService(reader: StatusReader, service: string, request: HttpRequest): HttpAnswer {
  const status = reader.read(service);
  const json = wantedJson(request.accept);
  if (status === undefined) {
    return json === undefined
      ? textAnswer(404, "SERVICE_UNKNOWN")
      : jsonAnswer(404, { status: "fail", output: "service-unknown" }, { "content-type": json });
  }
  const serving = status.status === "SERVING";
  const code = serving ? 200 : 503;
  const headers = statusHeaders(reader, status);
  return json === undefined
    ? textAnswer(code, serving ? "OK" : status.status, headers)
    : jsonAnswer(code, serviceJson(service, status, checksFor(reader, service)), { "content-type": json, ...headers });
}

function renderView(reader: StatusReader, route: ViewRoute, request: HttpRequest): HttpAnswer {
  const verdict = judgeView(reader, route);
  if (verdict === undefined) return textAnswer(404, "NOT_FOUND");
  const { passed, word, lines } = verdict;
  const code = passed ? 200 : 503;
  const headers = route.path === "livez" ? {} : statusHeaders(reader, reader.read(OVERALL));
  const json = wantedJson(request.accept);
  if (json !== undefined) {
    const checks = route.path === "livez" ? [] : reader.checks();
    return jsonAnswer(code, viewJson(route.path, passed, checks), { "content-type": json, ...headers });
  }
  return textAnswer(code, route.verbose ? `${lines.join("\n")}\n` : word, headers);
}

/** What Envoy reads beside the code. */
function statusHeaders(reader: StatusReader, status: ServiceStatus | undefined): Readonly<Record<string, string>> {
  if (reader.draining) return { "x-envoy-immediate-health-check-fail": "true", "retry-after": RETRY_AFTER_SECONDS };
  return status?.degraded === true ? { "x-envoy-degraded": "true" } : {};
}

/** The checks that count for a service: all for the server as a whole. */
function checksFor(reader: StatusReader, service: string): readonly CheckReport[] {
  const checks = [...reader.checks()];
  if (service === OVERALL || service === "readiness") return checks;
  return checks.filter(({ name, services }) => name === service || services.includes(service));
}
