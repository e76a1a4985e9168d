/**
 * Which services a hook is about: names, patterns such as `acme.*`, or by default the top of the tree.
 *
 *     celery: [broker, flower]     orders          default: celery, orders
 *        broker   flower                           "*":     celery, broker, flower, orders and the server as a whole
 */
import { OVERALL, storedName } from "../core/service-name.js";

/** Whether a service is one of those that a hook is about. */
export type ServiceFilter = (service: string) => boolean;

/** The part of a configuration that declares services. */
export interface DeclaredServices {
  readonly checks: readonly {
    readonly name: string;
    readonly options: { readonly services?: readonly string[] | undefined };
  }[];
  readonly services: readonly { readonly name: string; readonly members: readonly string[] }[];
}

const VIEWS: ReadonlySet<string> = new Set(["liveness", "startup"]);

/** @param patterns `undefined`: every check and service that is a member of no service */
export function filterOf(patterns: readonly string[] | undefined, declared: DeclaredServices): ServiceFilter {
  if (patterns === undefined) {
    const names = topServices(declared);
    return (service) => names.has(service);
  }
  const matchers = patterns.map(matcherOf);
  return (service) => !VIEWS.has(service) && matchers.some((matches) => matches(service));
}

/** Whether a name or a pattern matches. `*` is any text; `readiness` is the server as a whole, as over gRPC. */
export function matcherOf(pattern: string): ServiceFilter {
  const name = storedName(pattern);
  if (!name.includes("*")) return (service) => service === name;
  const [first = "", ...parts] = name.split("*");
  const last = parts.pop() ?? "";
  return (service) => {
    if (!service.startsWith(first) || !service.endsWith(last)) return false;
    let at = first.length;
    for (const part of parts) {
      const found = service.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= service.length - last.length;
  };
}

/** Every service that a configuration declares. */
export function declaredNames({ checks, services }: DeclaredServices): ReadonlySet<string> {
  const names = [
    ...checks.flatMap(({ name, options }) => [name, ...(options.services ?? [])]),
    ...services.map(({ name }) => name),
  ];
  return new Set([OVERALL, ...names]);
}

/** The services and checks that are members of no service. The server as a whole is not counted: it has all of them. */
function topServices({ checks, services }: DeclaredServices): ReadonlySet<string> {
  const named = services.filter(({ name }) => name !== OVERALL);
  const members = new Set(named.flatMap(({ members }) => members));
  const loose = checks.flatMap(({ name, options: { services = [] } }) => (services.length > 0 ? services : [name]));
  const names = [...named.map(({ name }) => name), ...loose].filter((name) => !members.has(name));
  return new Set(names);
}
