/**
 * One simulated process: the real `Fleet`, and modelled runners that probe, count thresholds and vote.
 *
 *     target --sight--> runner --vote--> Fleet --decide--> table --> oracle
 *                          ^---- probe, rest ----'
 */
import type { CancelTimer, Clock } from "../../../src/core/clock.js";
import { Fleet } from "../../../src/fleet/fleet.js";
import type { FleetChecks, FleetEvent, FleetSettings } from "../../../src/fleet/fleet-deps.js";
import type { Decision, Definition, Vote } from "../../../src/fleet/records/vote.js";
import type { CheckState } from "../../../src/registry/ports.js";
import { OtherFormat } from "../../support/fleet-format.js";
import { MemoryConnection } from "../../support/fleet-memory-store.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { type CheckFacts, EDGE_MS, isGood, MemberFacts, UNHEALTHY_THRESHOLD } from "./facts.js";
import { HeartbeatRunners } from "./heartbeats/runners.js";
import type { FleetWorld } from "./world.js";

/** Simulated calls may take this long: half a lease. */
export const STORE_DEADLINE_MS = 2_500;

export const FLEET = "prod";
export const SECRET = "a secret of the fleet";

/** One of so many probes of a target that is up is lost. */
const LOSS = 1 / 200;

interface Runner {
  state: CheckState;
  failures: number;
  isLost: boolean;
  timer: CancelTimer;
}

/** The clock of one process: its monotonic time has its own origin, and its wall clock its own rate. */
class MemberClock implements Clock {
  wallOffset = 0;
  readonly #world: FleetWorld;
  readonly #member: SimMember;
  readonly #origin: number;
  readonly #wallRate: number;

  constructor(world: FleetWorld, member: SimMember, random: SeededRandom) {
    this.#world = world;
    this.#member = member;
    this.#origin = Math.floor(random.between(0, 1e9));
    this.#wallRate = random.between(0.9, 1.1);
  }

  now(): number {
    return this.#origin + this.#world.now;
  }

  wallTime(): number {
    return 1_767_225_600_000 + this.#world.now * this.#wallRate + this.wallOffset;
  }

  setTimer(delayMs: number, action: () => void): CancelTimer {
    return this.#world.at(this.#world.now + Math.max(0, delayMs), this.#member, () => {
      this.#world.isUnsettled = true;
      action();
    });
  }
}

export interface MemberOptions {
  readonly name: string;
  readonly zone: string | undefined;
  readonly variant: 0 | 1;
  /** 2: of the next version, whose records have another format. */
  readonly format: 1 | 2;
  readonly capacity: number;
  readonly probesAll: boolean;
}

export class SimMember {
  options: MemberOptions;
  readonly clock: MemberClock;
  readonly fleet: Fleet;
  readonly connection: MemoryConnection;
  readonly facts: MemberFacts;
  readonly heartbeats: HeartbeatRunners;
  /** Events that came while it was paused. */
  readonly deferred: (() => void)[] = [];
  /** Targets that it does not reach. */
  unreached: ReadonlySet<number> = new Set();
  isLeaving = false;
  readonly #world: FleetWorld;
  readonly #random: SeededRandom;
  readonly #runners = new Map<CheckFacts, Runner>();
  /** By the index of the check. */
  readonly #table: (Decision | undefined)[] = [];
  /** The state that was served when the oracle looked last. */
  readonly #seen: CheckState[];
  /** Checks that it did not serve as good then. */
  readonly troubled: Set<CheckFacts>;
  /** Nothing that is served runs out before this time. */
  #nextEndAt = Number.POSITIVE_INFINITY;

