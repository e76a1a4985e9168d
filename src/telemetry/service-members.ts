/**
 * Which check or service is a member of which service, from the reports of the checks alone.
 *
 *     check a counts for [ orders, shop ]     orders > a, b    shop > a, b, c
 *     check b counts for [ orders, shop ]
 *     check c counts for [ shop ]             each check of `orders` counts for `shop` as well: shop > orders
 *
 * A report lists every service that the check counts for, members before the services that are made of them. So of two
 * services with the same checks, the later one has the earlier one as a member. A service that the target of a check
 * reports is a member of the check.
 */

/** The part of a check's report that is needed. */
export interface Membership {
  readonly name: string;
  readonly services: readonly string[];
  readonly reported?: readonly { readonly name: string }[] | undefined;
}

/** Pairs of a service and a member of it. The server as a whole is not listed. */
export function* serviceMembers(
  checks: readonly Membership[],
): IterableIterator<readonly [service: string, member: string]> {
  for (const { name, services, reported = [] } of checks) {
    for (const service of services) yield [service, name];
    for (const { name: member } of reported) yield [name, member];
  }
  const containers = commonServices(checks);
  for (const [member, services] of containers)
    for (const service of services) if (contains(containers, service, member)) yield [service, member];
}

/** For each service, the services that all of its checks count for, in the order of its first check. */
function commonServices(checks: readonly Membership[]): ReadonlyMap<string, readonly string[]> {
  const common = new Map<string, readonly string[]>();
  const seen = new Set<string>();
  for (const { services } of checks) {
    const key = services.join("\n");
    if (services.length === 0 || seen.has(key)) continue; // most checks count for the same services as another one
    seen.add(key);
    const known = new Set(services);
    for (const service of services)
      common.set(service, common.get(service)?.filter((other) => known.has(other)) ?? services);
  }
  return common;
}

/** Whether `service`, which every check of `member` counts for, contains `member`. */
function contains(containers: ReadonlyMap<string, readonly string[]>, service: string, member: string): boolean {
  if (service === member) return false;
  if (containers.get(service)?.includes(member) !== true) return true;
  const order = containers.get(member) ?? [];
  return order.indexOf(service) > order.indexOf(member);
}
