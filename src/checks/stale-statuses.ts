/**
 * What a reader must see when results have become stale, and the thread that runs the checks is blocked: pure.
 *
 *     reports, declared services, stale ages --> the same graph and policies as ever --> reports and statuses in place of
 *                                                                                        the published ones
 *
 * It is computed when an age ends, which is rare. So nothing is prepared for it.
 */
import type { CheckReport, ServiceStatus } from "../registry/ports.js";
import type { AgeOwner } from "./freshness.js";
import { type ServiceDeclaration, ServiceGraph } from "./service-graph.js";

/** The statuses that the main thread published last. */
export interface PublishedStatuses {
  readonly reports: ReadonlyMap<string, CheckReport>;
  /** Each service stands after the services that are its members. */
  readonly declared: readonly ServiceDeclaration[];
  readonly drained: ReadonlySet<string>;
}

/** What replaces the published statuses of stale results, and of services that depend on them. */
export interface StaleStatuses {
  readonly reports: ReadonlyMap<string, CheckReport>;
  readonly services: ReadonlyMap<string, ServiceStatus>;
}

/** @param at wall time of the change */
export function staleStatuses(published: PublishedStatuses, stale: Iterable<AgeOwner>, at: number): StaleStatuses {
  const changed = new Map<string, CheckReport>();
  const services = new Map<string, ServiceStatus>();
  for (const { check, of } of stale) {
    const report = changed.get(check) ?? published.reports.get(check);
    if (report === undefined) continue;
    if (of === "reported") {
      const reported = (report.reported ?? []).map(
        ({ name }) => ({ name, status: "UNKNOWN", reason: "stale" }) as const,
      );
      for (const { name } of reported) services.set(name, unknownSince(at));
      changed.set(check, { ...report, reported });
    } else if (report.state !== "pending") {
      // without a result of the present target, its state was an assumption
      const reason = report.lastResultAt === undefined ? "pending" : "stale";
      changed.set(check, { ...report, state: "pending", held: false, reason, since: at });
    }
  }
  const reports = new Map([...published.reports, ...changed]);
  const graph = graphOf({ ...published, reports });
  const affected = new Set([...changed.values()].flatMap((report) => graph.affectedBy(report)));
  for (const service of graph.inOrder(affected)) {
    const rolled = graph.evaluate(service);
    if (rolled === undefined) continue;
    const { status, degraded, reason } = rolled;
    services.set(service, { status, degraded, reason, since: at });
  }
  return { reports: changed, services };
}

function graphOf({ reports, declared, drained }: PublishedStatuses): ServiceGraph {
  const graph = new ServiceGraph(reports);
  for (const report of reports.values()) graph.add(report);
  graph.declare(declared);
  for (const service of drained) graph.setDrained(service, true);
  return graph;
}

function unknownSince(since: number): ServiceStatus {
  return { status: "UNKNOWN", degraded: false, reason: "stale", since };
}