  constructor(world: FleetWorld, options: MemberOptions, seed: number) {
    this.#world = world;
    this.options = options;
    this.#random = new SeededRandom(seed);
    this.clock = new MemberClock(world, this, this.#random);
    this.heartbeats = new HeartbeatRunners(world, this);
    this.connection = new MemoryConnection(world.store, this.clock, STORE_DEADLINE_MS);
    const { clock, connection } = this;
    const store = options.format === 2 ? new OtherFormat(connection, FLEET, SECRET) : connection;
    this.fleet = new Fleet({
      ...{ clock, store, random: this.#random.next, settings: settingsOf(options), codec: world.codec },
      ...{ checks: this.heartbeats.within(this.#checks()), onEvent: (event: FleetEvent) => this.#onEvent(event) },
    });
    const { facts } = world;
    this.#seen = facts.checks.map(() => "pending");
    this.troubled = new Set(facts.checks);
    this.facts = new MemberFacts({
      ...{ name: options.name, run: this.fleet.run, variant: options.variant, format: options.format },
      probesAll: options.probesAll,
      ...{ now: world.now, hears: facts.storeFaultSince === undefined },
    });
    facts.join(this.facts);
  }

  start(): void {
    this.#world.isUnsettled = true;
    this.#world.heartbeats.start(this);
    this.define();
    this.fleet.start();
  }

  /** With another configuration: what it serves of a check with another target is unknown until it is decided. */
  reload(variant: 0 | 1): void {
    this.#world.isUnsettled = true;
    this.options = { ...this.options, variant };
    const isOther = variant !== this.facts.variant;
    this.#world.facts.reload(this.facts, variant);
    for (const check of this.#world.facts.checks) {
      if (!check.isVaried || !check.hasOtherTarget || !isOther) continue;
      this.#runners.get(check)?.timer();
      this.#runners.delete(check);
      this.#table[check.index] = undefined;
      this.#look(check);
    }
    this.define();
  }

  /** Tells the fleet what this process has in its configuration. */
  define(): void {
    const checks = this.#world.facts.checks.map((check) => this.#definition(check));
    this.fleet.define([...checks, ...this.heartbeats.definitions()]);
  }

  served({ index }: CheckFacts): CheckState {
    const decision = this.#table[index];
    return decision === undefined || decision.validUntil <= this.clock.now() ? "pending" : decision.state;
  }

  /** Tells the oracle of what has run out, and has runners abstain that see nothing for too long. */
  sweep(): void {
    if (this.clock.now() >= this.#nextEndAt) this.#lookAtAll();
    if (this.facts.stalledAt === undefined) return;
    for (const [check, runner] of this.#runners) {
      const vote = this.facts.votes.get(check);
      if (vote === undefined || vote.state === "abstaining") continue;
      if (this.#world.now - vote.lastResultAt >= check.staleAfterMs) this.#abstain(check, runner);
    }
  }

  /** The process ends now. */
  end(): void {
    for (const { timer } of this.#runners.values()) timer();
    this.#runners.clear();
    this.heartbeats.end();
    this.deferred.length = 0;
    this.connection.faults.isAway = true;
    void this.fleet.close();
    this.#world.isUnsettled = true;
  }

  #lookAtAll(): void {
    const now = this.clock.now();
    this.#nextEndAt = Number.POSITIVE_INFINITY;
    for (const check of this.#world.facts.checks) {
      this.#look(check);
      const { validUntil = now } = this.#table[check.index] ?? {};
      if (validUntil > now) this.#nextEndAt = Math.min(this.#nextEndAt, validUntil);
    }
  }

  #look(check: CheckFacts): void {
    const before = this.#seen[check.index];
    const after = this.served(check);
    if (before === after || before === undefined) return;
    this.#seen[check.index] = after;
    if (isGood(after)) this.troubled.delete(check);
    else this.troubled.add(check);
    this.#world.oracle.onStatus(this.facts, check, before);
  }

  #definition(check: CheckFacts): Definition {
    const { name, scope, copies, agree, staleAfterMs, intervalMs } = check;
    const digest = this.fleet.digestOf(`${name} ${check.isVaried ? this.facts.variant : 0}`);
    const rate = 1_000 / intervalMs;
    return { check: name, digest, scope, copies, agree, staleAfterMs, isHeartbeat: false, rate };
  }

  #checks(): FleetChecks {
    const { checkOf } = this.#world;
    return {
      probe: (name, from) => this.#probe(checkOf(name), from),
      rest: (name) => {
        const check = checkOf(name);
        this.#runners.get(check)?.timer();
        this.#runners.delete(check);
        this.#world.facts.rest(this.facts, check);
      },
      batch: (decisions) => decisions(),
      decide: (name, decision) => {
        const check = checkOf(name);
        this.#look(check);
        this.#table[check.index] = decision;
        this.#nextEndAt = Math.min(this.#nextEndAt, decision.validUntil);
        this.#look(check);
      },
      isScheduling: () => this.facts.stalledAt === undefined,
      isLate: false,
      stalest: () => this.#stalest(),
    };
  }

  #stalest(): number {
    const { now } = this.#world;
    let stalest = 0;
    // with each beat: of a map with many entries, the fastest way
    this.facts.votes.forEach((vote, check) => {
      const share = (now - vote.lastResultAt) / check.staleAfterMs;
      if (share > stalest && vote.isProbing && vote.state !== "abstaining") stalest = share;
    });
    return Math.min(1, stalest);
  }

  #probe(check: CheckFacts, from: Decision | undefined): void {
    if (this.facts.diedAt !== undefined) return;
    if (this.#runners.has(check)) {
      this.#castAgain(check);
      return;
    }
    const state = from?.state ?? "pending";
    this.#world.oracle.onProbe(this.facts, check, from?.state);
    this.#world.facts.probe(this.facts, check);
    const runner: Runner = { state, failures: 0, isLost: false, timer: () => {} };
    this.#runners.set(check, runner);
    this.#after(check, runner, EDGE_MS * this.#random.next());
  }

  #after(check: CheckFacts, runner: Runner, ms: number): void {
    runner.timer = this.#world.at(this.#world.now + ms, this, () => this.#onTime(check, runner));
  }

