/**
 * A template of checks with the addresses of a source becomes a check for each address, and a service over them: pure.
 *
 *     orders: grpc://{address}/Orders   +  10.0.0.1:50051, 10.0.0.2:50051
 *
 *       check    orders/7f3a2c1b9d04    grpc://10.0.0.1:50051/Orders
 *       check    orders/0c55e1a2b3f4    grpc://10.0.0.2:50051/Orders
 *       service  orders                 any of them, or another policy
 *
 * Names are public and addresses are not, so the name of a check has a hash of its address. Without a key, the hash of an IPv4
 * address can be found by trying all of them.
 *
 * What belongs to an address that has not changed is the same object after each expansion: 10,000 checks are compared fast.
 */
import { createHash, createHmac } from "node:crypto";
import { isIPv6 } from "node:net";
import { formatHostPort } from "../core/host-port.js";
import type { Path } from "../core/option-error.js";
import type { FoundAddress, InstanceSource } from "../instances/source.js";
import type { CheckOptions } from "./check-options.js";
import type { CheckDeclaration } from "./declarations.js";
import type { Policy } from "./policy.js";
import type { ServiceDeclaration } from "./service-graph.js";

/** What discovery shows of an instance, beside its state. */
export interface Advertisement {
  /** Where traffic goes, as `HOST:PORT` with `{host}` and `{port}`. Default: host and port of the target. */
  readonly hostPort: string | undefined;
  readonly tags: readonly string[];
  /** Default 1. A weight of the source counts more. */
  readonly weight: number;
}

/** A check for each address of a source. */
export interface InstanceTemplate {
  /** Of the service, and the beginning of the names of its checks. */
  readonly name: string;
  /** A URL with `{address}`, or with `{host}` and maybe `{port}`. */
  readonly target: string;
  readonly options: CheckOptions;
  readonly policy: Policy;
  readonly source: InstanceSource;
  /** The key of the hash in names. */
  readonly hashKey: string | undefined;
  readonly advertisement: Advertisement;
}

/** A check of a template. */
export interface FoundInstance {
  readonly address: FoundAddress;
  readonly declaration: CheckDeclaration;
}

/** A template with addresses. */
export interface Expansion {
  readonly template: InstanceTemplate;
  /** By the name of the check, in the order of the addresses. */
  readonly instances: ReadonlyMap<string, FoundInstance>;
  readonly service: ServiceDeclaration;
  /** Whether the source has not answered without a fault yet. */
  readonly isAwaited: boolean;
}

/** What a source has found. */
export interface FoundAddresses {
  readonly addresses: readonly FoundAddress[];
  readonly isAwaited: boolean;
  /** Whether the check of a name can be made. Default: each can. */
  readonly isUsable?: (check: string) => boolean;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;

const HASH_CHARACTERS = 12;

/** The names of checks that a template can make. */
const INSTANCE_NAME = new RegExp(`^(.+)/[0-9a-f]{${HASH_CHARACTERS}}$`, "s");

/** The template that a name is an instance of, if that exists. */
export function templateNameOf(check: string): string | undefined {
  return INSTANCE_NAME.exec(check)?.[1];
}

/**
 * The checks and the service of a template.
 * @param last the expansion before this one, of the same template
 */
export function expandTemplate(
  template: InstanceTemplate,
  { addresses, isAwaited, isUsable = () => true }: FoundAddresses,
  last?: Expansion,
): Expansion {
  const known = last?.template === template ? last.instances : undefined;
  const byAddress = new Map<FoundAddress, FoundInstance>();
  for (const instance of known?.values() ?? []) byAddress.set(instance.address, instance);
  const instances = new Map<string, FoundInstance>();
  for (const address of addresses) {
    const same = byAddress.get(address);
    const name = same?.declaration.name ?? nameOf(template, address);
    if (instances.has(name) || !isUsable(name)) continue; // of two addresses with one hash, the first has the name
    const before = known?.get(name);
    const isSameHostPort = before?.address.host === address.host && before.address.port === address.port;
    const declaration = isSameHostPort ? before.declaration : declarationOf(template, name, address);
    instances.set(name, same ?? { address, declaration });
  }
  const members = [...instances.keys()];
  const hasSameMembers =
    known !== undefined && known.size === members.length && [...known.keys()].every((name, at) => name === members[at]);
  const isSameService = hasSameMembers && last?.isAwaited === isAwaited;
  const service = isSameService ? last.service : serviceOf(template, members, isAwaited);
  return { template, instances, service, isAwaited };
}

function nameOf({ name, hashKey }: InstanceTemplate, address: FoundAddress): string {
  const hash = hashKey === undefined ? createHash("sha256") : createHmac("sha256", hashKey);
  const text = formatHostPort(address.host, address.port);
  return `${name}/${hash.update(text).digest("hex").slice(0, HASH_CHARACTERS)}`;
}

function declarationOf({ target, options }: InstanceTemplate, name: string, address: FoundAddress): CheckDeclaration {
  return { name, source: { kind: "target", url: fillIn(target, address) }, options };
}

function serviceOf(
  { name, policy, options }: InstanceTemplate,
  members: readonly string[],
  isAwaited: boolean,
): ServiceDeclaration {
  const reason = isAwaited ? "instances-awaited" : "no-instances";
  return { name, policy, members, whenEmpty: { reason, critical: options.critical ?? true } };
}

/** A target with an address. An IPv6 address is in brackets there. */
function fillIn(target: string, { host, port }: FoundAddress): string {
  const hostPart = isIPv6(host) ? `[${host}]` : host;
  const values: Readonly<Record<string, string>> = {
    address: formatHostPort(host, port),
    host: hostPart,
    port: String(port),
  };
  return target.replace(PLACEHOLDER, (placeholder, name: string) => values[name] ?? placeholder);
}

/** What is wrong with the placeholders of a template's target. */
export function placeholderFault(target: string): string | undefined {
  const names = [...target.matchAll(PLACEHOLDER)].map(([, name = ""]) => name);
  const unknown = names.find((name) => !["address", "host", "port"].includes(name));
  if (unknown !== undefined)
    return `{${unknown}} is not a placeholder; known: {address} (host and port), {host} and {port}`;
  if (names.includes("address") || names.includes("host")) return undefined;
  return "must have {address}, or {host}, where the address of each instance stands; for one fixed target remove instances";
}

/** An address of a documentation range (RFC 5737), to plan a template before anything is found. */
const SAMPLE: FoundAddress = { host: "192.0.2.1", port: 1, meta: {}, tags: [], weight: undefined };

/** The check and the service of a template with an address that stands for all. */
export function sampleOf(template: InstanceTemplate): Expansion {
  return expandTemplate(template, { addresses: [SAMPLE], isAwaited: false });
}

/** The path of an instance's declaration, as one of its template. */
export function templatePathOf(path: Path, templates: ReadonlySet<string>): Path {
  const [key, name = "", ...rest] = path;
  if (key === "services" && templates.has(String(name))) return ["checks", name, ...(rest[0] === "policy" ? rest : [])];
  const template = key === "checks" ? templateNameOf(String(name)) : undefined;
  return template === undefined || !templates.has(template) ? path : ["checks", template, ...rest];
}
