/** `""` is counted and not looked up anew: after any changes, it must be what a look at each part says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Member, memberOf, type Policy, type Rollup, rollup } from "../../src/checks/policy.js";
import { orderServices, type ServiceDeclaration, ServiceGraph } from "../../src/checks/service-graph.js";
import type { CheckReport } from "../../src/registry/ports.js";
import { SeededRandom } from "../support/seeded-random.js";

const ALL = { kind: "all" } as const;
const REASONS = [undefined, "timeout", "refused", "replaced"] as const;

/** What `""` is by its definition. Services are named `s...` and declared ones `d...`. */
class Reference {
  readonly reports = new Map<string, CheckReport>();
  readonly drained = new Set<string>();
  declared: readonly ServiceDeclaration[] = [];

  whole(): Rollup | undefined {
    if (this.reports.size + this.declared.length === 0) return undefined;
    const isMember = (name: string) => this.declared.some(({ members }) => members.includes(name));
    const parts = new Set(this.declared.map(({ name }) => name).filter((name) => !isMember(name)));
    for (const { name, services } of this.reports.values()) {
      const isInside = [name, ...services].some(isMember);
      for (const part of isInside ? services.filter((service) => !isMember(service)) : [name]) parts.add(part);
    }
    for (const service of this.drained)
      if (this.#makers(service).length > 0 && !isMember(service) && !this.reports.has(service)) parts.add(service);
    const rolled = rollup(
      Array.from(parts, (part) => this.#member(part)),
      ALL,
    );
    return this.drained.has("")
      ? { ...rolled, status: "NOT_SERVING", degraded: false, reason: "drained", cause: undefined, counted: true }
      : rolled;
  }

  #makers(service: string): readonly CheckReport[] {
    return [...this.reports.values()].filter(({ services }) => services.includes(service));
  }

  #member(name: string): Member {
    const isDrained = this.drained.has(name);
    const report = this.reports.get(name);
    if (report !== undefined)
      return isDrained ? { ...report, state: "failing", reason: "drained", counted: true } : report;
    const rolled = this.#service(name);
    if (rolled === undefined) return { state: "pending", critical: true, counted: true, reason: "pending" };
    return memberOf(
      isDrained
        ? { ...rolled, status: "NOT_SERVING", degraded: false, reason: "drained", cause: undefined, counted: true }
        : rolled,
    );
  }

  #service(name: string): Rollup | undefined {
    const declaration = this.declared.find((declared) => declared.name === name);
    const members = declaration?.members ?? this.#makers(name).map((report) => report.name);
    if (declaration === undefined && members.length === 0) return undefined;
    return rollup(
      members.map((member) => this.#member(member)),
      declaration?.policy ?? ALL,
    );
  }
}

/** Changes a graph and its reference alike, as the publisher does. */
class Changes {
  readonly reference = new Reference();
  readonly graph = new ServiceGraph(this.reference.reports);
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  change(): string {
    const random = this.#random;
    const kind = random.next();
    const name = `c${Math.floor(random.between(0, 12))}`;
    if (kind < 0.7) return this.#report(name);
    if (kind < 0.8) return this.#add(name);
    if (kind < 0.87) return this.#remove(name);
    if (kind < 0.96) return this.#drain(random.pick([name, "s0", "s1", "d0", "d1", ""]));
    return this.#declare();
  }

  #newReport(name: string): CheckReport {
    const random = this.#random;
    const state = random.pick(["passing", "passing", "passing", "warning", "failing", "pending"] as const);
    const counted = state !== "pending" || random.next() < 0.8;
    const services = this.reference.reports.get(name)?.services ?? [];
    const critical = this.reference.reports.get(name)?.critical ?? true;
    const times = { latencyMs: undefined, lastResultAt: undefined, since: 0 };
    return {
      name,
      state,
      counted,
      critical,
      services,
      reason: random.pick(REASONS),
      held: false,
      startup: true,
      ...times,
    };
  }

  #report(name: string): string {
    const { reports } = this.reference;
    if (!reports.has(name)) return "nothing";
    const report = this.#newReport(name);
    reports.set(name, report);
    this.graph.changed(name);
    for (const service of this.graph.affectedBy(report)) this.graph.evaluate(service);
    return `${name} is ${report.state}`;
  }

  #add(name: string): string {
    const random = this.#random;
    const { reports } = this.reference;
    const before = reports.get(name);
    if (before !== undefined) this.graph.remove(before);
    reports.delete(name); // the checks of a service are in the order in which they were added
    const services = ["s0", "s1"].filter(() => random.next() < 0.3);
    const report = { ...this.#newReport(name), services, critical: random.next() < 0.8 };
    reports.set(name, report);
    this.graph.add(report);
    for (const service of new Set([...(before?.services ?? []), ...this.graph.affectedBy(report)]))
      this.graph.evaluate(service);
    return `${name} is added`;
  }

  #remove(name: string): string {
    const report = this.reference.reports.get(name);
    if (report === undefined) return "nothing";
    const affected = this.graph.affectedBy(report);
    this.graph.remove(report);
    this.reference.reports.delete(name);
    for (const service of affected) this.graph.evaluate(service);
    return `${name} is removed`;
  }

  #drain(service: string): string {
    const { drained } = this.reference;
    const isDrained = !drained.has(service);
    if (isDrained) drained.add(service);
    else drained.delete(service);
    this.graph.setDrained(service, isDrained);
    for (const affected of this.graph.affectedByService(service)) this.graph.evaluate(affected);
    return `${service} is drained: ${isDrained}`;
  }

  #declare(): string {
    const random = this.#random;
    const members = (names: readonly string[]) => names.filter(() => random.next() < 0.4);
    const declarations: ServiceDeclaration[] = [
      {
        name: "d0",
        policy: random.pick<Policy>([ALL, { kind: "any" }]),
        members: ["c0", ...members(["c1", "c2", "s0"])],
      },
      { name: "d1", policy: { kind: "quorum", count: 2 }, members: ["c3", ...members(["c4", "d0", "c20"])] },
    ];
    const ordered = orderServices(declarations.filter(() => random.next() < 0.7));
    assert.ok("order" in ordered);
    this.reference.declared = ordered.order;
    this.graph.declare(ordered.order);
    for (const service of this.graph.inOrder([...this.graph.names(), ""])) this.graph.evaluate(service);
    return "declared";
  }
}

describe('"" after changes', () => {
  for (let seed = 1; seed <= 40; seed += 1)
    test(`is what its parts say [seed ${seed}]`, () => {
      const changes = new Changes(seed);
      const done: string[] = [];
      for (let count = 0; count < 400; count += 1) {
        done.push(changes.change());
        const [actual, expected] = [changes.graph.evaluate(""), changes.reference.whole()];
        // a drain of "" without any check is told too
        if (expected !== undefined) assert.deepEqual(actual, expected, done.slice(-5).join(", "));
      }
    });
});
