/**
 * The JSON form of a status: when it is sent, and what it contains.
 *
 * Source of the form: draft-inadarei-api-health-check-06 (`application/health+json`). It holds names, states, times and
 * reason codes, and nothing that a target said. Source of the negotiation: RFC 9110, section 12.5.1. A wildcard does not
 * ask for JSON: browsers, curl and kubelet all send one.
 */
import { printable } from "../../core/printable.js";
import type { CheckReport, CheckState, DetachedState, ReportedService, ServiceStatus } from "../../registry/ports.js";
import { parseAccept } from "./accept.js";

/** The JSON media types on offer, the more specific one first. */
const JSON_TYPES = ["application/health+json", "application/json"] as const;

export type JsonType = (typeof JSON_TYPES)[number];

type JsonStatus = "pass" | "warn" | "fail";

const STATUS_OF_STATE: Readonly<Record<CheckState, JsonStatus>> = {
  passing: "pass",
  warning: "warn",
  failing: "fail",
  pending: "fail",
};

/** The JSON type that an `Accept` header prefers to text; `undefined` for text. */
export function negotiateJson(accept: string | undefined): JsonType | undefined {
  if (accept === undefined || accept === "*/*") return undefined;
  const qualities = new Map(parseAccept(accept).map(({ type, quality }) => [type, quality]));
  const text = qualities.get("text/plain") ?? 0;
  let preferred: JsonType | undefined;
  let best = 0;
  for (const type of JSON_TYPES) {
    const quality = qualities.get(type) ?? 0;
    if (quality > best && quality >= text) [preferred, best] = [type, quality];
  }
  return preferred;
}

/** The fields of a service beside its checks. */
export function jsonOfService(service: string, status: ServiceStatus): object {
  return {
    status: jsonStatusOf(status),
    serviceId: service,
    servingStatus: status.status,
    since: new Date(status.since).toISOString(),
    ...(status.reason === undefined ? {} : { output: status.reason }),
  };
}

/** A member of a fleet whose store is of no use says so. */
export function detachedFields(fleet: DetachedState | undefined): Partial<DetachedState> {
  if (fleet?.detached !== true) return {};
  return fleet.storeFault === undefined ? { detached: true } : { detached: true, storeFault: fleet.storeFault };
}

/** The texts around the checks: an object with these fields, and `checks` as the last. */
export function jsonAround(fields: object): { readonly before: string; readonly after: string } {
  return { before: `${printable(JSON.stringify(fields)).slice(0, -1)},"checks":{`, after: "}}" };
}

/** Each check under the draft's key `component:measurement`. The text is in pieces, one for each check. */
export function* jsonOfChecks(checks: Iterable<CheckReport>): IterableIterator<string> {
  let separator = "";
  for (const check of checks) {
    const measurements = [
      measurement(`${check.name}:responseTime`, jsonOfCheck(check)),
      ...(check.reported ?? []).map((service) => measurement(`${service.name}:status`, jsonOfReported(service))),
    ];
    yield printable(`${separator}${measurements.join(",")}`);
    separator = ",";
  }
}

function measurement(key: string, value: object): string {
  return `${JSON.stringify(key)}:[${JSON.stringify(value)}]`;
}

function jsonOfReported({ name, status, reason }: ReportedService): object {
  const fields = { componentId: name, status: status === "SERVING" ? "pass" : "fail", servingStatus: status };
  return reason === undefined ? fields : { ...fields, output: reason };
}

/** The status as the draft has it. */
export function jsonStatusOf({ status, degraded }: ServiceStatus): JsonStatus {
  if (status !== "SERVING") return "fail";
  return degraded ? "warn" : "pass";
}

function jsonOfCheck(check: CheckReport): object {
  const { latencyMs, lastResultAt, reason } = check;
  return {
    componentId: check.name,
    status: check.drained ? "fail" : STATUS_OF_STATE[check.state],
    state: check.state,
    ...(check.drained ? { drained: true } : {}),
    critical: check.critical,
    ...(latencyMs === undefined ? {} : { observedValue: Math.round(latencyMs * 1000) / 1000, observedUnit: "ms" }),
    ...(lastResultAt === undefined ? {} : { time: new Date(lastResultAt).toISOString() }),
    ...(reason === undefined ? {} : { output: reason }),
  };
}
