/**
 * The views over HTTP, as Kubernetes' API server has them.
 *
 *     /livez      this process alone          a failing target never gets a process restarted
 *     /readyz     the overall status          /healthz is its old name
 *     /startupz   every check that counts for it has had its first result
 *
 * `?verbose` adds a line for each check, `?exclude=<check>` leaves one out, `/<check>` asks for one alone. A failure is
 * 503, where Kubernetes says 500: load balancers read 503 as "not now".
 *
 * A request without the needed token is answered with one word. It may name a check, and learns nothing of the others.
 */
import { printable } from "../../core/printable.js";
import { OVERALL } from "../../core/service-name.js";
import { detachedText } from "../../core/store-faults.js";
import { type CheckReport, type DetachedState, STALLED, type StatusReader } from "../../registry/ports.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { type Headers, jsonAnswer, jsonHeaders, statusHeaders, textAnswer, textHeaders } from "./answers.js";
import { detachedFields, type JsonType, jsonAround, jsonOfChecks } from "./health-json.js";
import type { Page } from "./page-renderer.js";
import type { ViewPath, ViewRoute } from "./routes.js";
import { type CheckList, type Criterion, passes, type Snapshot, type Snapshots } from "./snapshot.js";

/** How a status is shown. */
export interface Form {
  /** JSON of this type; `undefined` for text. */
  readonly json: JsonType | undefined;
  /** Names, reasons and measurements are shown. */
  readonly detailed: boolean;
}

/** Answers a question about a view. */
export function answerView(snapshots: Snapshots, route: ViewRoute, { json, detailed }: Form): HttpAnswer | Page {
  if (detailed && json !== undefined) return jsonPage(snapshots, route, json);
  if (detailed && route.verbose) return linesPage(snapshots, route);
  const snapshot = takeSnapshot(snapshots, route, route.exclude.length > 0);
  const { passed, status, headers } = evaluate(route, snapshot);
  const warnings = warningsOf(route, snapshot, detailed);
  if (json !== undefined)
    return jsonAnswer(status, { status: passed ? "pass" : "fail", ...warningFields(warnings) }, json, headers);
  const lines = warnings.map((warning) => `\nwarn: ${warning}\n`);
  return textAnswer(status, `${passed ? "OK" : wordOf(snapshot)}${lines.join("")}`, headers);
}

/** Answers a question about one check of a view. */
export function answerViewCheck(
  reader: StatusReader,
  route: ViewRoute & { readonly check: string },
  { json, detailed }: Form,
): HttpAnswer {
  const { path } = route;
  const check = path === "livez" ? undefined : reader.check(route.check);
  if (check === undefined) return textAnswer(404, "NOT_FOUND");
  const criterion = criterionOf(path);
  const isStalled = reader.stalledMs !== undefined;
  const passed = !isStalled && passes(check, criterion);
  const [status, headers] = [passed ? 200 : 503, statusHeaders(reader.read(OVERALL), reader.draining)];
  if (json !== undefined && !detailed) return jsonAnswer(status, { status: passed ? "pass" : "fail" }, json, headers);
  if (json !== undefined) {
    const shown = { ...stallFields(reader.stalledMs), ...detachedFields(reader.fleet) };
    const fields = { ...fieldsOf(path, passed, check.state === "warning"), ...shown };
    const { before, after } = jsonAround(fields);
    const body = `${before}${[...jsonOfChecks([check])].join("")}${after}`;
    return { status, headers: jsonHeaders(json, headers), body };
  }
  if (route.verbose && detailed)
    return textAnswer(
      status,
      `${lineOf(check, criterion)}\n${linesOfReported(check)}${stallLine(reader.stalledMs)}${detachedLine(reader.fleet)}${lastLineOf(path, passed)}`,
      headers,
    );
  const isUndecided = criterion === "result" || (check.state === "pending" && check.drained !== true);
  const isUnknown = isUndecided && !isStalled;
  return textAnswer(status, passed ? "OK" : isUnknown ? "UNKNOWN" : "NOT_SERVING", headers);
}

function jsonPage(snapshots: Snapshots, route: ViewRoute, type: JsonType): Page {
  return {
    name: "view-json",
    key: `view-json ${route.path === "livez" ? route.path : criterionOf(route.path)}`,
    isVolatile: false,
    snapshot: () => takeSnapshot(snapshots, route, true),
    pieces: ({ checks }) => jsonOfChecks(checks.all),
    envelope: (snapshot) => {
      const { passed, status, headers } = evaluate(route, snapshot);
      const fields = {
        ...fieldsOf(route.path, passed, snapshot.status?.degraded),
        ...stallFields(snapshot.stalledMs),
        ...detachedFields(shownDetachment(route, snapshot)),
        ...warningFields(warningsOf(route, snapshot, true)),
      };
      return { status, headers: jsonHeaders(type, headers), ...jsonAround(fields) };
    },
  };
}

function linesPage(snapshots: Snapshots, route: ViewRoute): Page {
  const { path, exclude } = route;
  const criterion = criterionOf(path);
  const page: Page = {
    name: "view-lines",
    key: `view-lines ${path === "livez" ? path : criterion}`,
    isVolatile: false,
    snapshot: () => takeSnapshot(snapshots, route, true),
    // one piece for each check: `replacements` has their positions
    pieces: function* ({ checks }) {
      for (const check of checks.all) yield `${lineOf(check, criterion)}\n${linesOfReported(check)}`;
    },
    envelope: (snapshot) => {
      const { passed, status, headers } = evaluate(route, snapshot);
      return { status, headers: textHeaders(headers), before: "", after: lastLinesOf(route, snapshot, passed) };
    },
  };
  return exclude.length === 0 ? page : { ...page, replacements: ({ checks }) => excludedLines(checks, exclude) };
}

