/**
 * Services and instances in the forms of Consul's HTTP API, as its clients decode them (api/health.go, api/catalog.go).
 *
 *     healthy -> passing    degraded -> warning    unhealthy, unknown, drained -> critical
 *
 * Each instance is a node of its own, so that an operation of a client on a node concerns one instance. A node has the name
 * of the check, and the id of a service on it is `SERVICE:CHECK`: unique, and the same after a restart.
 */
import type { ServiceInstance, ServiceInstances } from "../../instances/instance.js";

export type ConsulStatus = "passing" | "warning" | "critical";

/** The name that Consul gives a datacenter by default. Clients use it in labels; `?dc=` is not compared with it. */
export const DATACENTER = "dc1";

/** healthbridge keeps no index of a single node or check. A constant changes no client's data. */
const INDEXES = { CreateIndex: 1, ModifyIndex: 1 } as const;

export function statusOf({ state, drained }: ServiceInstance): ConsulStatus {
  if (drained) return "critical";
  switch (state) {
    case "healthy":
      return "passing";
    case "degraded":
      return "warning";
    case "unhealthy":
    case "unknown":
      return "critical";
    default:
      return state satisfies never;
  }
}

/** An entry of `/v1/health/service/NAME`. */
export function serviceEntry(service: string, instance: ServiceInstance): object {
  const address = addressOf(instance);
  const node = { ID: "", Node: instance.check, Address: address, Datacenter: DATACENTER };
  return {
    Node: { ...node, TaggedAddresses: {}, Meta: {}, ...INDEXES },
    Service: {
      ...{ ID: idOf(service, instance), Service: service, Tags: instance.tags, Address: address },
      ...{ TaggedAddresses: {}, Meta: instance.meta, Port: instance.port, Weights: weightsOf(instance) },
      ...{ EnableTagOverride: false, ...INDEXES },
    },
    Checks: [healthCheck(service, instance)],
  };
}

/** An entry of `/v1/catalog/service/NAME`. */
export function catalogEntry(service: string, instance: ServiceInstance): object {
  const address = addressOf(instance);
  const node = { ID: "", Node: instance.check, Address: address, Datacenter: DATACENTER };
  return {
    ...{ ...node, TaggedAddresses: {}, NodeMeta: {}, ServiceKind: "" },
    ...{ ServiceID: idOf(service, instance), ServiceName: service, ServiceTags: instance.tags },
    ...{ ServiceAddress: address, ServiceTaggedAddresses: {}, ServiceWeights: weightsOf(instance) },
    ...{ ServiceMeta: instance.meta, ServicePort: instance.port, ServiceEnableTagOverride: false, ...INDEXES },
  };
}

/** An entry of `/v1/health/checks/NAME` and `/v1/health/state/STATE`. It holds a reason code, and no text of a target. */
export function healthCheck(service: string, instance: ServiceInstance): object {
  const id = idOf(service, instance);
  return {
    ...{ Node: instance.check, CheckID: `service:${id}`, Name: `healthbridge check of ${service}` },
    ...{ Status: statusOf(instance), Notes: "", Output: outputOf(instance), ServiceID: id, ServiceName: service },
    ...{ ServiceTags: instance.tags, Type: "healthbridge", Definition: {}, ...INDEXES },
  };
}

/**
 * The instances that `?passing` selects. As in Consul, these are the passing ones. When none passes, they are those with a
 * warning: a certificate that will expire soon, and is the same on all instances, must not empty a service.
 */
export function passingOf(instances: readonly ServiceInstance[]): readonly ServiceInstance[] {
  const passing = instances.filter((instance) => statusOf(instance) === "passing");
  return passing.length > 0 ? passing : instances.filter((instance) => statusOf(instance) === "warning");
}

/** The instances with all tags. Tags are compared without regard to case, as in Consul. */
export function withTags({ instances }: ServiceInstances, tags: readonly string[]): readonly ServiceInstance[] {
  if (tags.length === 0) return instances;
  const wanted = tags.map((tag) => tag.toLowerCase());
  return instances.filter((instance) => {
    const own = new Set(instance.tags.map((tag) => tag.toLowerCase()));
    return wanted.every((tag) => own.has(tag));
  });
}

function outputOf({ drained, reason, state }: ServiceInstance): string {
  return drained ? "drained" : (reason ?? (state === "unknown" ? "pending" : ""));
}

function idOf(service: string, { check }: ServiceInstance): string {
  return `${service}:${check}`;
}

function addressOf({ address, host }: ServiceInstance): string {
  return address ?? host;
}

/** With a warning, an instance gets half of its traffic. */
function weightsOf({ weight }: ServiceInstance): object {
  return { Passing: weight, Warning: Math.max(1, Math.floor(weight / 2)) };
}
