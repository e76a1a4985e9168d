/**
 * The checks of a configuration file with `instances`, as templates, and the keys of the others that discovery uses.
 *
 * These rules are about the file alone. `checks/plan` judges each template with an address that stands for all.
 */
import type { CheckDeclaration, ChecksConfig } from "../checks/declarations.js";
import {
  hostPortFault,
  isNetworkTarget,
  NO_ADVERTISEMENT,
  schemeOf,
  TEMPLATE_SCHEMES,
} from "../checks/instance-table.js";
import {
  type Advertisement,
  type InstanceTemplate,
  placeholderFault,
  templateNameOf,
} from "../checks/instance-template.js";
import type { Policy } from "../checks/policy.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { parseDuration } from "../core/duration.js";
import { isHost } from "../core/host-port.js";
import type { InstanceSource } from "../instances/source.js";
import type { ConfigInput } from "./config-input.js";
import { bothOf, type CheckEntry } from "./schema.js";

const DEFAULT_REFRESH_MS = 10_000;
const MIN_REFRESH_MS = 1_000;
const MAX_REFRESH_MS = 3_600_000;

const MAX_PORT = 65_535;
/** As in `instances/source`, which a daemon without instances does not load. */
const MAX_WEIGHT = 65_535;

/** Each has a timer and sockets of its own. */
const MAX_TEMPLATES = 1_000;

export interface ReadInstances {
  /** The checks without `instances`. */
  readonly checks: readonly CheckDeclaration[];
  readonly templates: readonly InstanceTemplate[];
  readonly advertisements: ReadonlyMap<string, Advertisement>;
}

/** @param declared every check of the file, those with `instances` too */
export function readInstances(
  declared: readonly CheckDeclaration[],
  services: readonly ServiceDeclaration[],
  input: ConfigInput,
): ReadInstances {
  const checks: CheckDeclaration[] = [];
  const templates: InstanceTemplate[] = [];
  const advertisements = new Map<string, Advertisement>();
  for (const check of declared) {
    const entry = entryOf(check.name, input);
    if (entry.instances !== undefined) templates.push(readTemplate(check, entry, input));
    else {
      checks.push(check);
      if (entry.policy !== undefined)
        input.refuse(
          ["checks", check.name, "policy"],
          "is only for a check with instances; a service has its own policy",
        );
      const advertisement = readAdvertisement(check, entry, input);
      if (advertisement !== undefined) advertisements.set(check.name, advertisement);
    }
  }
  if (templates.length > MAX_TEMPLATES)
    input.refuse(["checks"], `has ${templates.length} checks with instances; the limit is ${MAX_TEMPLATES}`);
  refuseReservedNames({ checks: declared, services }, templates, input);
  return { checks, templates, advertisements };
}

function entryOf(name: string, { content }: ConfigInput): CheckEntry {
  const entry = content.checks?.[name];
  return typeof entry === "object" ? entry : {};
}

function readTemplate(check: CheckDeclaration, entry: CheckEntry, input: ConfigInput): InstanceTemplate {
  const { name, source, options } = check;
  const path = ["checks", name];
  if (source.kind !== "target")
    input.refuse([...path, "instances"], "needs a target; exec and heartbeat have no address");
  const target = source.kind === "target" ? source.url : "";
  const fault = targetFault(target);
  if (source.kind === "target" && target !== "" && fault !== undefined) input.refuse([...path, "target"], fault);
  const { services, ...others } = options;
  if (services !== undefined && services.length > 0)
    input.refuse([...path, "services"], `is not for a check with instances; name ${JSON.stringify(name)} in services`);
  return {
    name,
    target,
    options: { ...others, group: options.group ?? name },
    policy: policyOf(entry.policy),
    source: readSource(name, entry, input),
    hashKey: entry.instances?.hashKey,
    advertisement: readAdvertisement(check, entry, input) ?? NO_ADVERTISEMENT,
  };
}

function targetFault(target: string): string | undefined {
  const scheme = schemeOf(target);
  const isKnown = TEMPLATE_SCHEMES.includes(scheme);
  // a scheme that does not exist is a fault of the plan
  if (!isKnown && REFUSED_SCHEMES.test(scheme))
    return `${scheme} is not for a check with instances; use one of ${TEMPLATE_SCHEMES.join(", ")}`;
  return placeholderFault(target);
}

