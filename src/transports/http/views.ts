/**
 * The views over HTTP, as Kubernetes' API server has them.
 *
 *     /livez      this process alone          a sick dependency never gets a process restarted
 *     /readyz     the overall status          /healthz is its old name
 *     /startupz   every check has had its first result
 *
 * `?verbose` adds a line for each check, `?exclude=<check>` leaves one out, `/<check>` asks for one alone. A failure is
 * 503, where Kubernetes says 500: balancers take the former for "not now".
 */
import { OVERALL } from "../../core/service-name.js";
import type { CheckReport, StatusReader } from "../../registry/ports.js";
import type { ViewPath, ViewRoute } from "./routes.js";

/** What a view says. */
export interface ViewVerdict {
  readonly passed: boolean;
  /** The word for an answer of one line. */
  readonly word: string;
  /** The line for each check, and the last line. */
  readonly lines: readonly string[];
}

/** Judges a view; `undefined` for a check that doesn't exist. */
export function judgeView(reader: StatusReader, route: ViewRoute): ViewVerdict | undefined {
  const checks = [...checksOf(reader, route.path)];
  if (route.check !== undefined) return judgeCheck(checks, route.path, route.check);
  const excluded = checks.filter(({ name }) => route.exclude.includes(name));
  const { status } = reader.read(serviceOf(route.path)) ?? { status: "UNKNOWN" };
  const passed = status === "SERVING" || passesWithout(reader, checks, excluded, route.path);
  const lines = [
    ...checks.map((check) => (excluded.includes(check) ? `[+]${check.name} excluded: ok` : lineOf(check, route.path))),
    ...(route.path === "livez" ? [lineOfProcess()] : []),
    ...(reader.draining && !passed ? ["[-]shutdown failed: draining"] : []),
    ...warningOf(route.exclude, excluded),
    `${route.path} check ${passed ? "passed" : "failed"}`,
  ];
  return { passed, word: passed ? "OK" : status, lines };
}

function serviceOf(path: ViewPath): string {
  return path === "livez" ? "liveness" : path === "startupz" ? "startup" : OVERALL;
}

/** Liveness has no checks: whatever a check finds, this process is alive to say so. */
function checksOf(reader: StatusReader, path: ViewPath): Iterable<CheckReport> {
  return path === "livez" ? [] : reader.checks();
}

/** Whether the excluded checks alone are what keeps a view from passing. */
function passesWithout(
  reader: StatusReader,
  checks: readonly CheckReport[],
  excluded: readonly CheckReport[],
  path: ViewPath,
): boolean {
  if (reader.draining || !excluded.some((check) => !passes(check, path))) return false;
  return checks.every((check) => excluded.includes(check) || !check.critical || passes(check, path));
}

function judgeCheck(checks: readonly CheckReport[], path: ViewPath, name: string): ViewVerdict | undefined {
  const check = checks.find((candidate) => candidate.name === name);
  if (check === undefined) return undefined;
  const passed = passes(check, path);
  const lines = [lineOf(check, path), `${path} check ${passed ? "passed" : "failed"}`];
  return { passed, word: passed ? "OK" : check.state === "pending" ? "UNKNOWN" : "NOT_SERVING", lines };
}

function passes(check: CheckReport, path: ViewPath): boolean {
  if (path === "startupz") return check.lastResultAt !== undefined;
  return check.state === "passing" || check.state === "warning";
}

function lineOf(check: CheckReport, path: ViewPath): string {
  if (passes(check, path)) return `[+]${check.name} ok`;
  const reason = check.reason ?? check.state;
  return `[-]${check.name} failed: ${reason}${check.critical ? "" : " (not critical)"}`;
}

function lineOfProcess(): string {
  return "[+]process ok";
}

function warningOf(asked: readonly string[], excluded: readonly CheckReport[]): readonly string[] {
  const unknown = asked.filter((name) => !excluded.some((check) => check.name === name));
  if (unknown.length === 0) return [];
  // JSON's escapes, so that no control character of a stranger reaches a terminal
  const names = unknown.map((name) => JSON.stringify(name)).join(",");
  return [`warn: some health checks cannot be excluded: no matches for ${names}`];
}
