/**
 * The rules of names and of declared services: pure.
 *
 * Each name is one service with one writer: that of a check, one that the settings of checks name, a declared one, or
 * one that the application sets by hand. A declared service has members and a policy that can be fulfilled, and services do not form a cycle.
 */
import type { Path } from "../core/option-error.js";
import { OVERALL, SELF_CHECK, serviceNameFault, WORKER_PREFIX } from "../core/service-name.js";
import type { CheckDeclaration, ChecksConfig } from "./declarations.js";
import { orderServices, type ServiceDeclaration } from "./service-graph.js";
import type { Violation } from "./violation.js";

/** What has a name, and where it is declared. */
export interface Owner {
  /**
   * A check, a service that settings of checks name, a declared service, the server as a whole beside checks, a service
   * that a target names, or a service that the application has set by hand.
   */
  readonly kind: "check" | "named" | "service" | "overall" | "discovered" | "hand";
  /** The check, or the service. */
  readonly of: string;
  readonly path: Path;
}

const TAKEN: Readonly<Record<Owner["kind"], string>> = {
  check: "a check has this name already",
  named: "a check makes this service already",
  service: "a service of this name is declared already",
  overall: "the checks and services make the server as a whole already",
  discovered: "the target of a check names this service already",
  hand: "the application has set this service by hand; clear it first",
};

/** An owner as text that follows "is made by". */
export function describeOwner({ kind, of }: Owner): string {
  const name = JSON.stringify(of);
  switch (kind) {
    case "check":
      return `the check ${name}`;
    case "named":
      return `the option "services" of the check ${name}`;
    case "service":
      return `the declared service ${name}`;
    case "overall":
      return "the checks and the declared services";
    case "discovered":
      return `the target of the check ${name}`;
    case "hand":
      return "a call of set()";
    default:
      return kind satisfies never;
  }
}

/** The owners of the names that a configuration makes. It need not be valid. */
export function ownersIn({ checks, services }: ChecksConfig): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  if (checks.length > 0) owners.set(OVERALL, { kind: "overall", of: OVERALL, path: ["overall"] });
  for (const { name, options } of checks) {
    owners.set(name, { kind: "check", of: name, path: ["checks", name] });
    if (!Array.isArray(options.services)) continue;
    for (const service of options.services)
      owners.set(service, { kind: "named", of: name, path: ["checks", name, "services"] });
  }
  for (const { name } of services) owners.set(name, { kind: "service", of: name, path: ["services", name] });
  return owners;
}

/** The names that have an owner now. */
interface NameTable {
  ownerOf(name: string): Owner | undefined;
}

/** Who has which name. A service that several checks name is made by all of them; any other name has one owner. */
export class Names {
  readonly #running: NameTable;
  readonly #kinds: readonly Owner["kind"][];
  readonly #claimed = new Map<string, Owner>();
  readonly #checks: () => Iterable<CheckDeclaration>;
  #flowerCheck: { readonly name: string | undefined } | undefined;

  /**
   * @param kinds owners of these kinds have their names before the first claim
   * @param checks all checks; one of Flower reserves the names of Celery's workers
   */
  constructor(running: NameTable, kinds: readonly Owner["kind"][], checks: () => Iterable<CheckDeclaration>) {
    this.#checks = checks;
    this.#running = running;
    this.#kinds = kinds;
  }

  /** Claims a name. Returns the violation, if another owner has it. */
  claim(name: string, owner: Owner): Violation | undefined {
    const flower = name.startsWith(WORKER_PREFIX) ? this.#findFlowerCheck() : undefined;
    if (flower !== undefined) {
      const text = `names that begin with "${WORKER_PREFIX}" are reserved for the workers that a check of Flower finds`;
      return { code: "DUPLICATE_NAME", path: owner.path, text, other: ["checks", flower] };
    }
    const known = this.#claimed.get(name) ?? this.#runningOwnerOf(name);
    if (known === undefined) {
      this.#claimed.set(name, owner);
      return undefined;
    }
    const areBothNamed = known.kind === "named" && owner.kind === "named";
    const isOwnName = known.kind === "check" && owner.kind === "named" && known.of === owner.of;
    if (areBothNamed || isOwnName) return undefined;
    const other = known.kind === "hand" ? undefined : known.path;
    return { code: "DUPLICATE_NAME", path: owner.path, text: TAKEN[known.kind], other };
  }

  #runningOwnerOf(name: string): Owner | undefined {
    const owner = this.#running.ownerOf(name);
    return owner !== undefined && this.#kinds.includes(owner.kind) ? owner : undefined;
  }

  /** Searched once: thousands of names may need it. */
  #findFlowerCheck(): string | undefined {
    this.#flowerCheck ??= { name: flowerAmong(this.#checks()) };
    return this.#flowerCheck.name;
  }
}