  #onTime(check: CheckFacts, runner: Runner): void {
    if (this.facts.stalledAt !== undefined) this.#after(check, runner, 500);
    else this.#onResult(check, runner);
  }

  #onResult(check: CheckFacts, runner: Runner): void {
    const isBad = this.#isBad(check, runner);
    if (this.facts.isIsolated) {
      this.#abstain(check, runner);
      this.#after(check, runner, EDGE_MS);
      return;
    }
    const lastAt = this.facts.votes.get(check)?.lastResultAt ?? Number.NEGATIVE_INFINITY;
    const isStale = lastAt > 0 && this.#world.now - lastAt >= check.staleAfterMs;
    if (isStale) runner.state = "pending";
    runner.failures = isBad ? runner.failures + 1 : 0;
    if (!isBad) runner.state = check.target === "slow" ? "warning" : "passing";
    else if (runner.state === "pending" || runner.failures >= UNHEALTHY_THRESHOLD) runner.state = "failing";
    const { state } = runner;
    this.#world.facts.result(this.facts, check, state);
    this.#cast(check, state, this.#world.now);
    const isEdge = isBad && state !== "failing";
    this.#after(check, runner, isEdge ? EDGE_MS : check.intervalMs * this.#random.between(0.9, 1.1));
  }

  /** A lost probe is never followed by another one. */
  #isBad(check: CheckFacts, runner: Runner): boolean {
    const isLost = !runner.isLost && this.#random.next() < LOSS;
    runner.isLost = isLost;
    return check.target === "down" || isLost || this.unreached.has(check.index);
  }

  #abstain(check: CheckFacts, runner: Runner): void {
    runner.failures = 0;
    this.#world.facts.vote(this.facts, check, "abstaining");
    this.#cast(check, "abstaining", this.facts.votes.get(check)?.lastResultAt ?? this.#world.now);
  }

  /** A runner goes on: the fleet may not have its vote any more. */
  #castAgain(check: CheckFacts): void {
    const vote = this.facts.votes.get(check);
    if (vote !== undefined && vote.firstResultAt <= this.#world.now) this.#cast(check, vote.state, vote.lastResultAt);
  }

  #cast(check: CheckFacts, state: Vote["state"], resultAt: number): void {
    const reason = state === "failing" ? "refused" : state === "warning" ? "slow" : undefined;
    const validUntil = this.clock.now() - this.#world.now + Math.max(0, resultAt) + check.staleAfterMs;
    this.#world.isUnsettled = true;
    this.fleet.vote(check.name, { state, reason }, validUntil);
  }

  #onEvent(event: FleetEvent): void {
    if (event.kind !== "member-dead") return;
    const peer = this.#world.peerOf(event.run);
    if (peer !== undefined) this.#world.oracle.onDeath(this.facts, peer);
  }
}

function settingsOf({ name, zone, capacity }: MemberOptions): FleetSettings {
  return {
    ...{ instance: name, fleet: FLEET, member: name, zone, secret: SECRET, version: "1.0.0" },
    ...{ beatMs: 1_000, leaseMs: 5_000, settleMs: 2_000, capacity, whenStoreIsGone: "auto", leaveMs: 15_000 },
  };
}
