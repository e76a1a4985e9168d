/**
 * The members of each service, and the status that follows from them.
 *
 *     check "a" ---> service "a"                       every check is a service under its own name,
 *        |  '------> services that its settings name   and counts for the services that its settings name;
 *        v
 *     declared service (policy) ---> declared service  a declared one has a policy over checks and other services
 *        |                                |
 *        '-------------> "" <-------------'            the server as a whole, unless it is declared itself: every declared
 *                                                      service that is a member of no other, and every check and service
 *                                                      of a check that is a member of none
 *
 * Services are evaluated members first, and the results are kept: a change of a check costs one evaluation of each service
 * above it, however the services are built on each other.
 */
import { OVERALL } from "../core/service-name.js";
import type { CheckReport } from "../registry/ports.js";
import { MemberCounts } from "./member-counts.js";
import { type Member, memberOf, ownStatus, type Policy, type Rollup, rollup } from "./policy.js";

/** A service that is made of checks and other services by a policy. */
export interface ServiceDeclaration {
  readonly name: string;
  readonly policy: Policy;
  /** Names of checks and services. One that does not exist counts as critical and pending. */
  readonly members: readonly string[];
  /** For members that are found at run time: with none, the service is UNKNOWN for this reason. Default: it must have members. */
  readonly whenEmpty?: { readonly reason: string; readonly critical: boolean } | undefined;
}

/** The part of a check that the graph needs. */
type Node = Pick<CheckReport, "name" | "services">;

const ALL: Policy = { kind: "all" };

const MISSING: Member = { state: "pending", critical: true, counted: true, reason: "pending" };

export class ServiceGraph {
  readonly #reports: ReadonlyMap<string, CheckReport>;
  readonly #declared = new Map<string, ServiceDeclaration>();
  /** What was declared last. */
  order: readonly ServiceDeclaration[] = [];
  /** The place of a declared service in the order of evaluation. */
  readonly #ranks = new Map<string, number>();
  /** For a member, the declared services that name it. */
  readonly #parents = new Map<string, string[]>();
  /** For a service that settings of checks name, those checks. */
  readonly #makers = new Map<string, Set<string>>();
  readonly #evaluated = new Map<string, Rollup>();
  /** Services that an operator has drained: NOT_SERVING, and failing members of other services, even if their own members pass. */
  readonly #drained = new Set<string>();
  /** For a check, the services that it counts for, until something is placed or declared. */
  readonly #affected = new Map<string, readonly string[]>();
  /** The members of the server as a whole, until something is placed, declared or drained. */
  #whole: MemberCounts | undefined;

  /** `reports` are the checks; the graph only reads them. */
  constructor(reports: ReadonlyMap<string, CheckReport>) {
    this.#reports = reports;
  }

  /** Whether no service is declared. */
  get isEmpty(): boolean {
    return this.#declared.size === 0;
  }

