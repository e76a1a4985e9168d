/**
 * Which service is made of what.
 *
 *     check "a" ---> service "a"                       every check is a service under its own name,
 *        |  '------> services that its settings name   and of the services that its settings name;
 *        v
 *     declared service (policy) ---> declared service  a declared one has a policy over checks and other services
 *        |                                |
 *        '-------------> "" <-------------'            the server as a whole, unless it is declared itself: every declared
 *                                                      service that is no part of another, and every check and service
 *                                                      of a check that is part of none
 */
import { HealthError } from "../core/health-error.js";
import { OVERALL } from "../core/service-name.js";
import type { CheckReport } from "../registry/ports.js";
import { type Member, memberOf, type Policy, type Rollup, rollup } from "./policy.js";

/** A service that is made of checks and other services by a policy. */
export interface ServiceDeclaration {
  readonly name: string;
  readonly policy: Policy;
  /** Names of checks and declared services. One that isn't there, or no more, counts as critical and undecided. */
  readonly members: readonly string[];
}

const ALL: Policy = { kind: "all" };

/** Stands for a member that isn't there. */
const MISSING: Member = { state: "pending", critical: true, reason: "pending" };

export class ServiceGraph {
  readonly #reports: ReadonlyMap<string, CheckReport>;
  readonly #declared = new Map<string, ServiceDeclaration>();
  /** For a member, every declared service above it. */
  readonly #above = new Map<string, Set<string>>();
  /** For a service that checks name, those checks. */
  readonly #makers = new Map<string, Set<string>>();
  /** A check that was undecided when somebody asked for the server as a whole. */
  #awaited: string | undefined;
  /** What the server as a whole is made of, until something is declared or placed. */
  #parts: readonly string[] | undefined;

  /** `reports` is what the checks have found: this graph only reads it. */
  constructor(reports: ReadonlyMap<string, CheckReport>) {
    this.#reports = reports;
  }

  /** A check is there, or names other services than before. */
  place({ name, services }: Pick<CheckReport, "name" | "services">, before: readonly string[] = []): void {
    this.#parts = undefined;
    for (const service of before) this.#unmake(service, name);
    for (const service of services) this.#makers.set(service, (this.#makers.get(service) ?? new Set()).add(name));
  }

  /** A check is gone. */
  unplace({ name, services }: Pick<CheckReport, "name" | "services">): void {
    this.#parts = undefined;
    for (const service of services) this.#unmake(service, name);
  }

  /** Whether a service is declared, or made by a check. */
  isTaken(service: string): boolean {
    return this.#declared.has(service) || this.#reports.has(service) || this.#makers.has(service);
  }

  has(service: string): boolean {
    return this.#declared.has(service);
  }

  /** Whether no service is declared. */
  get isEmpty(): boolean {
    return this.#declared.size === 0;
  }

  /** The declared services. */
  names(): readonly string[] {
    return [...this.#declared.keys()];
  }

  /**
   * Declares services in place of all that were declared before.
   * @throws HealthError INVALID_OPTION for services that are made of each other; nothing has changed then
   */
  declare(declarations: readonly ServiceDeclaration[]): void {
    const cycle = findCycle(declarations);
    if (cycle !== undefined)
      throw new HealthError("INVALID_OPTION", `services must not be made of each other: ${cycle.join(" -> ")}`);
    this.#declared.clear();
    for (const declaration of declarations) this.#declared.set(declaration.name, declaration);
    this.#above.clear();
    this.#parts = undefined;
    for (const { name, members } of declarations) for (const member of members) this.#raise(member, name, declarations);
  }

  /** The services that are declared now. */
  declarations(): readonly ServiceDeclaration[] {
    return [...this.#declared.values()];
  }

  /** Every service that a check has a say in. */
  servicesOf({ name, services }: Pick<CheckReport, "name" | "services">): Set<string> {
    const named = [name, ...services];
    return new Set([...named, ...named.flatMap((service) => [...(this.#above.get(service) ?? [])]), OVERALL]);
  }

  /** The same without the check's own name and the server as a whole. */
  namedServicesOf(report: Pick<CheckReport, "name" | "services">): readonly string[] {
    return [...this.servicesOf(report)].filter((service) => service !== report.name && service !== OVERALL);
  }

  /** What the members of a service make of it; `undefined` where it has none. */
  rollup(service: string): Rollup | undefined {
    const declared = this.#declared.get(service);
    if (declared !== undefined) return rollup(this.#membersAt(declared.members), declared.policy);
    if (service === OVERALL) return this.#rollupWhole();
    const own = this.#reports.get(service);
    const makers = this.#makers.get(service);
    if (own === undefined && makers === undefined) return undefined;
    return rollup(this.#membersAt([...(own === undefined ? [] : [service]), ...(makers ?? [])]), ALL);
  }

  /**
   * While the check that was undecided last time still is, nothing else needs a look: thousands of checks that come to
   * their first result one after the other would each cost a look at all of them.
   */
  #rollupWhole(): Rollup | undefined {
    if (this.#reports.size + this.#declared.size === 0) return undefined;
    const waited = this.#reports.get(this.#awaited ?? "");
    if (this.isEmpty && waited !== undefined && isAwaited(waited))
      return { status: "UNKNOWN", degraded: false, reason: waited.reason };
    const rolled = rollup(this.#whole(), ALL);
    this.#awaited = rolled.status === "UNKNOWN" ? this.#findAwaited() : undefined;
    return rolled;
  }

  #findAwaited(): string | undefined {
    for (const report of this.#reports.values()) if (isAwaited(report)) return report.name;
    return undefined;
  }

  *#membersAt(names: Iterable<string>): Iterable<Member> {
    for (const name of names) yield this.#member(name);
  }

  #member(name: string): Member {
    const report = this.#reports.get(name);
    if (report !== undefined) return report;
    const made = this.rollup(name);
    return made === undefined ? MISSING : memberOf(made);
  }

  /** Every declared service that is part of no other, and what no declared service speaks for. */
  #whole(): Iterable<Member> {
    if (this.#declared.size === 0) return this.#reports.values();
    this.#parts ??= this.#findParts();
    return this.#membersAt(this.#parts);
  }

  #findParts(): readonly string[] {
    const isPart = (service: string) => this.#above.has(service);
    const tops = [...this.#declared.keys()].filter((name) => !isPart(name));
    const loose = [...this.#reports.values()].flatMap(({ name, services }) =>
      [name, ...services].some(isPart) ? services.filter((service) => !isPart(service)) : [name],
    );
    return [...new Set([...tops, ...loose])];
  }

  #unmake(service: string, check: string): void {
    const makers = this.#makers.get(service);
    makers?.delete(check);
    if (makers?.size === 0) this.#makers.delete(service);
  }

  /** Notes that `service` stands above `member`, and above all that `member` is made of. */
  #raise(member: string, service: string, declarations: readonly ServiceDeclaration[]): void {
    const above = this.#above.get(member) ?? new Set();
    if (above.has(service)) return;
    this.#above.set(member, above.add(service));
    const below = declarations.find(({ name }) => name === member)?.members ?? [];
    for (const name of below) this.#raise(name, service, declarations);
  }
}

function isAwaited({ state, critical }: Member): boolean {
  return critical && state === "pending";
}

/** A way from a service back to itself, where services are made of each other. */
export function findCycle(declarations: readonly ServiceDeclaration[]): readonly string[] | undefined {
  const table = new Map(declarations.map((declaration) => [declaration.name, declaration]));
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const member of table.get(name)?.members ?? []) {
      const cycle = visit(member, [...way, name]);
      if (cycle !== undefined) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of table.keys()) {
    const cycle = visit(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
