/**
 * The instances of a configuration, for discovery: pure.
 *
 *     check with a network target   an instance of its own service, of those that its settings name, and of all above
 *     check of a template           an instance of the service of the template, and of all above
 *     any other check               none: a unix socket, a program, a heartbeat and a DNS query get no traffic
 *
 * The server as a whole is not a service of discovery.
 */
import { isIP } from "node:net";
import { isHost } from "../core/host-port.js";
import { OVERALL } from "../core/service-name.js";
import type { InstanceFacts, InstanceTable } from "../instances/instance.js";
import { hostOf, parseTarget } from "../probers/target.js";
import type { CheckDeclaration } from "./declarations.js";
import type { Advertisement, Expansion, FoundInstance } from "./instance-template.js";
import type { ServiceDeclaration } from "./service-graph.js";

/** The port of a target without one; `undefined`: the scheme needs a port. */
const PORTS: Readonly<Record<string, number | undefined>> = {
  http: 80,
  https: 443,
  tcp: undefined,
  tls: undefined,
  udp: undefined,
  redis: 6_379,
  rediss: 6_379,
  postgres: 5_432,
  postgresql: 5_432,
  mysql: 3_306,
  amqp: 5_672,
  amqps: 5_671,
  ws: 80,
  wss: 443,
  grpc: undefined,
  grpcs: undefined,
  "flower+http": 80,
  "flower+https": 443,
};

/** Schemes that a template may have. Not Flower: two of its instances would report workers of the same names. */
export const TEMPLATE_SCHEMES: readonly string[] = Object.keys(PORTS).filter((scheme) => !scheme.startsWith("flower+"));

/** Of a check without `advertise`, `tags` and `weight`. */
export const NO_ADVERTISEMENT: Advertisement = { hostPort: undefined, tags: [], weight: 1 };

/** The part of a configuration that instances depend on. */
export interface InstanceDeclarations {
  /** Without the checks of templates. */
  readonly checks: readonly CheckDeclaration[];
  readonly services: readonly ServiceDeclaration[];
  /** Of checks, by their names. */
  readonly advertisements: ReadonlyMap<string, Advertisement>;
}

/** The scheme of a target, in lower case. */
export function schemeOf(target: string): string {
  return target
    .slice(0, Math.max(0, target.indexOf(":")))
    .trim()
    .toLowerCase();
}

/** Whether the target of a check is at a host and a port. */
export function isNetworkTarget({ source }: Pick<CheckDeclaration, "source">): boolean {
  return source.kind === "target" && Object.hasOwn(PORTS, schemeOf(source.url));
}

/**
 * All instances.
 * @param addressOf an IP address of a name, where it is known
 */
export function instanceTableOf(
  { checks, services, advertisements }: InstanceDeclarations,
  expansions: readonly Expansion[],
  addressOf: (host: string) => string | undefined = () => undefined,
): InstanceTable {
  const above = servicesAbove(services);
  const fixed = checks.filter(isNetworkTarget).map((check) => {
    const { name, options } = check;
    const own = above([name, ...(options.services ?? [])]);
    const advertisement = advertisements.get(name) ?? NO_ADVERTISEMENT;
    return { check: name, services: own, ...factsOf(endpointOf(check), advertisement) };
  });
  const found = expansions.flatMap(({ template, instances }) => {
    const own = above([template.name]);
    return [...instances].map(([name, { address }]) => foundFacts(name, own, address, template.advertisement));
  });
  const awaited = expansions.filter(({ isAwaited }) => isAwaited).map(({ template }) => template.name);
  const instances = [...fixed, ...found].map((facts) => withAddress(facts, addressOf));
  const names = [
    ...expansions.flatMap(({ template }) => above([template.name])),
    ...fixed.flatMap((facts) => facts.services),
  ];
  return { instances, services: [...new Set(names)], awaited: new Set(above(awaited)) };
}

function withAddress(facts: InstanceFacts, addressOf: (host: string) => string | undefined): InstanceFacts {
  const address = isIP(facts.host) > 0 ? undefined : addressOf(facts.host);
  return address === undefined ? facts : { ...facts, address };
}

/** Names with all services above them, but not the server as a whole. */
function servicesAbove(services: readonly ServiceDeclaration[]): (names: readonly string[]) => readonly string[] {
  const parents = new Map<string, string[]>();
  for (const { name, members } of services)
    for (const member of name === OVERALL ? [] : members) {
      const known = parents.get(member);
      if (known === undefined) parents.set(member, [name]);
      else known.push(name);
    }
  return (names) => {
    const found = new Set(names);
    // a set that grows while it is walked is walked to its end
    for (const name of found) for (const parent of parents.get(name) ?? []) found.add(parent);
    return [...found];
  };
}

function foundFacts(
  check: string,
  services: readonly string[],
  address: FoundInstance["address"],
  { tags, weight, hostPort }: Advertisement,
): InstanceFacts {
  const all = { hostPort, tags: [...new Set([...tags, ...address.tags])], weight: address.weight ?? weight };
  return { check, services, ...factsOf(address, all) };
}

type InstanceEndpoint = Pick<InstanceFacts, "host" | "port"> & Partial<Pick<InstanceFacts, "meta">>;

function factsOf(
  { host, port, meta = {} }: InstanceEndpoint,
  { hostPort, tags, weight }: Advertisement,
): Omit<InstanceFacts, "check" | "services"> {
  return { ...advertised(hostPort, { host, port }), tags, meta, weight };
}

function endpointOf({ source }: CheckDeclaration): InstanceEndpoint {
  const target = parseTarget(source.kind === "target" ? source.url : "");
  return { host: hostOf(target), port: Number(target.port) || (PORTS[target.protocol.slice(0, -1)] ?? 0) };
}

const HOST_PORT = /^(\[[\da-f:.]+\]|[^:[\]]+):(\d{1,5}|\{port\})$/i;

/** Host and port with the placeholders of `hostPort` replaced; unchanged without it. */
function advertised(
  hostPort: string | undefined,
  { host, port }: InstanceEndpoint,
): Pick<InstanceEndpoint, "host" | "port"> {
  const [, ofHost, ofPort] = HOST_PORT.exec(hostPort ?? "") ?? [];
  if (ofHost === undefined || ofPort === undefined) return { host, port };
  const name = ofHost.replace("{host}", () => host).replace(/^\[(.*)\]$/, "$1");
  return { host: name.toLowerCase(), port: ofPort === "{port}" ? port : Number(ofPort) };
}

/** Why a value of `advertise` is not valid; `undefined` for a valid one. */
export function hostPortFault(hostPort: string): string | undefined {
  const expected = 'must be HOST:PORT, such as "{host}:443" or "gateway.example:443"';
  const [, host = "", port = ""] = HOST_PORT.exec(hostPort) ?? [];
  const name = host.replace("{host}", "h");
  const isPort = port === "{port}" || (Number(port) >= 1 && Number(port) <= 65_535);
  const isValidHost = /^\[/.test(name) ? isIP(name.slice(1, -1)) === 6 : isHost(name);
  if (isValidHost && isPort) return undefined;
  const [unknown] = hostPort.match(/\{(?!host\}|port\})[^{}]*\}/) ?? [];
  return `${expected}${unknown === undefined ? "" : `; ${unknown} is not a placeholder, only {host} and {port} are`}`;
}
