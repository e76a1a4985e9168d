/**
 * The answer to ListInstances: services with their instances, in parts.
 *
 * With discovery, they are those of its catalog. Without it, a catalog is made for each
 * call: most daemons never get one.
 */
import type { Clock } from "../core/clock.js";
import { nearestTo } from "../core/nearest.js";
import type { InstanceCatalog } from "../instances/catalog.js";
import type { InstanceTable, ServiceInstance, ServiceInstances } from "../instances/instance.js";
import type { StatusReader } from "../registry/ports.js";
import type { ControlAnswer, InstanceDetails } from "../wire/control-messages.js";
import { ControlError } from "./control-error.js";
import { MAX_COMPARED_NAMES } from "./operator.js";

/** What a list of instances is read from. */
export interface InstanceListDeps {
  /** `undefined`: there is no discovery. */
  readonly catalog: InstanceCatalog | undefined;
  readonly table: () => Promise<InstanceTable>;
  readonly reader: StatusReader;
  readonly clock: Clock;
}

type InstancesPart = Partial<ControlAnswer<"ListInstances">>;

/** Instances of one message. */
const MAX_INSTANCES = 100;

/**
 * The messages of an answer.
 * @param only the one service that is asked for
 * @throws ControlError NOT_FOUND
 */
export async function instanceParts(
  source: InstanceListDeps,
  only: string | undefined,
): Promise<Iterable<InstancesPart>> {
  const all = await readServices(source);
  const services = only === undefined ? all : all.filter(({ name }) => name === only);
  if (only === undefined || services.length > 0) return inParts(services);
  const names = all.map(({ name }) => name);
  const near = names.length > MAX_COMPARED_NAMES ? undefined : nearestTo(only, names);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new ControlError("NOT_FOUND", `there is no service ${JSON.stringify(only)} with instances${hint}`);
}

async function readServices({ catalog, table, reader, clock }: InstanceListDeps): Promise<readonly ServiceInstances[]> {
  if (catalog !== undefined) return [...catalog.services()];
  const { InstanceCatalog } = await import("../instances/catalog.js");
  const made = new InstanceCatalog({ reader, clock });
  try {
    made.set(await table());
    return [...made.services()];
  } finally {
    made.close();
  }
}

/** A service with many instances is in many messages. */
function* inParts(services: readonly ServiceInstances[]): Iterable<InstancesPart> {
  for (const { name, known, instances } of services)
    for (let at = 0; at === 0 || at < instances.length; at += MAX_INSTANCES)
      yield { services: [{ name, known, instances: instances.slice(at, at + MAX_INSTANCES).map(detailsOf) }] };
}

function detailsOf({ check, host, port, address = "", state, drained, ...rest }: ServiceInstance): InstanceDetails {
  const { reason = "", since, weight, tags } = rest;
  return { check, host, port, address, state, drained, reason, sinceMs: since, weight, tags };
}
