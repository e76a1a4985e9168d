/** What a fleet tells of itself, made when it is asked. */
import type { Clock } from "../core/clock.js";
import type { MemberState } from "../core/member-states.js";
import type { Detachment } from "./detachment.js";
import type { Mirror } from "./exchange/mirror.js";
import type { Rounds } from "./exchange/rounds.js";
import type { FleetSettings } from "./fleet-deps.js";
import type { HeardMember } from "./members/members.js";
import { type FleetMembership, isGoneByOrder } from "./members/membership.js";
import type { CheckOwners, FleetReadings, MemberReading, OwnerReading } from "./readings.js";
import type { Vote } from "./records/vote.js";
import { isMissed } from "./rules/heartbeats.js";
import type { Decisions } from "./seats/decisions.js";
import type { CheckRecord, Seats } from "./seats/seats.js";
import type { Run } from "./store/store.js";

export interface FleetViewDeps {
  readonly clock: Clock;
  readonly run: Run;
  readonly settings: FleetSettings;
  readonly membership: FleetMembership;
  readonly detachment: Detachment;
  readonly seats: Seats;
  readonly decisions: Pick<Decisions, "newestReport">;
  readonly mirror: Mirror;
  readonly rounds: Rounds;
}

/** So many beats without a sign of life are not yet worth a word. */
const QUIET_BEATS = 2;

/** Between two events about refused records. */
const MIN_PAUSE_MS = 60_000;

