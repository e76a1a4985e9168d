/** The heartbeats of a simulated fleet: their facts, their oracle, and what each process has kept in its state folder. */
import type { Hearing } from "../hearing.js";
import type { SimMember } from "../member.js";
import type { FleetWorld } from "../world.js";
import { HeartbeatFacts, type HeartbeatOptions, type Report, type ReportFacts } from "./facts.js";
import { HeartbeatOracle } from "./oracle.js";

export class Heartbeats {
  readonly all: readonly HeartbeatFacts[];
  readonly oracle: HeartbeatOracle;
  readonly #world: FleetWorld;
  readonly #byName: ReadonlyMap<string, HeartbeatFacts>;
  /** By the name of the member. */
  readonly #kept = new Map<string, Map<HeartbeatFacts, ReportFacts>>();
  /** Members have a state folder. */
  hasState = false;

  constructor(world: FleetWorld, hearing: Hearing, options: readonly HeartbeatOptions[]) {
    this.#world = world;
    this.all = options.map((each) => new HeartbeatFacts(each));
    this.#byName = new Map(this.all.map((each) => [each.name, each]));
    this.oracle = new HeartbeatOracle(world.facts, hearing, this.all, {
      state: (member, heartbeat) => world.members.get(member)?.heartbeats.served(heartbeat) ?? "pending",
    });
  }

  get(name: string): HeartbeatFacts | undefined {
    return this.#byName.get(name);
  }

  /** A job reports to a member. */
  report(heartbeat: HeartbeatFacts, member: SimMember, report: Report): void {
    heartbeat.report(member.facts, report, this.#world.now);
    const last = heartbeat.reports.at(-1);
    const { name } = member.facts;
    const kept = this.#kept.get(name) ?? new Map<HeartbeatFacts, ReportFacts>();
    if (this.hasState && last !== undefined) this.#kept.set(name, kept.set(heartbeat, last));
    member.heartbeats.report(heartbeat, report);
  }

  /** A process starts. */
  start({ facts, heartbeats }: SimMember): void {
    const kept = this.#kept.get(facts.name) ?? new Map<HeartbeatFacts, ReportFacts>();
    for (const [heartbeat, last] of kept) heartbeat.restore(last, facts);
    heartbeats.start(kept);
  }
}
