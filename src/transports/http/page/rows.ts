/**
 * The services of the overview: chosen, sorted and grouped. Pure.
 *
 *     snapshot --> rows --search, failing--> chosen --> groups, those with failures first --> sorted in each group
 */
import { OVERALL } from "../../../core/service-name.js";
import { severityOf } from "../../../core/status-words.js";
import { isGrouped, isShown, type OrderedRow, sortGroups, sortRows } from "../../../page/row-order.js";
import type { CheckReport, ServiceStatus } from "../../../registry/ports.js";
import type { Snapshot } from "../snapshot.js";
import type { PageRoute } from "./page-query.js";

/** A service of the overview. */
export interface OverviewRow extends OrderedRow {
  readonly status: ServiceStatus;
  /** The check of the same name, if there is one. */
  readonly check: CheckReport | undefined;
  /** The group that the check names, or that of a cluster of Celery: the check whose target reports this service. */
  readonly group: string | undefined;
  /** The services that the check counts for, beside its own and the server as a whole. */
  readonly services: readonly string[];
  /** The checks that count for it, such as the instances of a template; `undefined` without any. */
  readonly members: MemberCount | undefined;
}

/** How many checks count for a service, and how many of them are plainly serving. */
export interface MemberCount {
  readonly healthy: number;
  readonly all: number;
}

/** Services that are shown together. */
export interface OverviewGroup {
  /** `undefined`: services that belong to no group. */
  readonly name: string | undefined;
  /** There is no other group, also without the filter. */
  readonly isOnly: boolean;
  readonly rows: readonly OverviewRow[];
}

/** Every service of a snapshot but the server as a whole. */
export function rowsOf({ services, checks }: Snapshot): readonly OverviewRow[] {
  const clusters = clustersOf(checks.all);
  const rows = services.flatMap(([name, status]) => {
    if (name === OVERALL) return [];
    const index = checks.indexOf(name);
    const check = index === undefined ? undefined : checks.all[index];
    return {
      ...{ name, status, check, group: clusters.get(name) ?? check?.group },
      services: check?.services.filter((service) => service !== OVERALL) ?? [],
      severity: severityOf(status.status, status.degraded),
      since: status.since,
      // as it is shown: the browser sorts by what it reads
      latencyMs: check?.latencyMs && Math.round(check.latencyMs * 10) / 10,
    };
  });
  const members = membersOf(rows);
  return rows.map((row) => ({ ...row, members: members.get(row.name) }));
}

function membersOf(rows: readonly Pick<OverviewRow, "severity" | "services">[]): ReadonlyMap<string, MemberCount> {
  const counts = new Map<string, { healthy: number; all: number }>();
  for (const { severity, services } of rows)
    for (const service of services) {
      const count = counts.get(service) ?? { healthy: 0, all: 0 };
      counts.set(service, count);
      count.all += 1;
      if (severity === "SERVING") count.healthy += 1;
    }
  return counts;
}

/** The group of each reported service and of the check itself: what the check names, or its own name. */
function clustersOf(checks: readonly CheckReport[]): ReadonlyMap<string, string> {
  const clusters = new Map<string, string>();
  for (const { name, group = name, reported = [] } of checks) {
    if (reported.length === 0) continue;
    for (const service of [name, ...reported.map((each) => each.name)]) clusters.set(service, group);
  }
  return clusters;
}

/** The rows that a request asks for, in groups. A group is made of all its services, whatever the filter shows of them. */
export function groupRows(
  rows: readonly OverviewRow[],
  { search, failing, sort }: PageRoute,
): readonly OverviewGroup[] {
  const groups = isGrouped(sort) ? groupsOf(rows) : [{ name: undefined, rows }];
  const chosen = groups.flatMap(({ name, rows }) => {
    const shown = rows.filter((row) => isShown(row, { search, failing }));
    return shown.length === 0 ? [] : [{ name, isOnly: groups.length === 1, rows: sortRows(shown, sort) }];
  });
  return sortGroups(chosen, sort);
}

/**
 * Groups by the group that a row has, then by the longest prefix of the name that at least two services share:
 *
 *     acme.orders.v1.Orders, acme.orders.v1.Refunds   --> acme.orders.v1
 *     acme.payments.v1.Payments, acme.users.v1.Users  --> acme
 *     shop/web, shop/db                               --> shop
 *     redis                                           --> no group
 */
function groupsOf(rows: readonly OverviewRow[]): readonly Pick<OverviewGroup, "name" | "rows">[] {
  const groups = new Map<string, OverviewRow[]>();
  let rest = rows.filter((row) => row.group === undefined || !add(groups, row.group, row));
  const prefixes = new Map(rest.map((row) => [row, prefixesOf(row.name)]));
  const depth = Math.max(0, ...[...prefixes.values()].map(({ length }) => length));
  for (let at = depth - 1; at >= 0; at -= 1) {
    const counts = new Map<string, number>();
    const prefixOf = (row: OverviewRow) => prefixes.get(row)?.[at];
    for (const row of rest) {
      const prefix = prefixOf(row);
      if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
    rest = rest.filter((row) => {
      const prefix = prefixOf(row);
      return prefix === undefined || (counts.get(prefix) ?? 0) < 2 || !add(groups, prefix, row);
    });
  }
  const named = [...groups].map(([name, rows]) => ({ name, rows }));
  named.sort((one, other) => (one.name < other.name ? -1 : 1));
  return rest.length === 0 ? named : [...named, { name: undefined, rows: rest }];
}

function add(groups: Map<string, OverviewRow[]>, name: string, row: OverviewRow): true {
  const group = groups.get(name);
  if (group === undefined) groups.set(name, [row]);
  else group.push(row);
  return true;
}

/** The prefixes of a name, the shortest first: before its first slash, or before each dot. */
function prefixesOf(name: string): readonly string[] {
  const slash = name.indexOf("/");
  if (slash > 0) return [name.slice(0, slash)];
  const parts = name.split(".");
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join("."));
}