  /** The declared services, members first. */
  names(): readonly string[] {
    return [...this.#declared.keys()];
  }

  get drained(): ReadonlySet<string> {
    return this.#drained;
  }

  setDrained(service: string, isDrained: boolean): void {
    this.#whole = undefined;
    if (isDrained) this.#drained.add(service);
    else this.#drained.delete(service);
  }

  isDeclared(service: string): boolean {
    return this.#declared.has(service);
  }

  /** The first check whose settings name a service. */
  makerOf(service: string): string | undefined {
    const [first] = this.#makers.get(service) ?? [];
    return first;
  }

  /** The report of a check is another one now. */
  changed(check: string): void {
    if (this.#whole?.has(check) === true) this.#whole.update(check, this.#member(check));
  }

  /** A check that is among the reports now. @param isNew it is the last of them */
  add({ name, services }: Node, isNew = false): void {
    if (this.#reports.size === 1) this.#whole = new MemberCounts([]);
    const isLast = isNew && this.isEmpty && this.#drained.size === 0;
    if (isLast) this.#whole?.add(name, this.#member(name));
    else this.#forgetCheck(name);
    for (const service of services) this.addMaker(service, name);
  }

  /** The settings of a check name a service. */
  addMaker(service: string, check: string): void {
    if (this.#drained.has(service)) this.#whole = undefined;
    const makers = this.#makers.get(service);
    if (makers === undefined) this.#makers.set(service, new Set([check]));
    else makers.add(check);
  }

  remove({ name, services }: Node): void {
    this.#forgetCheck(name);
    for (const service of services) {
      const makers = this.#makers.get(service);
      makers?.delete(name);
      if (makers?.size === 0) this.#makers.delete(service);
    }
  }

  /** Declares services in place of all that were declared before; `ordered` is what `orderServices` returned. */
  declare(ordered: readonly ServiceDeclaration[]): void {
    this.order = ordered;
    this.#whole = undefined;
    for (const known of [this.#declared, this.#ranks, this.#parents, this.#evaluated, this.#affected]) known.clear();
    for (const [index, declaration] of ordered.entries()) {
      const { name } = declaration;
      const members = [...new Set(declaration.members)];
      this.#declared.set(name, { ...declaration, members });
      this.#ranks.set(name, index + 1);
      for (const member of members) {
        const parents = this.#parents.get(member);
        if (parents === undefined) this.#parents.set(member, [name]);
        else parents.push(name);
      }
    }
  }

  /** Every service that a check counts for, in the order of evaluation. The server as a whole is the last. */
  affectedBy({ name, services }: Node): readonly string[] {
    if (this.isEmpty && services.length === 0) return [name, OVERALL];
    const known = this.#affected.get(name);
    if (known !== undefined) return known;
    const affected = this.#withParents([name, ...services]);
    this.#affected.set(name, affected);
    return affected;
  }

  /** The same for any service. */
  affectedByService(service: string): readonly string[] {
    const check = this.#reports.get(service);
    return check === undefined ? this.#withParents([service]) : this.affectedBy(check);
  }

  #withParents(services: readonly string[]): readonly string[] {
    const found = new Set(services);
    // a set that grows while it is walked is walked to its end
    for (const service of found) for (const parent of this.#parents.get(service) ?? []) found.add(parent);
    return this.inOrder(found.add(OVERALL));
  }

  /** The same without the check's own name and the server as a whole. */
  namedServicesOf(check: Node): readonly string[] {
    return this.affectedBy(check).filter((service) => service !== check.name && service !== OVERALL);
  }

  /** Services in the order of evaluation: members before the services that are made of them. */
  inOrder(services: Iterable<string>): readonly string[] {
    const [checks, declared]: [string[], string[]] = [[], []];
    for (const service of services) (this.#rankOf(service) === 0 ? checks : declared).push(service);
    return [...checks, ...declared.sort((one, other) => this.#rankOf(one) - this.#rankOf(other))];
  }

  /**
   * The status of a service that follows from its members now; `undefined` where it has none. Its members come first.
   */
  evaluate(service: string): Rollup | undefined {
    const rolled = this.#rollup(service);
    const result = this.#drained.has(service) ? drainedRollup(service, rolled) : rolled;
    if (result === undefined) this.#evaluated.delete(service);
    else this.#evaluated.set(service, result);
    if (this.#reports.has(service)) this.changed(service);
    else this.#whole?.update(service, result === undefined ? MISSING : memberOf(result));
    return result;
  }

  #rankOf(service: string): number {
    return service === OVERALL ? Number.MAX_SAFE_INTEGER : (this.#ranks.get(service) ?? 0);
  }

  #rollup(service: string): Rollup | undefined {
    const declared = this.#declared.get(service);
    if (declared !== undefined) return this.#rollupDeclared(declared);
    if (service === OVERALL) return this.#rollupWhole();
    const own = this.#reports.get(service);
    if (own !== undefined) return ownStatus(own);
    const makers = this.#makers.get(service);
    return makers === undefined ? undefined : rollup(this.#membersOf(makers), ALL);
  }

  #rollupDeclared({ members, policy, whenEmpty }: ServiceDeclaration): Rollup {
    if (members.length > 0 || whenEmpty === undefined) return rollup(this.#membersOf(members), policy);
    return { status: "UNKNOWN", degraded: false, cause: undefined, counted: true, ...whenEmpty };
  }

  /** A change of a part costs no look at the others. */
  #rollupWhole(): Rollup | undefined {
    if (this.#reports.size + this.#declared.size === 0) return undefined;
    this.#whole ??= new MemberCounts(this.#parts());
    return this.#whole.rollup(ALL);
  }

  *#membersOf(names: Iterable<string>): Iterable<Member> {
    for (const name of names) yield this.#member(name);
  }

  #member(name: string): Member {
    const report = this.#reports.get(name);
    if (report !== undefined) return this.#drained.has(name) ? { ...report, ...DRAINED } : report;
    const evaluated = this.#evaluated.get(name) ?? this.evaluate(name);
    return evaluated === undefined ? MISSING : memberOf(evaluated);
  }

  /**
   * Every declared service that is a member of no other, and the checks that no declared service includes. A drained service
   * that settings of checks name counts by itself: the checks that make it may be healthy.
   */
  *#parts(): Iterable<readonly [name: string, member: Member]> {
    const isMember = (service: string) => this.#parents.has(service);
    const tops = [...this.#declared.keys()].filter((name) => !isMember(name));
    const drained = [...this.#drained].filter((service) => this.#makers.has(service) && !isMember(service));
    // a name that comes again is ignored
    for (const name of tops) yield [name, this.#member(name)];
    for (const report of this.#reports.values()) {
      const { name, services } = report;
      if (!isMember(name) && !services.some(isMember)) yield [name, this.#member(name)];
      else for (const service of services) if (!isMember(service)) yield [service, this.#member(service)];
    }
    for (const name of drained) yield [name, this.#member(name)];
  }

  #forgetCheck(name: string): void {
    this.#whole = undefined;
    this.#affected.delete(name);
  }
}

/** How a drained check or service counts for others: as one that fails. */
const DRAINED = { state: "failing", reason: "drained", counted: true } as const;

/** Nothing is made of nothing, but for the server as a whole. */
function drainedRollup(service: string, rolled: Rollup | undefined): Rollup | undefined {
  if (rolled === undefined && service !== OVERALL) return undefined;
  const { critical = true } = rolled ?? {};
  return { status: "NOT_SERVING", degraded: false, reason: DRAINED.reason, cause: undefined, critical, counted: true };
}

/** Services in the order of evaluation, members first, or a path from a service back to itself. Linear in all members. */
export function orderServices(
  declarations: readonly ServiceDeclaration[],
): { readonly order: readonly ServiceDeclaration[] } | { readonly cycle: readonly string[] } {
  const table = new Map(declarations.map((declaration) => [declaration.name, declaration]));
  const order = new Set<ServiceDeclaration>();
  // a stack of our own: a chain of services may be longer than the stack of JavaScript is deep
  const path: { readonly declaration: ServiceDeclaration; next: number }[] = [];
  const onPath = new Set<string>();
  const enter = (declaration: ServiceDeclaration) => {
    if (order.has(declaration)) return;
    path.push({ declaration, next: 0 });
    onPath.add(declaration.name);
  };
  for (const root of declarations) {
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { declaration } = top;
      const member = declaration.members[top.next];
      top.next += 1;
      if (member === undefined) {
        order.add(declaration);
        onPath.delete(declaration.name);
        path.pop();
      } else if (onPath.has(member)) {
        const names = [...onPath];
        return { cycle: [...names.slice(names.indexOf(member)), member] };
      } else {
        const below = table.get(member);
        if (below !== undefined) enter(below);
      }
    }
  }
  return { order: [...order] };
}
