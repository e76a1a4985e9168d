/**
 * The jobs that report: about once an interval, to some member, as if through a load balancer. A job may be late, die for a time,
 * fail for a time, report several times at once, or stay with one member. The ttl is changed by files that are rolled out.
 */
import { SeededRandom } from "../../../support/seeded-random.js";
import type { SimMember } from "../member.js";
import type { FleetWorld } from "../world.js";
import type { HeartbeatFacts, HeartbeatOptions, Report } from "./facts.js";

const TTLS_MS = [15_000, 20_000, 30_000, 60_000, 60_000, 90_000, 120_000, 240_000] as const;

/** A rollout tries a member that stands still again after this time. */
const RETRY_MS = 2_000;

export function heartbeatOptions(count: number, random: SeededRandom): readonly HeartbeatOptions[] {
  return Array.from({ length: count }, (_, index) => ({ name: `heartbeat-${index}`, ttlMs: random.pick(TTLS_MS) }));
}

export interface JobsOptions {
  readonly random: SeededRandom;
  /** Until then, jobs are late, die and fail. Then some are dead, and the others are well. */
  readonly until: number;
  readonly count: (kind: string) => void;
}

/** Jobs from now on. */
export function startJobs(world: FleetWorld, { random, until, count }: JobsOptions): void {
  for (const heartbeat of world.heartbeats.all) {
    const own = new SeededRandom(Math.floor(random.next() * 2 ** 32));
    new Job(world, heartbeat, { random: own, until, count }).start();
  }
}

/** Files with another ttl, each rolled out over the members one after the other. */
export function planTtls(world: FleetWorld, { random, until, count }: JobsOptions): void {
  for (let at = world.now + random.between(0, 30_000); at < until; at += random.between(10_000, 90_000)) {
    world.at(at, undefined, () => {
      for (const heartbeat of world.heartbeats.all) if (random.next() < 0.4) heartbeat.ttlMs = random.pick(TTLS_MS);
      count("ttl");
      let afterMs = 0;
      for (const member of world.members.values()) {
        afterMs += random.between(100, 6_000);
        world.at(world.now + afterMs, undefined, () => reload(world, member));
      }
    });
  }
}

function reload(world: FleetWorld, member: SimMember): void {
  if (member.facts.diedAt !== undefined) return;
  world.isUnsettled = true;
  if (member.facts.isAwake) member.heartbeats.reload();
  else world.at(world.now + RETRY_MS, undefined, () => reload(world, member));
}

class Job {
  readonly #world: FleetWorld;
  readonly #heartbeat: HeartbeatFacts;
  readonly #options: JobsOptions;
  /** Of the first ttl. */
  readonly #intervalMs: number;
  /** A share of the reports goes to the member of the one before. */
  readonly #stickiness: number;
  /** It is dead at the end. */
  readonly #endsDead: boolean;
  #last: SimMember | undefined;
  #isFailing = false;

  constructor(world: FleetWorld, heartbeat: HeartbeatFacts, options: JobsOptions) {
    const { random } = options;
    this.#world = world;
    this.#heartbeat = heartbeat;
    this.#options = options;
    this.#intervalMs = heartbeat.ttlMs * random.between(0.1, 0.8);
    this.#stickiness = random.pick([0, 0, 0.5, 0.95]);
    this.#endsDead = random.next() < 0.4;
  }

  start(): void {
    this.#after(this.#options.random.next() * this.#intervalMs);
  }

  #after(ms: number): void {
    this.#world.at(this.#world.now + ms, undefined, () => this.#run());
  }

  #run(): void {
    const { random, until, count } = this.#options;
    const isOver = this.#world.now >= until;
    if (isOver && this.#endsDead) return;
    if (isOver) this.#isFailing = false;
    else if (random.next() < 0.1) this.#isFailing = !this.#isFailing;
    const reports = !isOver && random.next() < 0.1 ? 3 : 1;
    for (let index = 0; index < reports; index += 1) this.#report(this.#isFailing ? "fail" : "pass");
    const usualMs = this.#intervalMs * random.between(0.8, 1.1);
    const draw = isOver ? 1 : random.next();
    if (draw < 0.1) count(draw < 0.05 ? "late job" : "dead job");
    const moreMs = draw < 0.05 ? random.between(0, 1.5) : draw < 0.1 ? random.between(1, 4) : 0;
    this.#after(usualMs + moreMs * this.#heartbeat.ttlMs);
  }

  #report(report: Report): void {
    const { random, count } = this.#options;
    const open = [...this.#world.members.values()].filter(({ facts, isLeaving }) => facts.isAwake && !isLeaving);
    const isSame = random.next() < this.#stickiness && this.#last !== undefined && open.includes(this.#last);
    const member = isSame ? this.#last : open[Math.floor(random.next() * open.length)];
    if (member === undefined) return;
    this.#last = member;
    count("report");
    this.#world.heartbeats.report(this.#heartbeat, member, report);
  }
}
