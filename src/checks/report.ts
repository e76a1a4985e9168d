/** The report of a check: what its settings say, and what was found. */
import { isDeepStrictEqual } from "node:util";
import type { CheckReport } from "../registry/ports.js";
import type { ConfiguredCheck } from "./checks-plan.js";
import type { CompleteSettings } from "./settings.js";

/** The part of a report that probes change. */
export type Finding = Pick<CheckReport, "state" | "held" | "reason" | "latencyMs" | "lastResultAt" | "reported">;

export const NO_RESULT: Omit<Finding, "state" | "reason"> = {
  held: false,
  latencyMs: undefined,
  lastResultAt: undefined,
  reported: undefined,
};

/** @param since wall time of the last change of its state */
export function reportOf({ declaration, settings }: ConfiguredCheck, finding: Finding, since: number): CheckReport {
  const { name, source } = declaration;
  const { critical, startup, services, group } = settings;
  const { state, held, reason, latencyMs, lastResultAt, reported } = finding;
  const counted = source.kind !== "heartbeat" || state !== "pending" || lastResultAt !== undefined;
  // every field by its name: copies of objects would cost more than all else that is done here for a probe
  const results = { reason, held, latencyMs, lastResultAt, since };
  return { name, state, critical, counted, startup, ...results, services, group, reported };
}

/** Whether other settings of a check make no other report. */
export function isSameReport(report: CheckReport, { critical, startup, services, group }: CompleteSettings): boolean {
  const isSame = report.critical === critical && report.startup === startup && report.group === group;
  return isSame && isDeepStrictEqual(report.services, services);
}
