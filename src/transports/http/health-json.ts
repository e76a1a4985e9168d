/**
 * The JSON form of a status. Source: draft-inadarei-api-health-check-06 (`application/health+json`).
 *
 * It holds names, states, times and reason codes: nothing that a target said, no host and no version.
 */
import type { CheckReport, CheckState, ServiceStatus } from "../../registry/ports.js";

type JsonStatus = "pass" | "warn" | "fail";

const STATUS_OF_STATE: Readonly<Record<CheckState, JsonStatus>> = {
  passing: "pass",
  warning: "warn",
  failing: "fail",
  pending: "fail",
};

/** A service with the checks that count for it. */
export function serviceJson(service: string, status: ServiceStatus, checks: Iterable<CheckReport>): object {
  return {
    status: statusOf(status),
    serviceId: service,
    servingStatus: status.status,
    since: new Date(status.since).toISOString(),
    ...(status.reason === undefined ? {} : { output: status.reason }),
    checks: checksJson(checks),
  };
}

/** A view. */
export function viewJson(view: string, passed: boolean, checks: Iterable<CheckReport>): object {
  return { status: passed ? "pass" : "fail", serviceId: view, checks: checksJson(checks) };
}

function statusOf({ status, degraded }: ServiceStatus): JsonStatus {
  if (status !== "SERVING") return "fail";
  return degraded ? "warn" : "pass";
}

/** Each check under the draft's key `component:measurement`. */
function checksJson(checks: Iterable<CheckReport>): object {
  const entries = [...checks].map((check) => [`${check.name}:responseTime`, [checkJson(check)]] as const);
  // a check may be called `__proto__`: fromEntries makes that a key like any other
  return Object.fromEntries(entries);
}

function checkJson(check: CheckReport): object {
  const { latencyMs, lastResultAt, reason } = check;
  return {
    componentId: check.name,
    status: STATUS_OF_STATE[check.state],
    state: check.state,
    critical: check.critical,
    ...(latencyMs === undefined ? {} : { observedValue: Math.round(latencyMs * 1000) / 1000, observedUnit: "ms" }),
    ...(lastResultAt === undefined ? {} : { time: new Date(lastResultAt).toISOString() }),
    ...(reason === undefined ? {} : { output: reason }),
  };
}
