/**
 * The resources of the services of a catalog, each encoded once for all streams.
 *
 *     service `orders` --+--> Listener `orders`: an ApiListener with one route to the cluster        lds
 *                        +--> RouteConfiguration `orders`: the same route                            rds
 *                        +--> Cluster `orders`: its endpoints come over ADS                          cds
 *                        '--> ClusterLoadAssignment `orders`: for Envoy, and for gRPC                eds
 *
 * A resource has a version, which differs when its bytes differ. A catalog may have another entry with the same bytes, such as
 * after the end of an isolation: that is no other version, and is sent to no stream again.
 */
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { ServiceInstances } from "../../instances/instance.js";
import { encodeMessage } from "../../wire/message-table.js";
import { AssignmentLayout, type ClientKind } from "./endpoints.js";
import {
  ANY,
  CLUSTER,
  CLUSTER_LOAD_ASSIGNMENT,
  DISCOVERY_RESPONSE,
  HTTP_CONNECTION_MANAGER,
  HTTP_CONNECTION_MANAGER_URL,
  LISTENER,
  ROUTE_CONFIGURATION,
  ROUTER_URL,
  TYPE_URLS,
} from "./messages.js";

export type ResourceType = keyof typeof TYPE_URLS;

/** A resource as a response has it. */
export interface Resource {
  /** Above 0. */
  readonly version: number;
  /** With the tag of the field `resources` of DiscoveryResponse. */
  readonly bytes: Buffer;
}

/** `absent`: there is no such service. `held`: healthbridge does not know enough of it; nothing may be sent. */
export type ResourceLookup = Resource | "absent" | "held";

interface Assignment extends Resource {
  readonly entry: ServiceInstances;
}

/** Values of the enums in cluster.proto and config_source.proto. */
const TYPE_EDS = 3;
const API_V3 = 2;

export class ResourceCache {
  readonly #catalog: InstanceCatalog;
  readonly #layouts = new Map<string, AssignmentLayout>();
  /** The newest assignment of each service. */
  readonly #assignments: Readonly<Record<ClientKind, Map<string, Assignment>>> = { envoy: new Map(), grpc: new Map() };
  readonly #others: Readonly<Record<Exclude<ResourceType, "eds">, Map<string, Resource>>> = {
    cds: new Map(),
    lds: new Map(),
    rds: new Map(),
  };
  #versions = 1;

  constructor(catalog: InstanceCatalog) {
    this.#catalog = catalog;
  }

  /** Instances that are in no assignment, because their IP addresses are not known. */
  get unaddressed(): number {
    let sum = 0;
    for (const [name, { unaddressed }] of this.#layouts)
      if (this.#catalog.service(name) !== undefined) sum += unaddressed;
    return sum;
  }

  /** The resource of a service as it is now. */
  get(type: ResourceType, name: string, kind: ClientKind): ResourceLookup {
    const entry = this.#catalog.service(name);
    if (entry === undefined) return "absent";
    if (type !== "eds") return this.#other(type, name);
    return entry.known ? this.#assignment(entry, kind) : "held";
  }

  /** The assignment of a service that is not in the configuration any more: without endpoints. */
  empty(name: string): Resource {
    const bytes = encodeMessage(CLUSTER_LOAD_ASSIGNMENT, { clusterName: name });
    return { version: 1, bytes: resourceField("eds", bytes) };
  }

  /** Forgets the services of which `changed` has names and the catalog has none. */
  prune(changed: ReadonlySet<string>): void {
    const maps = [this.#layouts, ...Object.values(this.#assignments), ...Object.values(this.#others)];
    for (const name of changed) if (this.#catalog.service(name) === undefined) for (const map of maps) map.delete(name);
  }

  #assignment(entry: ServiceInstances, kind: ClientKind): Assignment {
    const assignments = this.#assignments[kind];
    const before = assignments.get(entry.name);
    if (before?.entry === entry) return before;
    const bytes = this.#layoutOf(entry).fill(entry.instances, kind);
    const isSame = before?.bytes.equals(bytes) ?? false;
    if (!isSame) this.#versions += 1;
    const { version, bytes: kept } = isSame && before ? before : { version: this.#versions, bytes };
    const assignment = { entry, version, bytes: kept };
    assignments.set(entry.name, assignment);
    return assignment;
  }

  #layoutOf({ name, facts }: ServiceInstances): AssignmentLayout {
    const before = this.#layouts.get(name);
    if (before?.facts === facts) return before;
    const layout = new AssignmentLayout(name, facts, (assignment) => resourceField("eds", assignment));
    this.#layouts.set(name, layout);
    return layout;
  }

  #other(type: Exclude<ResourceType, "eds">, name: string): Resource {
    const known = this.#others[type].get(name);
    if (known !== undefined) return known;
    const resource = { version: 1, bytes: resourceField(type, ENCODERS[type](name)) };
    this.#others[type].set(name, resource);
    return resource;
  }
}

const ENCODERS = {
  cds: (name: string) =>
    encodeMessage(CLUSTER, {
      name,
      type: TYPE_EDS,
      edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: API_V3 } },
    }),
  lds: (name: string) => {
    const manager = encodeMessage(HTTP_CONNECTION_MANAGER, {
      statPrefix: name,
      routeConfig: routeConfigurationOf(name),
      httpFilters: [{ name: "router", typedConfig: { typeUrl: ROUTER_URL, value: Buffer.alloc(0) } }],
    });
    return encodeMessage(LISTENER, {
      name,
      apiListener: { apiListener: { typeUrl: HTTP_CONNECTION_MANAGER_URL, value: manager } },
    });
  },
  rds: (name: string) => encodeMessage(ROUTE_CONFIGURATION, routeConfigurationOf(name)),
} as const;

function routeConfigurationOf(name: string) {
  const routes = [{ match: { prefix: "" }, route: { cluster: name } }];
  return { name, virtualHosts: [{ name, domains: ["*"], routes }] };
}

function resourceField(type: ResourceType, value: Uint8Array): Buffer {
  const any = encodeMessage(ANY, { typeUrl: TYPE_URLS[type], value });
  return encodeMessage({ resources: DISCOVERY_RESPONSE.resources }, { resources: [any] });
}