export class FleetView implements FleetReadings {
  readonly fleet: string;
  readonly member: string;
  readonly #deps: FleetViewDeps;
  #refusedTold = 0;
  #refusedToldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: FleetViewDeps) {
    this.fleet = deps.settings.fleet;
    this.member = deps.settings.member;
    this.#deps = deps;
  }

  get isDetached(): boolean {
    return this.#deps.detachment.isDetached;
  }

  get isLeaving(): boolean {
    return this.#deps.membership.isStandingBy;
  }

  get isStoreUp(): boolean {
    return this.#deps.rounds.calls.isUp;
  }

  get storeFailure(): FleetReadings["storeFailure"] {
    return this.#deps.rounds.calls.failure;
  }

  get takeovers(): number {
    return this.#deps.seats.takeovers;
  }

  get resyncs(): FleetReadings["resyncs"] {
    return { ...this.#deps.rounds.resyncs };
  }

  get storeErrors(): FleetReadings["storeErrors"] {
    return { ...this.#deps.rounds.calls.errors };
  }

  /** Records that were refused and not yet told: 0 within a minute of the last ones. A live member may have another secret. */
  newlyRefused(): number {
    const now = this.#deps.clock.now();
    const count = this.refusedRecords - this.#refusedTold;
    if (count === 0 || now < this.#refusedToldAt + MIN_PAUSE_MS) return 0;
    this.#refusedTold = this.refusedRecords;
    this.#refusedToldAt = now;
    return count;
  }

  get refusedRecords(): number {
    const { mirror, rounds, membership } = this.#deps;
    return mirror.refused + rounds.refused + membership.members.replayed;
  }

  get configDigests(): number {
    const { membership } = this.#deps;
    const configs = membership.alive.flatMap(({ beat }) => (beat === undefined ? [] : [beat.config]));
    return new Set([membership.self.config, ...configs].filter((config) => config !== "")).size;
  }

  get roles(): FleetReadings["roles"] {
    const roles = { owner: 0, local: 0, follower: 0 };
    for (const { definition, role } of this.#deps.seats.all())
      roles[definition.scope === "local" ? "local" : role === "resting" ? "follower" : "owner"] += 1;
    return roles;
  }

  get dissents(): number {
    let dissents = 0;
    for (const { definition, own, decision } of this.#deps.seats.all())
      if (own?.vote.state === "failing" && decision.reason === "partial" && !definition.isHeartbeat) dissents += 1;
    return dissents;
  }

  members(): readonly MemberReading[] {
    const { run, settings, membership, clock } = this.#deps;
    const { shares: checks } = this.#deps.seats;
    const { zone, version } = settings;
    const self: MemberReading = {
      ...{ member: this.member, run, isSelf: true, zone, version, beatAgeMs: 0 },
      state: this.#ownState(),
      checks: checks.get(run) ?? 0,
      config: membership.self.config,
    };
    // one that has left is no news, until it is forgotten
    const hasLeft = (member: HeardMember) => isGoneByOrder(member) && !membership.members.isAlive(member);
    const others = membership.members.all().filter((member) => member.isConfirmed && !hasLeft(member));
    return [self, ...others.map((other) => this.#reading(other, checks.get(other.run) ?? 0, clock.now()))].sort(byName);
  }

  owners(check: string): CheckOwners | undefined {
    const record = this.#deps.seats.get(check);
    if (record === undefined) return undefined;
    const { definition } = record;
    const { scope, isHeartbeat } = definition;
    const newest = isHeartbeat ? this.#newestReporter(record) : undefined;
    const owners = this.#votes(record).map(({ run, vote }) => ({
      ...this.#ownerReading(record, run, vote),
      hasNewestReport: run === newest,
    }));
    return { scope, isHeartbeat, isProbedHere: record.role !== "resting", owners };
  }

  /** Owners in the order of the assignment, and then others that have a vote under the same definition. */
  #votes(record: CheckRecord): readonly { readonly run: Run; readonly vote: Vote | undefined }[] {
    const { run: self, mirror } = this.#deps;
    const votes = new Map<Run, Vote | undefined>(record.owners.map(({ run }) => [run, undefined]));
    if (record.own !== undefined) votes.set(self, record.own.vote);
    for (const { run, cell } of mirror.votes(record.check))
      if (cell.definition === record.definition.digest) votes.set(run, cell.vote);
    return Array.from(votes, ([run, vote]) => ({ run, vote }));
  }

  /** The member whose report decides. */
  #newestReporter(record: CheckRecord): Run | undefined {
    const { run: self, decisions, mirror } = this.#deps;
    const newest = decisions.newestReport(record);
    // without a report, a miss is kept in its place
    if (newest === undefined || isMissed(newest.vote)) return undefined;
    if (newest.isOwn) return self;
    return Array.from(mirror.votes(record.check)).find(({ cell }) => cell.vote === newest.vote)?.run;
  }

  #ownerReading(record: CheckRecord, run: Run, vote: Vote | undefined): Omit<OwnerReading, "hasNewestReport"> {
    const { run: self, settings, membership } = this.#deps;
    const member = membership.members.get(run);
    const owner = record.owners.find((each) => each.run === run);
    // of a local check each member is the owner, for itself
    const isOwner = owner !== undefined || (record.definition.scope === "local" && vote !== undefined);
    return {
      member: owner?.name ?? (run === self ? settings.member : (member?.name ?? run)),
      run,
      zone: run === self ? settings.zone : member?.beat?.zone,
      isOwner,
      vote: vote?.state,
      reason: vote?.reason,
    };
  }

  #reading(member: HeardMember, checks: number, now: number): MemberReading {
    const { run, name, beat, heardAt } = member;
    return {
      ...{
        member: name,
        run,
        isSelf: false,
        state: this.#stateOf(member),
        zone: beat?.zone,
        version: beat?.version ?? "",
      },
      ...{ beatAgeMs: now - heardAt, checks, config: beat?.config ?? "" },
    };
  }

  #stateOf(member: HeardMember): MemberState {
    const { membership, settings } = this.#deps;
    if (!membership.members.isAlive(member)) return "dead";
    if (member.beat === undefined) return "other-format";
    if (member.beat.isLeaving) return member.beat.isDrained ? "drained" : "leaving";
    if (membership.isShadowed(member.run)) return "duplicate";
    return member.silenceMs > QUIET_BEATS * settings.beatMs ? "silent" : "alive";
  }

  #ownState(): MemberState {
    const { membership, run } = this.#deps;
    if (membership.isLeaving) return membership.isDrained ? "drained" : "leaving";
    return membership.isShadowed(run) ? "duplicate" : "alive";
  }
}

function byName(one: MemberReading, other: MemberReading): number {
  if (one.member !== other.member) return one.member < other.member ? -1 : 1;
  return one.run < other.run ? -1 : 1;
}