const REFUSED_SCHEMES = /^(?:dns|(?:http\+|grpc\+)?unix|flower\+https?)$/;

function policyOf(policy: CheckEntry["policy"] = "any"): Policy {
  return typeof policy === "string" ? { kind: policy } : { kind: "quorum", count: policy.quorum, isFixed: true };
}

const KINDS = ["dns", "srv", "file"] as const;

function readSource(name: string, { instances = {} }: CheckEntry, { refuse }: ConfigInput): InstanceSource {
  const path = ["checks", name, "instances"];
  const { dns, srv, file, port, refresh } = instances;
  const given = KINDS.filter((kind) => instances[kind] !== undefined);
  if (given.length === 0) refuse(path, "must have one of dns, srv and file");
  if (given.length > 1) refuse(path, `has ${bothOf(given)}; it must have one of dns, srv and file`);
  for (const kind of ["dns", "srv"] as const) {
    const text = instances[kind];
    if (text !== undefined && !isHost(text.replace(/\.$/, "")))
      refuse([...path, kind], `must be a name, such as ${EXAMPLES[kind]}; got ${JSON.stringify(text)}`);
  }
  if (dns !== undefined && port === undefined) refuse(path, "needs port: a record of dns has none");
  if (dns === undefined && port !== undefined) refuse([...path, "port"], "is only for dns; srv and file have ports");
  if (port !== undefined && port > MAX_PORT) refuse([...path, "port"], `must be from 1 to ${MAX_PORT}; got ${port}`);
  if (file?.slice(0, file.lastIndexOf("/") + 1).includes("*"))
    refuse([...path, "file"], "may have * only in the last part of the path");
  const refreshMs = parseDuration(refresh) ?? DEFAULT_REFRESH_MS;
  if (refreshMs < MIN_REFRESH_MS || refreshMs > MAX_REFRESH_MS)
    refuse([...path, "refresh"], `must be from 1s to 1h; got ${refresh}`);
  if (file !== undefined) return { kind: "file", pattern: file, refreshMs };
  if (srv !== undefined) return { kind: "srv", name: srv, refreshMs };
  return { kind: "dns", name: dns ?? "", port: port ?? 0, refreshMs };
}

const EXAMPLES = { dns: "orders.example", srv: "_grpc._tcp.orders.example" } as const;

/** `undefined`: the entry has none of these keys. */
function readAdvertisement(
  check: CheckDeclaration,
  { advertise, tags, weight }: CheckEntry,
  { refuse }: ConfigInput,
): Advertisement | undefined {
  const path = ["checks", check.name];
  const given = Object.entries({ advertise, tags, weight }).filter(([, value]) => value !== undefined);
  if (given.length === 0) return undefined;
  if (!isNetworkTarget(check))
    for (const [key] of given) refuse([...path, key], "is only for a target with a host and a port");
  const fault = advertise === undefined ? undefined : hostPortFault(advertise);
  if (fault !== undefined) refuse([...path, "advertise"], `${fault}; got ${JSON.stringify(advertise)}`);
  if (weight !== undefined && weight > MAX_WEIGHT)
    refuse([...path, "weight"], `must be from 1 to ${MAX_WEIGHT}; got ${weight}`);
  return { hostPort: advertise, tags: tags ?? [], weight: weight ?? NO_ADVERTISEMENT.weight };
}

/** A name such as `orders/7f3a2c1b9d04` belongs to an instance, if there is a template `orders`. */
function refuseReservedNames(
  { checks, services }: Pick<ChecksConfig, "checks" | "services">,
  templates: readonly InstanceTemplate[],
  { refuse }: ConfigInput,
): void {
  const known = new Set(templates.map(({ name }) => name));
  const fault = (name: string) => {
    const template = templateNameOf(name);
    if (template === undefined || !known.has(template)) return undefined;
    return `the name is one of an instance of ${JSON.stringify(template)}; choose another one`;
  };
  const refuseName = (path: readonly (string | number)[], name: string) => {
    const text = fault(name);
    if (text !== undefined) refuse(path, text);
  };
  for (const { name, options } of checks) {
    refuseName(["checks", name], name);
    for (const [index, service] of (options.services ?? []).entries())
      refuseName(["checks", name, "services", index], service);
  }
  for (const { name } of services) refuseName(["services", name], name);
}
