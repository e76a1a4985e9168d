/**
 * The instances of a service as a ClusterLoadAssignment.
 *
 *     addresses, ports, weights --once--> bytes:    | name | locality | endpoint state | endpoint state | ...
 *     states ----------each change------> a copy of the bytes, with one byte for each state ------^
 *
 * gRPC refuses the whole assignment when an address comes twice, or when the locality is absent: an address has one
 * endpoint, with the worst state of its instances. EDS takes IP addresses only: an instance whose address is not known is
 * left out.
 *
 * UNKNOWN would count as healthy (envoy/config/core/v3/health_check.proto), so an unknown state is TIMEOUT. gRPC uses HEALTHY
 * and UNKNOWN endpoints alone (gRFC A27): a DEGRADED endpoint would get no traffic.
 */
import { isIP } from "node:net";
import type { InstanceFacts, ServiceInstance } from "../../instances/instance.js";
import { encodeMessage } from "../../wire/message-table.js";
import { varint } from "../../wire/protobuf.js";
import { CLUSTER_LOAD_ASSIGNMENT, LOCALITY_LB_ENDPOINTS } from "./messages.js";

/** The kind of the client: Envoy and gRPC know different states. */
export type ClientKind = "envoy" | "grpc";

/** Values of envoy.config.core.v3.HealthStatus. All are written as one byte. */
const HEALTH_STATUSES = { healthy: 1, degraded: 5, drained: 3, unknown: 4, unhealthy: 2 } as const;

/**
 * How bad a HealthStatus is, by its value: of two instances with one address, the state of the worse one is sent. From good to
 * bad: healthy, degraded, drained, unknown, unhealthy.
 */
const RANKS: readonly number[] = [0, 1, 5, 3, 4, 2];

/** The fields of a LocalityLbEndpoints before its endpoints. */
const LOCALITY = encodeMessage(LOCALITY_LB_ENDPOINTS, { locality: {}, loadBalancingWeight: { value: 1 } });

/** Above the length of every LbEndpoint field. An IPv6 address has at most 45 characters, so each length in it is one byte. */
const MAX_ENDPOINT_BYTES = 96;

interface AddressedEndpoint {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** Stands for the offset of an instance without an address. */
const UNADDRESSED = 0;

/** The assignment of a service but for the states of its instances. */
export class AssignmentLayout {
  readonly facts: readonly InstanceFacts[];
  /** Number of instances that have no IP address. */
  readonly unaddressed: number;
  /** The whole resource. Each state is 0. */
  readonly #bytes: Buffer;
  /** Of each instance, the offset of its state. */
  readonly #offsets: Uint32Array;

  /** @param wrap makes the resource of an assignment, which must be the end of it */
  constructor(name: string, facts: readonly InstanceFacts[], wrap: (assignment: Buffer) => Buffer) {
    this.facts = facts;
    const { bytes, offsets, unaddressed } = endpointsOf(facts);
    const endpoints = bytes.length === 0 ? [] : [Buffer.concat([LOCALITY, bytes])];
    this.#bytes = wrap(encodeMessage(CLUSTER_LOAD_ASSIGNMENT, { clusterName: name, endpoints }));
    const start = this.#bytes.length - bytes.length;
    this.#offsets = offsets.map((offset) => (offset === UNADDRESSED ? UNADDRESSED : start + offset));
    this.unaddressed = unaddressed;
  }

  /** The resource with the states of the instances, which are in the order of the facts. */
  fill(instances: readonly ServiceInstance[], kind: ClientKind): Buffer {
    const bytes = Buffer.from(this.#bytes);
    for (const [at, instance] of instances.entries()) {
      const offset = this.#offsets[at] ?? UNADDRESSED;
      if (offset === UNADDRESSED) continue;
      const status = statusOf(instance, kind);
      if (badness(status) > badness(bytes[offset])) bytes[offset] = status;
    }
    return bytes;
  }
}

function badness(status: number | undefined): number {
  return RANKS[status ?? 0] ?? 0;
}

function statusOf({ state, drained }: ServiceInstance, kind: ClientKind): number {
  // an operator's drain counts more than any state
  if (drained) return HEALTH_STATUSES.drained;
  return state === "degraded" && kind === "grpc" ? HEALTH_STATUSES.healthy : HEALTH_STATUSES[state];
}

/** One endpoint for each address and port, in the order of the instances. */
function endpointsOf(facts: readonly InstanceFacts[]) {
  const bytes = Buffer.allocUnsafe(facts.length * MAX_ENDPOINT_BYTES);
  const offsets = new Uint32Array(facts.length);
  const known = new Map<string, number>();
  let end = 0;
  let unaddressed = 0;
  for (const [at, each] of facts.entries()) {
    const address = addressOf(each);
    if (address === undefined) {
      unaddressed += 1;
      continue;
    }
    const key = `${address} ${each.port}`;
    let offset = known.get(key);
    if (offset === undefined) {
      end = writeEndpoint(bytes, end, { address, port: each.port, weight: each.weight });
      offset = end - 1;
      known.set(key, offset);
    }
    offsets[at] = offset;
  }
  return { bytes: bytes.subarray(0, end), offsets, unaddressed };
}

/**
 * Writes a field `lb_endpoints` of the locality, and returns its end. Its last byte is the state, 0. By hand: there may be
 * 100,000 of them before the first response. Field numbers: envoy/config/endpoint/v3/endpoint_components.proto, core/v3/address.proto.
 *
 *     lb_endpoints (2) { endpoint (1) { address (1) { socket_address (1) { address (2), port_value (3) } } },
 *                        load_balancing_weight (4) { value (1) }, health_status (2) }
 */
function writeEndpoint(bytes: Buffer, start: number, { address, port, weight }: AddressedEndpoint): number {
  const [portBytes, weightBytes] = [varint(port), varint(weight)];
  const socketBytes = 2 + address.length + 1 + portBytes.length;
  const length = 6 + socketBytes + 3 + weightBytes.length + 2;
  bytes.set([0x12, length, 0x0a, socketBytes + 4, 0x0a, socketBytes + 2, 0x0a, socketBytes], start);
  bytes.set([0x12, address.length], start + 8);
  const addressEnd = start + 10 + bytes.write(address, start + 10, "latin1");
  bytes.set([0x18, ...portBytes, 0x22, 1 + weightBytes.length, 0x08, ...weightBytes, 0x10, 0], addressEnd);
  return start + 2 + length;
}

/**
 * The IP address of an instance; `undefined` while only its name is known. Clients refuse the whole assignment for one
 * address that is not valid, or has a zone.
 */
function addressOf({ address, host }: InstanceFacts): string | undefined {
  const found = address ?? host;
  return isIP(found) === 0 || found.includes("%") ? undefined : found;
}
