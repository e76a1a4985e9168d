/**
 * The status page at `/`: rendered whole on the server, so that it tells the truth without JavaScript.
 *
 *     request --> token? --> Page --renderer: a slice in each turn--> shell, view in pieces, shell
 *                                       '-- one rendering for all requests of one second
 */
import { type AccessToken, isAuthorized } from "../../../core/bearer-token.js";
import type { Clock } from "../../../core/clock.js";
import { OVERALL, storedName } from "../../../core/service-name.js";
import { spanText } from "../../../core/status-words.js";
import { detachedText } from "../../../core/store-faults.js";
import type { ServiceStatus, StatusReader } from "../../../registry/ports.js";
import type { ServiceHistory } from "../../../telemetry/history/service-history.js";
import type { TransitionHistory } from "../../../telemetry/history/transition-history.js";
import type { HttpAnswer, HttpRequest } from "../../../wire/http-message.js";
import { parseAccept } from "../accept.js";
import { type Headers, methodNotAllowed, statusHeaders, textAnswer } from "../answers.js";
import type { Envelope, Page } from "../page-renderer.js";
import type { Snapshot, Snapshots } from "../snapshot.js";
import { fleetSection, type PageFleet } from "./fleet-view.js";
import { overviewPieces, type ViewContext } from "./overview.js";
import { linkTo, type PageRoute } from "./page-query.js";
import { type OverviewRow, rowsOf } from "./rows.js";
import { servicePieces, titleOf, UNKNOWN_SERVICE } from "./service-view.js";
import { SHELL_END, type Shell, shellStart } from "./shell.js";

/** What the page is made from. */
export interface StatusPageDeps {
  readonly reader: StatusReader;
  readonly snapshots: Snapshots;
  readonly clock: Clock;
  readonly token: AccessToken | string | undefined;
  readonly transitions: TransitionHistory;
  /** `undefined`: in a listener thread, when the main thread does not answer. */
  readonly services: ServiceHistory | undefined;
  /** `undefined` without a fleet, and in a listener thread. */
  readonly fleet: PageFleet | undefined;
  /** Whether probers ask for the same path: the code then tells the health. */
  readonly hasHealthCode: boolean;
}

/** Only this server's own files and data, and nothing that a name could bring in. */
const POLICY: string = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
].join("; ");

const HEADERS: Headers = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-opener-policy": "same-origin",
  vary: "Accept",
};

/** Browsers ask for a password only if Basic is the first challenge. */
const CHALLENGE = { "www-authenticate": 'Basic realm="healthbridge", charset="UTF-8"' } as const;

/** Whether a client is a browser: others send wildcards, or nothing. */
export function wantsHtml(accept: string | undefined): boolean {
  if (accept?.includes("text/html") !== true) return false;
  return parseAccept(accept).some(({ type, quality }) => type === "text/html" && quality > 0);
}

/** Answers a request for the status page. */
export function answerPage(deps: StatusPageDeps, route: PageRoute, request: HttpRequest): HttpAnswer | Page {
  const { snapshots, token } = deps;
  if (request.method !== "GET" && request.method !== "HEAD") return methodNotAllowed("GET, HEAD");
  if (!isAuthorized(request.authorization, token)) return textAnswer(401, "UNAUTHENTICATED", CHALLENGE);
  return {
    name: "page",
    key: `page ${linkTo(route)}`,
    isVolatile: false,
    snapshot: () => snapshots.withAll(),
    pieces: (snapshot) => piecesOf(deps, route, snapshot),
    envelope: (snapshot) => envelopeOf(deps, route, snapshot),
  };
}

function envelopeOf({ hasHealthCode, reader }: StatusPageDeps, { service }: PageRoute, snapshot: Snapshot): Envelope {
  const around = { before: "", after: "" };
  if (service !== undefined && statusOf(snapshot, service) === undefined)
    return { status: 404, headers: HEADERS, ...around };
  if (!hasHealthCode) return { status: 200, headers: HEADERS, ...around };
  const headers = { ...HEADERS, ...statusHeaders(snapshot.status, reader.draining) };
  return { status: snapshot.status?.status === "SERVING" ? 200 : 503, headers, ...around };
}

function* piecesOf(deps: StatusPageDeps, route: PageRoute, snapshot: Snapshot): IterableIterator<string> {
  const { clock, reader, services: history, transitions, fleet } = deps;
  const now = clock.wallTime();
  const rows = rowsOf(snapshot);
  const context: ViewContext = { route, now, history, drained: reader.drained, fleet };
  const shell: Omit<Shell, "view" | "title"> = { snapshot, rows, now, notices: noticesOf(deps, snapshot, rows) };
  const { service } = route;
  if (service === undefined) {
    yield shellStart({ ...shell, view: "overview", title: "" }).text;
    for (const piece of overviewPieces(rows, context)) yield piece.text;
    if (reader.fleet !== undefined && fleet !== undefined) yield fleetSection(reader.fleet, fleet.members()).text;
  } else {
    const name = storedName(service);
    const status = statusOf(snapshot, name);
    yield shellStart({ ...shell, view: "service", title: status === undefined ? "" : titleOf(name) }).text;
    const checks = snapshot.checks.of(name).all;
    if (status === undefined) yield UNKNOWN_SERVICE.text;
    else for (const piece of servicePieces({ name, status, checks, transitions }, context)) yield piece.text;
  }
  yield SHELL_END.text;
}

function statusOf({ status, services }: Snapshot, service: string): ServiceStatus | undefined {
  const name = storedName(service);
  return name === OVERALL ? status : services.find(([each]) => each === name)?.[1];
}

/** What holds for all statuses. */
function noticesOf(
  { services: history, reader }: StatusPageDeps,
  snapshot: Snapshot,
  rows: readonly OverviewRow[],
): readonly string[] {
  const { draining, stalledMs, unready, checks } = snapshot;
  const held = checks.all.filter((check) => check.held).length;
  const notices = [
    stalledMs !== undefined &&
      `The application has not responded for ${spanText(stalledMs)}: every service is not serving.`,
    draining &&
      "This server is draining: it is shutting down, or an operator has drained it. Every service is not serving.",
    snapshot.detachment !== undefined && `Detached: ${detachedText(snapshot.detachment.storeFault)}.`,
    unready === "starting" && "The application is starting. It is not serving until it is ready.",
    unready === "start-failed" && "The start of the application has failed.",
    held > 0 &&
      `The network of healthbridge seems to be down: the last ${held === 1 ? "status of 1 check is" : `statuses of ${held} checks are`} held.`,
    history?.isInMaintenance(OVERALL) &&
      `Maintenance of ${rows.every(({ name }) => history.isInMaintenance(name)) ? "all services" : "the server as a whole"}: webhooks and recovery are silent, and this time does not count for the uptime.`,
    reader.drained.size > 0 &&
      `Drained by an operator: ${[...reader.drained].map(titleOf).slice(0, MAX_NAMED).join(", ")}.`,
    history === undefined && "The application does not respond: its history is not shown.",
  ];
  return notices.filter((notice) => typeof notice === "string");
}

/** Names in a notice. */
const MAX_NAMED = 10;
