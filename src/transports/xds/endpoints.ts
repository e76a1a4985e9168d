/**
 * The instances of a service as a ClusterLoadAssignment.
 *
 *     instance --> IP address and port --> one LbEndpoint for each address, with the worst state of its instances
 *
 * gRPC refuses the whole assignment when an address comes twice, or when the locality is absent. EDS takes IP addresses
 * only: an instance whose address is not known is left out.
 *
 * UNKNOWN would count as healthy (envoy/config/core/v3/health_check.proto), so an unknown state is TIMEOUT. gRPC uses HEALTHY
 * and UNKNOWN endpoints alone (gRFC A27): a DEGRADED endpoint would get no traffic.
 */
import { isIP } from "node:net";
import type { ServiceInstance, ServiceInstances } from "../../instances/instance.js";
import { encodeMessage } from "../../wire/message-table.js";
import { lengthDelimitedHead } from "../../wire/protobuf.js";
import { CLUSTER_LOAD_ASSIGNMENT, LB_ENDPOINT, LOCALITY_LB_ENDPOINTS } from "./messages.js";

/** The kind of the client: Envoy and gRPC know different states. */
export type ClientKind = "envoy" | "grpc";

/** Values of envoy.config.core.v3.HealthStatus. */
const HEALTH_STATUSES = { healthy: 1, degraded: 5, drained: 3, unknown: 4, unhealthy: 2 } as const;

type ToldState = keyof typeof HEALTH_STATUSES;

/** The worst last: of two instances with one address, the state of the worse one is sent. */
const RANKS: Readonly<Record<ToldState, number>> = { healthy: 0, degraded: 1, drained: 2, unknown: 3, unhealthy: 4 };

/** An instance with an IP address. */
interface AddressedInstance {
  /** Address and port. */
  readonly key: string;
  /** Its LbEndpoint as a field of the locality, but for the last field, the state. */
  readonly bytes: Buffer;
  readonly state: ToldState;
}

/** Addresses whose bytes are kept. */
const MAX_KEPT_ENDPOINTS = 20_000;

/** Field 2 of LocalityLbEndpoints. */
const LB_ENDPOINTS_FIELD = 2;

/** The fields of a LocalityLbEndpoints before its endpoints. */
const LOCALITY = encodeMessage(LOCALITY_LB_ENDPOINTS, { locality: {}, loadBalancingWeight: { value: 1 } });

/** The field `health_status` of an LbEndpoint. All have the same length. */
const HEALTH_FIELDS: Readonly<Record<ToldState, Buffer>> = {
  healthy: encodeMessage(LB_ENDPOINT, { healthStatus: HEALTH_STATUSES.healthy }),
  degraded: encodeMessage(LB_ENDPOINT, { healthStatus: HEALTH_STATUSES.degraded }),
  drained: encodeMessage(LB_ENDPOINT, { healthStatus: HEALTH_STATUSES.drained }),
  unknown: encodeMessage(LB_ENDPOINT, { healthStatus: HEALTH_STATUSES.unknown }),
  unhealthy: encodeMessage(LB_ENDPOINT, { healthStatus: HEALTH_STATUSES.unhealthy }),
};

export class AssignmentEncoder {
  /** The bytes of endpoints by address, port and weight: states change often, addresses do not. */
  readonly #kept = new Map<string, Buffer>();
  /** `undefined` for an instance without an address. An instance is another object after each change. */
  readonly #endpoints = new WeakMap<ServiceInstance, { readonly endpoint: AddressedInstance | undefined }>();

  /** The assignment of a service, and the number of its instances that have no address. */
  encode(entry: ServiceInstances, kind: ClientKind): { readonly bytes: Buffer; readonly unaddressed: number } {
    const { endpoints, unaddressed } = this.#endpointsOf(entry.instances);
    const found = endpoints.size === 0 ? [] : [this.#locality([...endpoints.values()], kind)];
    return {
      bytes: encodeMessage(CLUSTER_LOAD_ASSIGNMENT, { clusterName: entry.name, endpoints: found }),
      unaddressed,
    };
  }

  #locality(endpoints: readonly AddressedInstance[], kind: ClientKind): Buffer {
    const parts: Uint8Array[] = [LOCALITY];
    for (const endpoint of endpoints) {
      const state = endpoint.state === "degraded" && kind === "grpc" ? "healthy" : endpoint.state;
      parts.push(endpoint.bytes, HEALTH_FIELDS[state]);
    }
    return Buffer.concat(parts);
  }

  /** One endpoint for each address and port, in the order of the instances, and the number of instances without an address. */
  #endpointsOf(instances: readonly ServiceInstance[]) {
    const endpoints = new Map<string, AddressedInstance>();
    let unaddressed = 0;
    for (const instance of instances) {
      const endpoint = this.#endpointOf(instance);
      if (endpoint === undefined) unaddressed += 1;
      else {
        const before = endpoints.get(endpoint.key);
        if (before === undefined || RANKS[endpoint.state] > RANKS[before.state]) endpoints.set(endpoint.key, endpoint);
      }
    }
    return { endpoints, unaddressed };
  }

  #endpointOf(instance: ServiceInstance): AddressedInstance | undefined {
    const known = this.#endpoints.get(instance);
    if (known !== undefined) return known.endpoint;
    const { port, weight, drained, state } = instance;
    const address = addressOf(instance);
    const endpoint: AddressedInstance | undefined =
      address === undefined
        ? undefined
        : {
            key: `${address} ${port}`,
            bytes: this.#fixedPart(address, port, weight),
            // an operator's drain counts more than any state
            state: drained ? "drained" : state,
          };
    this.#endpoints.set(instance, { endpoint });
    return endpoint;
  }

  #fixedPart(address: string, port: number, weight: number): Buffer {
    const key = `${address} ${port} ${weight}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const endpoint = { address: { socketAddress: { address, portValue: port } } };
    const content = encodeMessage(LB_ENDPOINT, { endpoint, loadBalancingWeight: { value: weight } });
    const length = content.length + HEALTH_FIELDS.healthy.length;
    const bytes = Buffer.concat([lengthDelimitedHead(LB_ENDPOINTS_FIELD, length), content]);
    if (this.#kept.size >= MAX_KEPT_ENDPOINTS) this.#kept.clear();
    this.#kept.set(key, bytes);
    return bytes;
  }
}

/**
 * The IP address of an instance; `undefined` while only its name is known. Clients refuse the whole assignment for one
 * address that is not valid, or has a zone.
 */
function addressOf({ address, host }: ServiceInstance): string | undefined {
  const found = address ?? host;
  return isIP(found) === 0 || found.includes("%") ? undefined : found;
}
