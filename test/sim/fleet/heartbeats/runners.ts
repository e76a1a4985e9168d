/**
 * The heartbeats of one simulated process: modelled runners, as those of `src/checks` are.
 *
 *     report --> vote, with age 0 --------------.
 *     ttl over without a report --> `missed` ---+--> Fleet --decide--> table --> oracle
 */
import type { CancelTimer } from "../../../../src/core/clock.js";
import type { FleetChecks } from "../../../../src/fleet/fleet-deps.js";
import type { Decision, Definition, Vote } from "../../../../src/fleet/records/vote.js";
import type { CheckState } from "../../../../src/registry/ports.js";
import type { SimMember } from "../member.js";
import type { FleetWorld } from "../world.js";
import type { HeartbeatFacts, Report, ReportFacts } from "./facts.js";

interface Runner {
  /** What was found last: `undefined` before the first report or miss. */
  vote: Vote | undefined;
  reportedAt: number;
  /** When it was counted last, with the time of the start before that. */
  countedAt: number;
  ttlMs: number;
  timer: CancelTimer;
  decision: Decision | undefined;
}

/** As in the settings of a check: how long a result counts at the runner itself. */
const staleAfterOf = (ttlMs: number) => Math.max(3 * ttlMs + Math.min(2_000, ttlMs / 2), 30_000);

/** A process that does not start what is due looks again after this time. */
const STALLED_MS = 500;

export class HeartbeatRunners {
  readonly #world: FleetWorld;
  readonly #member: SimMember;
  readonly #runners = new Map<HeartbeatFacts, Runner>();

  constructor(world: FleetWorld, member: SimMember) {
    this.#world = world;
    this.#member = member;
  }

  /** The same checks, with the heartbeats among them. */
  within(checks: FleetChecks): FleetChecks {
    const { heartbeats } = this.#world;
    return {
      ...checks,
      get isLate() {
        return checks.isLate;
      },
      probe: (name, from) => {
        const heartbeat = heartbeats.get(name);
        if (heartbeat === undefined) checks.probe(name, from);
        else this.#castAgain(heartbeat);
      },
      rest: (name) => {
        if (heartbeats.get(name) === undefined) checks.rest(name);
      },
      decide: (name, decision) => {
        const heartbeat = heartbeats.get(name);
        if (heartbeat === undefined) checks.decide(name, decision);
        else this.#decide(heartbeat, decision);
      },
    };
  }

  /** They wait for reports from now on, with the ttl of the newest file. */
  start(restored: ReadonlyMap<HeartbeatFacts, ReportFacts>): void {
    const { now, heartbeats } = this.#world;
    for (const heartbeat of heartbeats.all) {
      const { ttlMs } = heartbeat;
      heartbeat.hold(this.#member.facts, ttlMs, now);
      const timer = () => {};
      const runner: Runner = {
        ...{ vote: undefined, reportedAt: now, countedAt: now, ttlMs, timer, decision: undefined },
      };
      this.#runners.set(heartbeat, runner);
      const last = restored.get(heartbeat);
      if (last === undefined) this.#schedule(heartbeat, runner);
      else if (now - last.at >= ttlMs) this.#miss(heartbeat, runner);
      else this.#count(heartbeat, runner, last.report, last.at);
    }
  }

  /** A report has arrived. */
  report(heartbeat: HeartbeatFacts, report: Report): void {
    const runner = this.#runners.get(heartbeat);
    if (runner !== undefined) this.#count(heartbeat, runner, report, this.#world.now);
  }

  /** Reads the newest file. The new ttl counts from the last report. */
  reload(): void {
    for (const [heartbeat, runner] of this.#runners) {
      if (runner.ttlMs === heartbeat.ttlMs) continue;
      runner.ttlMs = heartbeat.ttlMs;
      heartbeat.hold(this.#member.facts, heartbeat.ttlMs, this.#world.now);
    }
    this.#member.define();
    for (const [heartbeat, runner] of this.#runners) this.#schedule(heartbeat, runner);
  }

  *definitions(): Iterable<Definition> {
    for (const [{ name }, { ttlMs }] of this.#runners) {
      const digest = this.#member.fleet.digestOf(name);
      const sharing = { scope: "each", copies: 1, agree: "majority" } as const;
      yield { check: name, digest, ...sharing, staleAfterMs: ttlMs, isHeartbeat: true, rate: 0 };
    }
  }

  served(heartbeat: HeartbeatFacts): CheckState {
    const decision = this.#runners.get(heartbeat)?.decision;
    return decision === undefined || decision.validUntil <= this.#member.clock.now() ? "pending" : decision.state;
  }

  end(): void {
    for (const { timer } of this.#runners.values()) timer();
    this.#runners.clear();
  }

  #count(heartbeat: HeartbeatFacts, runner: Runner, report: Report, at: number): void {
    const ageMs = this.#world.now - at;
    runner.vote =
      report === "pass"
        ? { state: "passing", reason: undefined, ageMs }
        : { state: "failing", reason: "reported", ageMs };
    runner.reportedAt = at;
    runner.countedAt = at;
    this.#schedule(heartbeat, runner);
    this.#cast(heartbeat, runner, runner.vote);
  }

  #schedule(heartbeat: HeartbeatFacts, runner: Runner): void {
    runner.timer();
    const at = Math.max(this.#world.now, runner.countedAt + runner.ttlMs);
    runner.timer = this.#world.at(at, this.#member, () => this.#onTime(heartbeat, runner));
  }

  #onTime(heartbeat: HeartbeatFacts, runner: Runner): void {
    const { now } = this.#world;
    if (this.#member.facts.stalledAt === undefined) this.#miss(heartbeat, runner);
    else runner.timer = this.#world.at(now + STALLED_MS, this.#member, () => this.#onTime(heartbeat, runner));
  }

  #miss(heartbeat: HeartbeatFacts, runner: Runner): void {
    runner.countedAt = this.#world.now;
    runner.vote = { state: "failing", reason: "missed" };
    this.#schedule(heartbeat, runner);
    this.#cast(heartbeat, runner, runner.vote);
  }

  /** The fleet may not have the vote. A report is older by now. */
  #castAgain(heartbeat: HeartbeatFacts): void {
    const runner = this.#runners.get(heartbeat);
    if (runner?.vote === undefined) return;
    const isReport = runner.vote.ageMs !== undefined;
    this.#cast(
      heartbeat,
      runner,
      isReport ? { ...runner.vote, ageMs: this.#world.now - runner.reportedAt } : runner.vote,
    );
  }

  #cast({ name }: HeartbeatFacts, { countedAt, ttlMs }: Runner, vote: Vote): void {
    const { now } = this.#world;
    this.#world.isUnsettled = true;
    this.#world.facts.totals.votes += 1;
    this.#member.fleet.vote(name, vote, this.#member.clock.now() - now + countedAt + staleAfterOf(ttlMs));
  }

  #decide(heartbeat: HeartbeatFacts, decision: Decision): void {
    const runner = this.#runners.get(heartbeat);
    if (runner === undefined) return;
    runner.decision = decision;
    this.#world.heartbeats.oracle.onStatus(this.#member.facts, heartbeat);
  }
}
