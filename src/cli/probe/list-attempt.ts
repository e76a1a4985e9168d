/** `-list`: all services and their statuses, as a table on stdout or with `-json` as objects. */
import { printable } from "../../core/printable.js";
import { statusName } from "../../wire/health-messages.js";
import { type AttemptDeps, openCalls } from "./probe-attempt.js";
import { EXIT, SERVING, type ServiceOutcome } from "./probe-outcome.js";
import { type ProbeReport, reportOf } from "./probe-report.js";
import type { ProbeSettings } from "./probe-settings.js";

export async function attemptList(deps: AttemptDeps): Promise<ProbeReport> {
  const { settings } = deps;
  const ready = await openCalls(deps);
  if ("failure" in ready) return failureReport(ready.failure, settings);
  try {
    const answer = await ready.calls.list();
    return "failure" in answer ? failureReport(answer.failure, settings) : listReport(answer.statuses, settings);
  } finally {
    ready.connection.close();
  }
}

function failureReport(outcome: ServiceOutcome, settings: ProbeSettings): ProbeReport {
  const report = reportOf([{ service: "", outcome }], settings);
  const isWithoutList = outcome.kind === "failed" && outcome.code === "UNIMPLEMENTED" && !settings.isJson;
  if (!isWithoutList) return report;
  return {
    ...report,
    errors: ["error: this server has no grpc.health.v1.Health/List; ask for each service with -service"],
  };
}

function listReport(statuses: ReadonlyMap<string, number>, settings: ProbeSettings): ProbeReport {
  if (statuses.size === 0) return reportOf([{ service: "", outcome: { kind: "empty" } }], settings);
  const rows = [...statuses].sort(([one], [other]) => (one < other ? -1 : 1));
  if (settings.isJson)
    return reportOf(
      rows.map(([service, number]) => ({ service, outcome: { kind: "status", number } })),
      settings,
    );
  const names = rows.map(([, number]) => statusName(number));
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = rows.map(
    ([service], index) => `${names[index]?.padEnd(width)}  ${service === "" ? '""' : printable(service)}`,
  );
  const others = rows.filter(([, number]) => number !== SERVING).length;
  if (others === 0) return { exitCode: EXIT.serving, lines, errors: ["status: SERVING"] };
  const text = `service unhealthy (${others} of ${rows.length} services are not SERVING)`;
  return { exitCode: EXIT.unhealthy, lines, errors: [text] };
}
