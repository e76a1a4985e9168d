/**
 * The instances of a service as a ClusterLoadAssignment.
 *
 *     instance --> IP address and port --> one LbEndpoint for each address, with the worst state of its instances
 *
 * gRPC refuses the whole assignment when an address comes twice, or when the locality is absent. EDS takes IP addresses
 * only: an instance whose address is not known is left out.
 *
 * UNKNOWN would count as healthy (envoy/config/core/v3/health_check.proto), so an unknown state is TIMEOUT. gRPC uses HEALTHY
 * and UNKNOWN endpoints alone (gRFC A27): there, DEGRADED would be as good as dead.
 */
import { isIP } from "node:net";
import type { ServiceInstance, ServiceInstances } from "../../instances/instance.js";
import { encodeMessage } from "../../wire/message-table.js";
import { lengthDelimitedHead } from "../../wire/protobuf.js";
import { CLUSTER_LOAD_ASSIGNMENT, LB_ENDPOINT, LOCALITY_LB_ENDPOINTS } from "./messages.js";

/** Who reads an assignment: the two know different states. */
export type ClientKind = "envoy" | "grpc";

/** Values of envoy.config.core.v3.HealthStatus, the worst last: of two instances with one address, the later one is told. */
const HEALTH_STATUSES = [
  ["healthy", 1],
  ["degraded", 5],
  ["drained", 3],
  ["unknown", 4],
  ["unhealthy", 2],
] as const;

/** An address with the index of its state in `HEALTH_STATUSES`. */
interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly rank: number;
}

/** Addresses whose bytes are kept. */
const MAX_KEPT_ENDPOINTS = 20_000;

/** Field 2 of LocalityLbEndpoints. */
const LB_ENDPOINTS_FIELD = 2;

export class AssignmentEncoder {
  /** The bytes of an LbEndpoint without its state: states change often, addresses do not. */
  readonly #kept = new Map<string, Buffer>();

  /** The assignment of a service, and the number of its instances that have no address. */
  encode(entry: ServiceInstances, kind: ClientKind): { readonly bytes: Buffer; readonly unaddressed: number } {
    const endpoints = endpointsOf(entry.instances);
    const found = endpoints.size === 0 ? [] : [this.#locality([...endpoints.values()], kind)];
    const bytes = encodeMessage(CLUSTER_LOAD_ASSIGNMENT, { clusterName: entry.name, endpoints: found });
    return { bytes, unaddressed: entry.instances.filter((instance) => addressOf(instance) === undefined).length };
  }

  #locality(endpoints: readonly Endpoint[], kind: ClientKind): Buffer {
    const parts = endpoints.flatMap((endpoint) => {
      const [state, number] = HEALTH_STATUSES[endpoint.rank] ?? ["unknown", 4];
      const fixed = this.#fixedPart(endpoint);
      const status = state === "degraded" && kind === "grpc" ? 1 : number;
      const healthStatus = encodeMessage({ healthStatus: LB_ENDPOINT.healthStatus }, { healthStatus: status });
      return [lengthDelimitedHead(LB_ENDPOINTS_FIELD, fixed.length + healthStatus.length), fixed, healthStatus];
    });
    const rest = encodeMessage(LOCALITY_LB_ENDPOINTS, { locality: {}, loadBalancingWeight: { value: 1 } });
    return Buffer.concat([rest, ...parts]);
  }

  #fixedPart({ address, port, weight }: Endpoint): Buffer {
    const key = `${address} ${port} ${weight}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const endpoint = { address: { socketAddress: { address, portValue: port } } };
    const bytes = encodeMessage(LB_ENDPOINT, { endpoint, loadBalancingWeight: { value: weight } });
    if (this.#kept.size >= MAX_KEPT_ENDPOINTS) this.#kept.clear();
    this.#kept.set(key, bytes);
    return bytes;
  }
}

/**
 * Where an instance is reached; `undefined` while that is a name only. Readers refuse the whole assignment for one address that
 * is none, or has a zone.
 */
function addressOf({ address, host }: ServiceInstance): string | undefined {
  const found = address ?? host;
  return isIP(found) === 0 || found.includes("%") ? undefined : found;
}

/** One endpoint for each address and port, in the order of the instances. */
function endpointsOf(instances: readonly ServiceInstance[]): ReadonlyMap<string, Endpoint> {
  const found = new Map<string, Endpoint>();
  for (const instance of instances) {
    const address = addressOf(instance);
    if (address === undefined) continue;
    const { port, weight } = instance;
    const key = `${address} ${port}`;
    const before = found.get(key);
    const rank = Math.max(rankOf(instance), before?.rank ?? 0);
    found.set(key, { address, port, weight: Math.max(weight, before?.weight ?? 0), rank });
  }
  return found;
}

function rankOf({ drained, state }: ServiceInstance): number {
  // an operator's drain is told before any state
  const word = drained ? "drained" : state;
  return HEALTH_STATUSES.findIndex(([name]) => name === word);
}
