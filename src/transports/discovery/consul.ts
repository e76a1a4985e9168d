/**
 * The read side of Consul's HTTP API, as far as service discovery needs it.
 *
 *     /v1/health/service/NAME    Prometheus, consul-template, APISIX, the Go client's watches
 *     /v1/health/checks/NAME     Traefik
 *     /v1/health/state/STATE     Traefik, Fabio, APISIX
 *     /v1/catalog/services       all of them
 *     /v1/catalog/service/NAME   Traefik, Fabio
 *     /v1/catalog/datacenters, /v1/agent/self, /v1/status/leader, /v1/status/peers      constants
 *
 * `/v1/catalog/service/NAME` and `/v1/health/service/NAME` have the same instances in the same order: Traefik has put them
 * side by side (https://github.com/traefik/traefik/issues/7558).
 */
import type { InstanceCatalog } from "../../instances/catalog.js";
import { tagsOf } from "../../instances/instance.js";
import { catalogEntry, DATACENTER, healthCheck, passingOf, serviceEntry, statusOf, withTags } from "./consul-json.js";
import type { ListQuery } from "./query.js";
import { catalogView, type ListView, serviceView } from "./view.js";

/** What a path of the API asks for. */
export type ConsulRoute =
  | { readonly kind: "view"; view(query: ListQuery): ListView }
  | { readonly kind: "constant"; readonly value: object | string }
  | { readonly kind: "fault"; readonly text: string };

/** An address of a server of Consul. Clients only check that there is one. */
const LEADER = "127.0.0.1:8300";

const STATES: readonly string[] = ["any", "passing", "warning", "critical"];

/** The route of a decoded path; `undefined` for one that healthbridge does not have. */
export function findConsulRoute(path: string, catalog: InstanceCatalog, version: string): ConsulRoute | undefined {
  const [, prefix = path, rest = ""] = /^(\/v1\/(?:health|catalog)\/(?:service|checks|state)\/)(.*)$/s.exec(path) ?? [];
  switch (prefix) {
    case "/v1/health/service/":
      return named(rest, (service) => ({ kind: "view", view: (query) => healthView(catalog, service, query) }));
    case "/v1/catalog/service/":
      return named(rest, (service) => ({ kind: "view", view: (query) => nodesView(catalog, service, query) }));
    case "/v1/health/checks/":
      return named(rest, (service) => ({ kind: "view", view: () => checksView(catalog, service) }));
    case "/v1/health/state/":
      if (!STATES.includes(rest)) return { kind: "fault", text: `Unknown check state: use ${STATES.join(", ")}` };
      return { kind: "view", view: () => stateView(catalog, rest) };
    case "/v1/catalog/services":
      return { kind: "view", view: () => namesView(catalog) };
    case "/v1/catalog/datacenters":
      return { kind: "constant", value: [DATACENTER] };
    case "/v1/agent/self":
      return { kind: "constant", value: selfOf(version) };
    case "/v1/status/leader":
      return { kind: "constant", value: LEADER };
    case "/v1/status/peers":
      return { kind: "constant", value: [LEADER] };
    default:
      return undefined;
  }
}

function named(service: string, route: (service: string) => ConsulRoute): ConsulRoute {
  return service === "" ? { kind: "fault", text: "Missing service name" } : route(service);
}

function healthView(catalog: InstanceCatalog, service: string, { passing, tags }: ListQuery): ListView {
  return serviceView(catalog, {
    key: JSON.stringify(["health/service", passing, tags]),
    service,
    render: function* (entry) {
      const instances = withTags(entry, tags);
      for (const instance of passing ? passingOf(instances) : instances)
        yield JSON.stringify(serviceEntry(service, instance));
    },
  });
}

function nodesView(catalog: InstanceCatalog, service: string, { tags }: ListQuery): ListView {
  return serviceView(catalog, {
    key: JSON.stringify(["catalog/service", tags]),
    service,
    render: function* (entry) {
      for (const instance of withTags(entry, tags)) yield JSON.stringify(catalogEntry(service, instance));
    },
  });
}

function checksView(catalog: InstanceCatalog, service: string): ListView {
  return serviceView(catalog, {
    key: "health/checks",
    service,
    render: function* ({ instances }) {
      for (const instance of instances) yield JSON.stringify(healthCheck(service, instance));
    },
  });
}

function stateView(catalog: InstanceCatalog, state: string): ListView {
  return catalogView(catalog, {
    key: `health/state/${state}`,
    render: function* ({ name, instances }) {
      for (const instance of instances)
        if (state === "any" || statusOf(instance) === state) yield JSON.stringify(healthCheck(name, instance));
    },
  });
}

/**
 * The names of all services with their tags. Both are facts of the configuration, so they are sent also while states are
 * unknown, but not before each source has answered. Its index moves with them alone: a status wakes no client.
 */
function namesView(catalog: InstanceCatalog): ListView {
  return {
    key: "catalog/services",
    service: undefined,
    get index() {
      return catalog.namesIndex;
    },
    get isKnown() {
      return !catalog.isAwaiting;
    },
    content: () => {
      const services = [...catalog.services()];
      const pieces = services.map((each) => `${JSON.stringify(each.name)}:${JSON.stringify(tagsOf(each))}`);
      return { before: "{", pieces, after: "}\n", size: services.length };
    },
  };
}

function selfOf(version: string): object {
  const NodeName = "healthbridge";
  return {
    Config: {
      Datacenter: DATACENTER,
      PrimaryDatacenter: DATACENTER,
      NodeName,
      NodeID: "",
      Server: true,
      Version: version,
    },
    DebugConfig: {},
    Coord: {},
    Member: { Name: NodeName, Addr: "127.0.0.1", Port: 8301, Tags: { dc: DATACENTER }, Status: 1 },
    Stats: {},
    Meta: {},
  };
}
