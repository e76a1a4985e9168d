/** The services that a hook names: each name must exist, and each pattern should match something. */
import { nearestTo } from "../core/nearest.js";
import { formatPath, type Path } from "../core/option-error.js";
import { WORKER_PREFIX } from "../core/service-name.js";
import { matcherOf } from "../hooks/service-filter.js";
import type { ConfigInput } from "./config-input.js";

/** A list of names and patterns. */
export interface HookServices {
  /** The place of the list in the file. */
  readonly path: Path;
  readonly services: readonly string[];
}

/** A suggestion compares the name with all others. */
const MAX_COMPARED_NAMES = 1_000;

/**
 * Refuses names that nothing has. Returns warnings about patterns that match nothing.
 * @param names all that a hook can name
 */
export function checkHookServices(
  { path, services }: HookServices,
  names: ReadonlySet<string>,
  { refuse }: ConfigInput,
): readonly string[] {
  return services.flatMap((service, index) => {
    if (service.startsWith(WORKER_PREFIX)) return []; // Flower names its workers later
    if (!service.includes("*")) {
      if (!names.has(service)) refuse([...path, index], unknownService(service, names));
      return [];
    }
    const matches = matcherOf(service);
    if ([...names].some(matches) || matches(`${WORKER_PREFIX}x`)) return [];
    return [`${formatPath(path)}: ${JSON.stringify(service)} matches no service`];
  });
}

function unknownService(service: string, names: ReadonlySet<string>): string {
  // only webhooks can name it
  if (service === "readiness")
    return '"readiness" is the server as a whole, for which no program is run; name its checks and services';
  const nearest = names.size > MAX_COMPARED_NAMES ? undefined : nearestTo(service, names);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `there is no check or service ${JSON.stringify(service)}${hint}`;
}
