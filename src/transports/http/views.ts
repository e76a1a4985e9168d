/**
 * The views over HTTP, as Kubernetes' API server has them.
 *
 *     /livez      this process alone          a failing target never gets a process restarted
 *     /readyz     the overall status          /healthz is its old name
 *     /startupz   every check that counts for it has had its first result
 *
 * `?verbose` adds a line for each check, `?exclude=<check>` leaves one out, `/<check>` asks for one alone. A failure is
 * 503, where Kubernetes says 500: load balancers read 503 as "not now".
 */
import { OVERALL } from "../../core/service-name.js";
import type { CheckReport, StatusReader } from "../../registry/ports.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { type Headers, jsonHeaders, statusHeaders, textAnswer, textHeaders } from "./answers.js";
import { type JsonType, jsonAround, jsonOfChecks } from "./health-json.js";
import type { Page } from "./page-renderer.js";
import type { ViewPath, ViewRoute } from "./routes.js";
import { type Criterion, passes, type Snapshot, type Snapshots } from "./snapshot.js";

/** Answers a question about a view, as JSON where a type is given, else as text. */
export function answerView(snapshots: Snapshots, route: ViewRoute, json: JsonType | undefined): HttpAnswer | Page {
  if (json !== undefined) return jsonPage(snapshots, route, json);
  if (route.verbose) return linesPage(snapshots, route);
  const snapshot = takeSnapshot(snapshots, route, route.exclude.length > 0);
  const { passed, status, headers } = judge(route, snapshot);
  return textAnswer(status, passed ? "OK" : wordOf(snapshot), headers);
}

/** Answers a question about one check of a view. */
export function answerViewCheck(
  reader: StatusReader,
  route: ViewRoute & { readonly check: string },
  json: JsonType | undefined,
): HttpAnswer {
  const { path } = route;
  const check = path === "livez" ? undefined : reader.check(route.check);
  if (check === undefined) return textAnswer(404, "NOT_FOUND");
  const criterion = criterionOf(path);
  const passed = passes(check, criterion);
  const [status, headers] = [passed ? 200 : 503, statusHeaders(reader.read(OVERALL), reader.draining)];
  if (json !== undefined) {
    const { before, after } = jsonAround(fieldsOf(path, passed));
    const body = `${before}${[...jsonOfChecks([check])].join("")}${after}`;
    return { status, headers: jsonHeaders(json, headers), body };
  }
  if (route.verbose) return textAnswer(status, `${lineOf(check, criterion)}\n${lastLineOf(path, passed)}`, headers);
  const isUnknown = criterion === "result" || check.state === "pending";
  return textAnswer(status, passed ? "OK" : isUnknown ? "UNKNOWN" : "NOT_SERVING", headers);
}

function jsonPage(snapshots: Snapshots, route: ViewRoute, type: JsonType): Page {
  return {
    name: "view-json",
    key: `view-json ${route.path === "livez" ? route.path : criterionOf(route.path)}`,
    isCustom: false,
    isVolatile: false,
    snapshot: () => takeSnapshot(snapshots, route, true),
    pieces: ({ checks }) => jsonOfChecks(checks.all),
    envelope: (snapshot) => {
      const { passed, status, headers } = judge(route, snapshot);
      return { status, headers: jsonHeaders(type, headers), ...jsonAround(fieldsOf(route.path, passed)) };
    },
  };
}

function linesPage(snapshots: Snapshots, route: ViewRoute): Page {
  const { path, exclude } = route;
  const criterion = criterionOf(path);
  const excluded = new Set(exclude);
  return {
    name: "view-lines",
    key: `view-lines ${path === "livez" ? path : criterion} ${exclude.length === 0 ? "" : JSON.stringify(exclude)}`,
    isCustom: exclude.length > 0,
    isVolatile: false,
    snapshot: () => takeSnapshot(snapshots, route, true),
    pieces: function* ({ checks }) {
      for (const check of checks.all)
        yield excluded.has(check.name) ? `[+]${check.name} excluded: ok\n` : `${lineOf(check, criterion)}\n`;
    },
    envelope: (snapshot) => {
      const { passed, status, headers } = judge(route, snapshot);
      return { status, headers: textHeaders(headers), before: "", after: lastLinesOf(route, snapshot, passed) };
    },
  };
}

/** Liveness has no checks: whatever a check finds, this process is alive to say so. */
function takeSnapshot(snapshots: Snapshots, { path }: ViewRoute, withChecks: boolean): Snapshot {
  if (path === "livez") return snapshots.of("liveness");
  const service = path === "startupz" ? "startup" : OVERALL;
  return withChecks ? snapshots.withChecks(service) : snapshots.of(service);
}

function judge(
  { path, exclude }: ViewRoute,
  snapshot: Snapshot,
): { readonly passed: boolean; readonly status: number; readonly headers: Headers } {
  const { draining, status, checks } = snapshot;
  const mayExclude = exclude.length > 0 && !draining;
  const passed = status?.status === "SERVING" || (mayExclude && checks.passesWithout(exclude, criterionOf(path)));
  const headers = path === "livez" ? {} : statusHeaders(status, draining);
  return { passed, status: passed ? 200 : 503, headers };
}

function criterionOf(path: ViewPath): Criterion {
  return path === "startupz" ? "result" : "state";
}

function wordOf({ status }: Snapshot): string {
  return status?.status ?? "UNKNOWN";
}

function fieldsOf(path: ViewPath, passed: boolean): object {
  return { status: passed ? "pass" : "fail", serviceId: path };
}

function lineOf(check: CheckReport, criterion: Criterion): string {
  const { name, state, reason } = check;
  // the reason of a state that no result has decided: see `checks/assumption`
  if (passes(check, criterion)) return state === "passing" && reason ? `[+]${name} ok (${reason})` : `[+]${name} ok`;
  return `[-]${name} failed: ${reason ?? state}${noteOf(check, criterion)}`;
}

/** Why a check that fails does not make the view fail. */
function noteOf({ critical, counted, startup }: CheckReport, criterion: Criterion): string {
  if (criterion === "result") return startup ? "" : " (not counted)";
  if (!counted) return " (not counted)";
  return critical ? "" : " (not critical)";
}

function lastLinesOf(route: ViewRoute, { draining, checks }: Snapshot, passed: boolean): string {
  const process = route.path === "livez" ? "[+]process ok\n" : "";
  const shutdown = draining && !passed ? "[-]shutdown failed: draining\n" : "";
  // JSON's escapes: no control character that a client sent reaches a terminal
  const unknown = route.exclude.filter((name) => !checks.has(name)).map((name) => JSON.stringify(name));
  const warning =
    unknown.length === 0 ? "" : `warn: some health checks cannot be excluded: no matches for ${unknown.join(",")}\n`;
  return `${process}${shutdown}${warning}${lastLineOf(route.path, passed)}`;
}

function lastLineOf(path: ViewPath, passed: boolean): string {
  return `${path} check ${passed ? "passed" : "failed"}\n`;
}
