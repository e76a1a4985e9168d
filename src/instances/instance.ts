/**
 * An instance: a check with a network target, as discovery clients see it. And a service with its instances.
 */
import type { CheckReport } from "../registry/ports.js";

/** The part of an instance that comes from the configuration and its sources. */
export interface InstanceFacts {
  /** The name of its check. It identifies the instance. */
  readonly check: string;
  /** The services that it is an instance of. */
  readonly services: readonly string[];
  /** Where traffic goes: a host name or an IP address without brackets, and a port. */
  readonly host: string;
  readonly port: number;
  /** An IP address of `host`, where that is a name and the address is known. */
  readonly address?: string | undefined;
  readonly tags: readonly string[];
  /** Further names and values, such as the labels of a file. */
  readonly meta: Readonly<Record<string, string>>;
  /** Its share of the traffic, compared with other instances: from 1 to 65,535. */
  readonly weight: number;
}

/**
 * The state of an instance. `unknown`: its check has no result, or only one that is too old. It must not get traffic, but it
 * is not a failure.
 */
export type InstanceState = "healthy" | "degraded" | "unhealthy" | "unknown";

const STATES: Readonly<Record<CheckReport["state"], InstanceState>> = {
  passing: "healthy",
  warning: "degraded",
  failing: "unhealthy",
  pending: "unknown",
};

/** The state that the report of a check means. `undefined`: the check has not reported. */
export function stateOf(report: Pick<CheckReport, "state"> | undefined): InstanceState {
  return STATES[report?.state ?? "pending"];
}

/** Whether an instance in this state gets traffic, unless it is drained. */
export function isUsable(state: InstanceState): boolean {
  return state === "healthy" || state === "degraded";
}

/** An instance of a service. */
export interface ServiceInstance extends InstanceFacts {
  readonly state: InstanceState;
  /** An operator has drained it, or its service: it gets no new traffic, in whatever state it is. */
  readonly drained: boolean;
  readonly reason: string | undefined;
  /** Wall time of the last change of its check's state. */
  readonly since: number;
}

/** A service with its instances. Another object after each change. */
export interface ServiceInstances {
  readonly name: string;
  /** Sorted by the names of their checks. */
  readonly instances: readonly ServiceInstance[];
  /** The facts of the instances, in the same order. The same list while only states change. */
  readonly facts: readonly InstanceFacts[];
  /** The index of the catalog at the last change of this entry. */
  readonly index: number;
  /** False: healthbridge does not know enough; the entry must not be sent. */
  readonly known: boolean;
}

/** All instances of a configuration. */
export interface InstanceTable {
  readonly instances: readonly InstanceFacts[];
  /** Every service that has instances or may have some. */
  readonly services: readonly string[];
  /** Services with a source that has not answered yet. */
  readonly awaited: ReadonlySet<string>;
}

/** The tags of all instances of a service, each once, sorted. */
export function tagsOf({ instances }: ServiceInstances): readonly string[] {
  return [...new Set(instances.flatMap(({ tags }) => tags))].sort();
}

/** Whether a discovery client sees no difference. */
export function isSameFacts(one: InstanceFacts, other: InstanceFacts): boolean {
  const isSamePlace = one.check === other.check && one.host === other.host && one.port === other.port;
  const isSameRest = one.address === other.address && one.weight === other.weight;
  return isSamePlace && isSameRest && isSameText(one.tags, other.tags) && isSameText(entriesOf(one), entriesOf(other));
}

function entriesOf({ meta }: InstanceFacts): readonly string[] {
  return Object.entries(meta).flat();
}

export function isSameText(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at]);
}

/** The position of a check in a list that is sorted by the names of the checks. */
export function positionOf(check: string, sorted: readonly InstanceFacts[]): number | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.check ?? "") < check) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.check === check ? low : undefined;
}

/** The instances of each service, sorted by the names of their checks. */
export function membersOf(
  instances: readonly InstanceFacts[],
  services: readonly string[],
): ReadonlyMap<string, readonly InstanceFacts[]> {
  const members = new Map<string, InstanceFacts[]>(services.map((name) => [name, []]));
  const sorted = [...instances].sort((one, other) => (one.check < other.check ? -1 : 1));
  for (const facts of sorted) for (const service of facts.services) members.get(service)?.push(facts);
  return members;
}