/** The lines of excluded checks, by the positions of the checks. */
function excludedLines(checks: CheckList, exclude: readonly string[]): ReadonlyMap<number, string> {
  const lines = new Map<number, string>();
  for (const name of exclude) {
    const index = checks.indexOf(name);
    const check = index === undefined ? undefined : checks.all[index];
    if (index === undefined || check === undefined) continue;
    lines.set(index, `[+]${printable(name)} excluded: ok\n${linesOfReported(check)}`);
  }
  return lines;
}

/** Liveness has no checks: whatever a check finds, this process is alive to say so. */
function takeSnapshot(snapshots: Snapshots, { path }: ViewRoute, withChecks: boolean): Snapshot {
  if (path === "livez") return snapshots.of("liveness");
  const service = path === "startupz" ? "startup" : OVERALL;
  return withChecks ? snapshots.withChecks(service) : snapshots.of(service);
}

function evaluate(
  { path, exclude }: ViewRoute,
  snapshot: Snapshot,
): { readonly passed: boolean; readonly status: number; readonly headers: Headers } {
  const { draining, hasDrained, unready, stalledMs, status, checks } = snapshot;
  const isHeld = draining || hasDrained || unready !== undefined || stalledMs !== undefined;
  const mayExclude = exclude.length > 0 && !isHeld;
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

function fieldsOf(path: ViewPath, passed: boolean, degraded = false): object {
  const passing = degraded ? "warn" : "pass";
  return { status: passed ? passing : "fail", serviceId: path };
}

function lineOf(check: CheckReport, criterion: Criterion): string {
  const { state, drained } = check;
  const reason = drained && criterion === "state" ? "drained" : check.reason;
  const name = printable(check.name);
  if (!passes(check, criterion)) return `[-]${name} failed: ${reason ?? state}${noteOf(check, criterion)}`;
  if (state === "warning") return `[+]${name} ok (warning: ${reason ?? state})`;
  // the reason of a state that no result has decided: see `checks/assumption`
  return state === "passing" && reason !== undefined ? `[+]${name} ok (${reason})` : `[+]${name} ok`;
}

/** The services that the target of a check reports. They do not count for the view. */
function linesOfReported({ reported = [] }: CheckReport): string {
  const lines = reported.map(({ name, status, reason }) => {
    const title = printable(name);
    return status === "SERVING" ? `[+]${title} ok\n` : `[-]${title} failed: ${reason ?? status} (not counted)\n`;
  });
  return lines.join("");
}

/** Why a check that fails does not make the view fail. */
function noteOf({ critical, counted, drained, startup }: CheckReport, criterion: Criterion): string {
  if (criterion === "result") return startup ? "" : " (not counted)";
  if (!counted && drained !== true) return " (not counted)";
  return critical ? "" : " (not critical)";
}

function lastLinesOf(route: ViewRoute, snapshot: Snapshot, passed: boolean): string {
  const { draining, hasDrained, unready, stalledMs } = snapshot;
  const process = route.path === "livez" && stalledMs === undefined ? "[+]process ok\n" : stallLine(stalledMs);
  const shutdown = draining && !passed ? "[-]shutdown failed: draining\n" : "";
  const drain = hasDrained && !passed && criterionOf(route.path) === "state" ? "[-]drain failed: drained\n" : "";
  const start = unready === undefined ? "" : `[-]start failed: ${unready}\n`;
  const detached = detachedLine(shownDetachment(route, snapshot));
  const warnings = warningsOf(route, snapshot, true).map((warning) => `warn: ${warning}\n`);
  return `${process}${start}${shutdown}${drain}${detached}${warnings.join("")}${lastLineOf(route.path, passed)}`;
}

/** Liveness is about this process, whatever the store does. */
function shownDetachment({ path }: ViewRoute, { detachment }: Snapshot): DetachedState | undefined {
  return path === "livez" ? undefined : detachment;
}

function detachedLine(fleet: DetachedState | undefined): string {
  return fleet?.detached === true ? `warn: detached: ${detachedText(fleet.storeFault)}\n` : "";
}

/** For how long the application has shown no sign of life. */
function stallLine(stalledMs: number | undefined): string {
  return stalledMs === undefined ? "" : `[-]process failed: stalled for ${Math.round(stalledMs / 1000)} s\n`;
}

function stallFields(stalledMs: number | undefined): { readonly output?: string; readonly stalledSeconds?: number } {
  return stalledMs === undefined ? {} : { output: STALLED, stalledSeconds: Math.round(stalledMs / 1000) };
}

/** Constant texts: no answer echoes a name that a client sent, and without details none shows which names exist. */
function warningsOf({ exclude }: ViewRoute, { checks }: Snapshot, detailed: boolean): readonly string[] {
  if (exclude.length === 0) return [];
  if (!detailed) return ["names to exclude that match no check are ignored"];
  const isUnknown = exclude.some((name) => checks.indexOf(name) === undefined);
  return isUnknown ? ["some health checks cannot be excluded: no check has that name"] : [];
}

function warningFields(warnings: readonly string[]): { readonly notes?: readonly string[] } {
  return warnings.length === 0 ? {} : { notes: warnings };
}

function lastLineOf(path: ViewPath, passed: boolean): string {
  return `${path} check ${passed ? "passed" : "failed"}\n`;
}
