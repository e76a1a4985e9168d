/**
 * The two forms of healthbridge's own: JSON for scripts, and the target groups that Prometheus' `http_sd` reads.
 *
 *     /v1/instances, /v1/instances/SERVICE      all that is known of each instance
 *     /prometheus/sd, /prometheus/sd/SERVICE    one target group for each instance, with `__meta_healthbridge_*` labels
 *
 * Both list all instances, also those that fail: Prometheus drops a target that is not listed, and its metrics with it.
 */
import { formatHostPort } from "../../core/host-port.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { ServiceInstance, ServiceInstances } from "../../instances/instance.js";
import { catalogView, type ListView, type RenderService, serviceView } from "./view.js";

/** The view of a path below `/v1/instances` or `/prometheus/sd`; `service` undefined: of all services. */
export function instancesView(catalog: InstanceCatalog, service: string | undefined): ListView {
  return viewOf(catalog, { key: "instances", service, render: renderInstances });
}

export function prometheusView(catalog: InstanceCatalog, service: string | undefined): ListView {
  return viewOf(catalog, { key: "prometheus", service, render: renderGroups });
}

function viewOf(
  catalog: InstanceCatalog,
  { service, ...list }: { readonly key: string; readonly service: string | undefined; readonly render: RenderService },
): ListView {
  return service === undefined ? catalogView(catalog, list) : serviceView(catalog, { ...list, service });
}

function* renderInstances({ name, index, instances }: ServiceInstances): Generator<string> {
  for (const instance of instances) {
    const { check, host, address, port, state, drained, reason, since, tags, meta, weight } = instance;
    const location = { service: name, check, address: address ?? host, host, port };
    const health = { state, drained, reason, since: since === 0 ? undefined : new Date(since).toISOString() };
    yield JSON.stringify({ ...location, ...health, tags, meta, weight, index });
  }
}

function* renderGroups({ name, instances }: ServiceInstances): Generator<string> {
  for (const instance of instances) {
    yield JSON.stringify({ targets: [formatHostPort(instance.host, instance.port)], labels: labelsOf(name, instance) });
  }
}

/** Labels of `__meta_` are dropped after relabelling, so each target keeps its series when its state changes. */
function labelsOf(service: string, instance: ServiceInstance): Readonly<Record<string, string>> {
  const { check, state, drained, address, tags, meta, weight } = instance;
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(meta)) labels[`${PREFIX}meta_${labelName(name)}`] = value;
  return {
    ...labels,
    [`${PREFIX}service`]: service,
    [`${PREFIX}check`]: check,
    [`${PREFIX}state`]: state,
    [`${PREFIX}drained`]: String(drained),
    [`${PREFIX}weight`]: String(weight),
    // separators at both ends, as in Prometheus' other forms: a regular expression matches a tag at any position
    [`${PREFIX}tags`]: tags.length === 0 ? "" : `,${tags.join(",")},`,
    ...(address === undefined ? {} : { [`${PREFIX}address`]: address }),
  };
}

const PREFIX = "__meta_healthbridge_";

/** As Prometheus does with the names of other systems. */
function labelName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, "_");
}