function flowerAmong(checks: Iterable<CheckDeclaration>): string | undefined {
  for (const { name, source } of checks) if (source.kind === "target" && source.url.startsWith("flower+")) return name;
  return undefined;
}

/** Claims the server as a whole for what is declared at a path. Where it is declared itself, that claims it. */
export function claimOverall(services: readonly ServiceDeclaration[], path: Path, names: Names): readonly Violation[] {
  if (services.some(({ name }) => name === OVERALL)) return [];
  const violation = names.claim(OVERALL, { kind: "overall", of: OVERALL, path });
  if (violation === undefined) return [];
  return [{ ...violation, text: `the application has set the server as a whole ("") by hand; clear it first` }];
}

/** Claims the own name of a check. */
export function claimCheck({ name }: CheckDeclaration, names: Names): readonly Violation[] {
  const path = ["checks", name];
  if (name === SELF_CHECK)
    return [{ code: "DUPLICATE_NAME", path, text: `the name "${SELF_CHECK}" is reserved for the isolation rule` }];
  const fault = nameFault(name);
  if (fault !== undefined) return [{ code: "INVALID_SERVICE_NAME", path, text: `the name ${fault}` }];
  return listOf(names.claim(name, { kind: "check", of: name, path }));
}

/** Claims the services that the settings of a check name. All checks have claimed their own names before. */
export function claimNamedServices({ name, options }: CheckDeclaration, names: Names): readonly Violation[] {
  const { services } = options;
  if (!Array.isArray(services)) return [];
  return services.flatMap((service, index) => {
    const path = ["checks", name, "services", index];
    const fault = nameFault(service);
    if (fault !== undefined) return [{ code: "INVALID_SERVICE_NAME", path, text: fault } as const];
    return listOf(names.claim(service, { kind: "named", of: name, path }));
  });
}

/**
 * Claims the names of declared services, and checks what they are made of. `order` is set when there are no
 * violations.
 */
export function checkServices(
  services: readonly ServiceDeclaration[],
  names: Names,
): { readonly violations: readonly Violation[]; readonly order: readonly ServiceDeclaration[] } {
  const violations = services.flatMap((service) => {
    const { name } = service;
    const path = ["services", name];
    const fault = name === OVERALL ? undefined : nameFault(name);
    if (fault !== undefined) return [{ code: "INVALID_SERVICE_NAME", path, text: `the name ${fault}` } as const];
    return [...listOf(names.claim(name, { kind: "service", of: name, path })), ...checkMembers(service)];
  });
  const readable = services.filter(({ members }) => Array.isArray(members));
  const ordered = orderServices(readable);
  if ("order" in ordered) return { violations, order: ordered.order };
  const { cycle } = ordered;
  const text = `services form a cycle: ${cycle.join(" -> ")}`;
  const found: Violation = { code: "INVALID_OPTION", path: ["services", cycle[0] ?? ""], text };
  return { violations: [...violations, found], order: [] };
}

function checkMembers({ name, policy, members, whenEmpty }: ServiceDeclaration): readonly Violation[] {
  const invalid = (path: Path, text: string): Violation => ({
    code: "INVALID_OPTION",
    path: ["services", name, ...path],
    text,
  });
  // callers of the library may have no types
  if (!Array.isArray(members)) return [invalid(["members"], "must be a list of names")];
  const violations = members.flatMap((member, index) => {
    const fault =
      typeof member === "string" && member !== OVERALL ? undefined : "must be the name of a check or a service";
    return fault === undefined ? [] : [invalid(["members", index], fault)];
  });
  if (members.length === 0 && whenEmpty === undefined)
    violations.push(invalid(["members"], "must name at least one check or service"));
  const fault = policyFault(policy, new Set(members).size);
  if (fault !== undefined) violations.push(invalid(["policy"], fault));
  return violations;
}

function policyFault(policy: ServiceDeclaration["policy"], members: number): string | undefined {
  // callers of the library may have no types
  switch (policy?.kind) {
    case "all":
    case "any":
      return undefined;
    case "quorum":
      if (!(Number.isInteger(policy.count) && policy.count >= 1)) return "must be a whole number from 1 on";
      if (policy.isFixed !== true && policy.count > members && members > 0)
        return `${policy.count} of ${members} members can never be reached`;
      return undefined;
    default:
      policy satisfies never;
      return "must be all, any or quorum";
  }
}

function nameFault(name: string): string | undefined {
  return name === OVERALL ? "must not be empty" : serviceNameFault(name);
}

function listOf(violation: Violation | undefined): readonly Violation[] {
  return violation === undefined ? [] : [violation];
}
