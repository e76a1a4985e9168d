/**
 * What is true in a simulated fleet: targets, members, votes and faults. The world writes it down, the oracle reads it.
 * Nothing here comes from the rules of `src/fleet/`: a vote is what a modelled runner has told, and a member is cut from the
 * store when the world has cut it.
 */
import type { CheckState } from "../../../src/registry/ports.js";
import { Backlog } from "./backlog.js";

/** Settings of the fleet, in milliseconds: the defaults. */
export const BEAT_MS = 1_000;
export const LEASE_MS = 5_000;
export const SETTLE_MS = 2_000;
/** A check has a prober again this time after a crash. */
export const TAKEOVER_MS = LEASE_MS + SETTLE_MS + BEAT_MS;

/** Connected members hold equal tables after this time. */
export const SPREAD_MS = 1_000;
/** A member that hears again is up to date after two beats, and the time to spread. */
export const CATCH_UP_MS = 2 * BEAT_MS + SPREAD_MS + 500;

/** Of a runner. */
export const EDGE_MS = 2_000;
export const UNHEALTHY_THRESHOLD = 2;

/** What a crash, a pause, a join or a leave may add to the time until a change is published. */
const DISTURBANCE_MS = LEASE_MS + SETTLE_MS + BEAT_MS + UNHEALTHY_THRESHOLD * EDGE_MS + 1_000;

export type Told = "passing" | "warning" | "failing" | "abstaining";

export const isGood = (state: CheckState | Told) => state === "passing" || state === "warning";

/** The definition and the format of the records: two of each. */
export const GROUPS = [0, 1, 2, 3] as const;
export type Group = (typeof GROUPS)[number];

const formatOf = (group: Group) => (group < 2 ? 1 : 2);

export type TargetState = "up" | "slow" | "down";

export interface CheckOptions {
  readonly name: string;
  readonly index: number;
  readonly scope: "shared" | "local" | "each";
  readonly copies: number;
  readonly agree: number | "majority";
  readonly intervalMs: number;
  /** Members with another file have another definition of it: another target, or other settings. */
  readonly isVaried: boolean;
}

/** The vote of one member on one check. */
export interface VoteFacts {
  state: Told;
  since: number;
  /** When it was failing last; `Infinity`: it is. */
  failingUntil: number;
  firstResultAt: number;
  /** The last result after which the vote was good. */
  lastPassAt: number;
  lastResultAt: number;
  isProbing: boolean;
  /** When it was removed; `undefined`: it was not. The others learn that a moment later. */
  restedAt: number | undefined;
}

/** Of 100,000 checks, more votes change at once than the log takes in that time: at the start, and when a member sees again. */
const MASS_CHECKS_A_MS = 50;

/** A vote that was removed is known for so long to those that hear. */
const REMEMBERED_MS = SPREAD_MS + 2 * BEAT_MS;

interface RestedVote {
  readonly member: MemberFacts;
  readonly check: CheckFacts;
  readonly vote: VoteFacts;
}

/** What is no vote any more, and of which definition it was one. */
interface RemovedVote {
  readonly voter: MemberFacts;
  readonly group: Group;
}

export class CheckFacts {
  readonly name: string;
  readonly index: number;
  readonly scope: CheckOptions["scope"];
  readonly copies: number;
  readonly agree: CheckOptions["agree"];
  readonly intervalMs: number;
  readonly isVaried: boolean;
  /** Of its other definition, the target is another one. Else a runner goes on with other settings. */
  readonly hasOtherTarget: boolean;
  readonly staleAfterMs: number;
  target: TargetState = "up";
  /** When it went down or came back. */
  turnedAt = 0;
  readonly votes = new Map<MemberFacts, VoteFacts>();
  /** Votes that have been failing and were removed: a member that hears nothing does not know that they were. */
  readonly removed = new Map<VoteFacts, RemovedVote>();
  /** The last change of a vote, or of who probes. */
  changedAt = 0;
  /** The last time at which a member has begun to serve another state. */
  servedAt = 0;
  /** No good state of it is too old before this time. */
  lookAt = Number.NEGATIVE_INFINITY;
  /** When it was judged last, with nothing left that time alone could make a fault. */
  judgedAt = Number.NEGATIVE_INFINITY;
  /** Of each group: the last pass, how many probe it, and since when no member does. */
  readonly lastPassAt = GROUPS.map(() => Number.NEGATIVE_INFINITY);
  readonly probers = GROUPS.map(() => 0);
  readonly gapSince: (number | undefined)[] = GROUPS.map(() => 0);
  readonly isGapReported: boolean[] = [];

  constructor(options: CheckOptions) {
    this.name = options.name;
    this.index = options.index;
    this.scope = options.scope;
    this.copies = options.copies;
    this.agree = options.agree;
    this.intervalMs = options.intervalMs;
    this.isVaried = options.isVaried;
    this.hasOtherTarget = options.index % 2 === 0;
    this.staleAfterMs = 3 * options.intervalMs + 1_000;
  }

  /** Members of one group hold the same definition of it, and understand each other. */
  groupOf({ variant, format }: MemberFacts): Group {
    const isSecond = format === 2;
    if (!this.isVaried || variant === 0) return isSecond ? 2 : 0;
    return isSecond ? 3 : 1;
  }
}

export interface MemberFactsOptions {
  readonly name: string;
  readonly run: string;
  readonly variant: 0 | 1;
  readonly format: 1 | 2;
  readonly probesAll: boolean;
  readonly now: number;
  readonly hears: boolean;
}

/** One process. */
export class MemberFacts {
  readonly name: string;
  readonly run: string;
  /** Of its configuration: a reload changes it. */
  variant: 0 | 1;
  /** Of its records: a member with another one does not understand them. */
  readonly format: 1 | 2;
  readonly startedAt: number;
  diedAt: number | undefined;
  /** Its end was in order: its last beat has said so. */
  hasLeft = false;
  pausedAt: number | undefined;
  /** Its loop runs, but probes do not start: it sends no beat. */
  stalledAt: number | undefined;
  wokeAt: number;
  /** The last reload. It excuses nothing but the checks that are other ones since then. */
  reloadedAt = Number.NEGATIVE_INFINITY;
  /** The way to the store: `undefined` while it is cut. */
  reachedSince: number | undefined;
  /** Calls of a time in which it heard nothing wait for their deadline until then. */
  lateUntil = Number.NEGATIVE_INFINITY;
  /** Begin of the last time in which it did not hear, or not for long. */
  unstableFrom: number;
  isCut = false;
  /** The store refuses its votes: it hears the others, and they hear no more of it than that it lives. */
  isMute = false;
  /** The end of the last time in which it was mute. */
  muteUntil = Number.NEGATIVE_INFINITY;
  /** Since when it hears nothing at all. A slow or split store is not that. */
  deafSince: number | undefined;
  /** The last time in which it heard nothing at all, when that is over. */
  wasDeaf: { readonly from: number; readonly until: number } | undefined;
  side = 0;
  sideChangedAt = Number.NEGATIVE_INFINITY;
  /** It reaches no target. */
  isIsolated = false;
  /** The last end of what it did not reach. */
  sightSince = 0;
  /** It does not reach some targets. */
  isBlindToSome = false;
  /** It does not leave, and no other process with its name goes first. */
  isCandidate = true;
  /** It probes when all that are not drained are gone. */
  isDrained = false;
  /** Its last beat in the store was overwritten then: it counts for those that have read it before. */
  beatForgedAt = Number.NEGATIVE_INFINITY;
  /** Without the store it probes everything it knows. */
  readonly probesAll: boolean;
  /** Votes that it has yet to write. */
  readonly backlog = new Backlog(SPREAD_MS);
  readonly votes = new Map<CheckFacts, VoteFacts>();
  /** Of a check with other settings since its last reload: the last pass before, from which its state may still follow. */
  readonly passedBefore = new Map<CheckFacts, number>();

  constructor(options: MemberFactsOptions) {
    this.name = options.name;
    this.run = options.run;
    this.variant = options.variant;
    this.format = options.format;
    this.probesAll = options.probesAll;
    this.startedAt = options.now;
    this.wokeAt = options.now;
    this.unstableFrom = options.now;
    this.reachedSince = options.hears ? options.now : undefined;
    if (!options.hears) this.backlog.stop(options.now);
  }

  get isAwake(): boolean {
    return this.diedAt === undefined && this.pausedAt === undefined;
  }

  get isProbing(): boolean {
    return this.isAwake && this.stalledAt === undefined;
  }

  /** When it began to see a check anew. */
  beganAt({ isVaried }: CheckFacts): number {
    return isVaried ? Math.max(this.wokeAt, this.reloadedAt) : this.wokeAt;
  }
}

interface Disturbance {
  readonly at: number;
  readonly text: string;
  /** What it and all before it may delay. */
  readonly totalMs: number;
}

/** Faults, in the order of time. */
export class Disturbances {
  readonly all: Disturbance[] = [];

  get lastAt(): number {
    return this.all.at(-1)?.at ?? 0;
  }

  /** The last one that was not at this time: minus infinity without any. */
  lastBeside(at: number): number {
    return this.all.findLast((each) => each.at !== at)?.at ?? Number.NEGATIVE_INFINITY;
  }

  add(at: number, text: string, extraMs: number): void {
    this.all.push({ at, text, totalMs: (this.all.at(-1)?.totalMs ?? 0) + DISTURBANCE_MS + extraMs });
  }

  /** What those since a time may delay, with those whose effect lasts at that time. */
  delaySince(at: number): number {
    let index = this.all.length;
    while (index > 0 && (this.all[index - 1]?.at ?? 0) > at - DISTURBANCE_MS) index -= 1;
    return (this.all.at(-1)?.totalMs ?? 0) - (this.all[index - 1]?.totalMs ?? 0);
  }
}

/** Those that may own checks: drained ones when there are no others. */
export function candidates(members: readonly MemberFacts[]): readonly MemberFacts[] {
  const all = members.filter(({ isCandidate }) => isCandidate);
  return all.every(({ isDrained }) => isDrained) ? all : all.filter(({ isDrained }) => !isDrained);
}

/** What the oracle of a run counts. */
export interface Totals {
  /** Times in which no member of a group has probed a shared check, and one of them could have. */
  gaps: number;
  gapMs: number;
  maxGapMs: number;
  /** The longest one that no fault of the store has touched. */
  maxHealthyGapMs: number;
  /** The time for which shared checks are due to be probed: of each, once for each copy. */
  dueMs: number;
  /** The same for what was probed above it. */
  duplicateMs: number;
  /** Of it, while the store was well. */
  healthyDuplicateMs: number;
  /** Gaps that I3 bounds: the store was well, and a member could take the check over. */
  promisedGapMs: number;
  /** What I3 allows for them. */
  gapLimitMs: number;
  /** What is probed above `copies` by members that hear the others and reach their targets: hand-overs. */
  handOverMs: number;
  handOvers: number;
  votes: number;
  rests: number;
  results: number;
  memberMs: number;
}

export class Facts {
  now = 0;
  readonly checks: readonly CheckFacts[];
  readonly members: MemberFacts[] = [];
  /** All, and those that concern each check: without reloads. */
  readonly disturbances = new Disturbances();
  readonly #beyondReloads = new Disturbances();
  /** The store is away, slow, or split. */
  storeFaultSince: number | undefined;
  isStoreGone = false;
  storeBackAt = Number.NEGATIVE_INFINITY;
  storeFaultMs = 0;
  /** The last reload of any member. */
  reloadedAt = Number.NEGATIVE_INFINITY;
  readonly totals: Totals = {
    ...{ gaps: 0, gapMs: 0, maxGapMs: 0, maxHealthyGapMs: 0, dueMs: 0, duplicateMs: 0, healthyDuplicateMs: 0 },
    ...{ promisedGapMs: 0, gapLimitMs: 0, handOverMs: 0, handOvers: 0 },
    ...{ votes: 0, rests: 0, results: 0, memberMs: 0 },
  };

  /** When a member was killed last: its beats remain in the store. */
  #killedAt = Number.NEGATIVE_INFINITY;
  readonly #rested: RestedVote[] = [];
  readonly #removed: RestedVote[] = [];
  /** After so much time, no member may follow a vote. */
  readonly #followedMs: number;
  /** How much longer the votes on all checks take than the vote on one. */
  readonly massMs: number;

  constructor(checks: readonly CheckOptions[]) {
    this.checks = checks.map((options) => new CheckFacts(options));
    this.massMs = Math.floor(checks.length / MASS_CHECKS_A_MS);
    this.#followedMs = Math.max(...this.checks.map(({ staleAfterMs }) => staleAfterMs)) + CATCH_UP_MS;
  }

  /** Since when a member that could take the check over is there and hears the others: infinity when there is none. */
  candidateSince(check: CheckFacts, group: Group): number {
    const ready = candidates(this.members.filter(({ isProbing, format }) => isProbing && format === formatOf(group)))
      .filter((each) => check.groupOf(each) === group)
      .map((each) => Math.max(each.startedAt, each.beganAt(check), each.reachedSince ?? Number.POSITIVE_INFINITY));
    return Math.min(...ready);
  }

  /** Those that have members. */
  groups(): readonly Group[] {
    return GROUPS.filter((group) => this.members.some(({ format }) => format === formatOf(group)));
  }

  /** Whether members hear each other by the store, and have settled after its return. */
  wasStoreWell(since: number): boolean {
    return this.storeFaultSince === undefined && this.storeBackAt + DISTURBANCE_MS < since;
  }

  /** Of a check, or of those that no reload changes. */
  disturbancesOf(check?: CheckFacts): Disturbances {
    return check?.isVaried === true ? this.disturbances : this.#beyondReloads;
  }

  /** What the faults since a time may delay for a check, with those whose effect lasts at that time. */
  excusedSince(at: number, check: CheckFacts): number {
    const { storeFaultSince } = this;
    const lasting = storeFaultSince === undefined ? 0 : this.now - Math.max(at, storeFaultSince) + LEASE_MS;
    return this.disturbancesOf(check).delaySince(at) + Math.max(0, lasting);
  }

  disturb(text: string, extraMs = 0): void {
    this.disturbances.add(this.now, text, extraMs);
    this.#beyondReloads.add(this.now, text, extraMs);
  }

  join(member: MemberFacts): void {
    this.members.push(member);
    this.#mark(member);
    this.disturb(`${member.name} starts as ${member.run.slice(0, 6)}`);
  }

  /** It ends: killed, or after it has left. */
  end(member: MemberFacts, text: "is killed" | "has left"): void {
    member.hasLeft = text === "has left";
    this.#whileProbersChange(member, () => {
      this.#unhear(member);
      member.diedAt = this.now;
    });
    if (!member.hasLeft) this.#killedAt = this.now;
    this.totals.memberMs += this.now - member.startedAt;
    this.members.splice(this.members.indexOf(member), 1);
    this.disturb(`${member.name} ${text}`);
  }

  /** A dead member's votes count for a while: then they are forgotten. */
  forget(member: MemberFacts): void {
    for (const check of member.votes.keys()) check.votes.delete(member);
    member.votes.clear();
  }

  pause(member: MemberFacts): void {
    this.#whileProbersChange(member, () => {
      this.#unhear(member);
      member.pausedAt = this.now;
    });
    this.disturb(`${member.name} is paused`);
  }

  resume(member: MemberFacts): void {
    this.#whileProbersChange(member, () => {
      member.pausedAt = undefined;
    });
    member.wokeAt = this.now;
    this.#hear(member);
    this.disturb(`${member.name} resumes`);
  }

  /**
   * It has another configuration now. Of a check with another target, nothing that it has said counts, and no runner is there
   * until one is asked for. One with other settings goes on, and its votes are cast again.
   */
  reload(member: MemberFacts, variant: 0 | 1): void {
    const isCounted = member.isProbing;
    const votes = member.variant === variant ? [] : [...member.votes].filter(([check]) => check.isVaried);
    for (const [check, vote] of votes) {
      const { isProbing } = vote;
      if (isProbing && isCounted) this.#count(check, check.groupOf(member), -1);
      if (isProbing) this.totals.rests += 1;
      member.backlog.add(this.now);
      this.#remove({ ...vote, restedAt: this.now }, member, check);
      check.changedAt = this.now;
    }
    if (member.variant !== variant) this.#keepPasses(member);
    member.variant = variant;
    member.reloadedAt = this.now;
    this.reloadedAt = this.now;
    for (const [check, vote] of votes) {
      if (check.hasOtherTarget) {
        this.#forgetVote(member, check);
        continue;
      }
      const { isProbing, lastPassAt } = vote;
      vote.since = this.now;
      const group = check.groupOf(member);
      check.lastPassAt[group] = Math.max(lastPassAt, check.lastPassAt[group] ?? lastPassAt);
      this.totals.votes += 1;
      if (isProbing && isCounted) this.#count(check, group, 1);
    }
    this.disturbances.add(this.now, `${member.name} has configuration ${variant}`, 0);
  }

  /** What a check with the same target was remains, until it is stale: as without a fleet. */
  #keepPasses(member: MemberFacts): void {
    for (const check of this.checks)
      if (check.isVaried && !check.hasOtherTarget) member.passedBefore.set(check, passedAt(member, check));
  }

  stall(member: MemberFacts, isStalled: boolean): void {
    this.#whileProbersChange(member, () => {
      if (isStalled) this.#unhear(member);
      member.stalledAt = isStalled ? this.now : undefined;
    });
    if (!isStalled) member.wokeAt = this.now;
    this.#hear(member);
    this.disturb(`${member.name} ${isStalled ? "stops to probe" : "probes again"}`);
  }

  /** @param lateMs calls that wait for their deadline delay the return */
  cut(member: MemberFacts, isCut: boolean, lateMs = 0): void {
    member.isCut = isCut;
    if (isCut) this.#unhear(member);
    else this.#hear(member, lateMs);
    this.disturb(`${member.name} ${isCut ? "is cut from the store" : "reaches the store"}`);
  }

  mute(member: MemberFacts, isMute: boolean): void {
    member.isMute = isMute;
    member.muteUntil = this.now;
    if (isMute) this.#unhear(member);
    else this.#hear(member);
    this.disturb(`votes of ${member.name} are ${isMute ? "refused" : "taken"}`);
  }

  /** @param isGone it does not answer; else it is slow, or there are two */
  storeFault(text: string, isGone: boolean): void {
    this.storeFaultSince = this.now;
    this.isStoreGone = isGone;
    for (const member of this.members) this.#unhear(member);
    this.disturb(text);
  }

  /** @param lateMs calls that wait for their deadline delay the return */
  storeBack(lateMs: number): void {
    const lastedMs = this.now - (this.storeFaultSince ?? this.now);
    this.storeFaultMs += lastedMs;
    this.storeFaultSince = undefined;
    this.isStoreGone = false;
    this.storeBackAt = this.now;
    for (const member of this.members) this.#hear(member, lateMs);
    this.disturb("the store is back", lastedMs + LEASE_MS);
  }

  /** The store has lost data, and what was heard of it with them. */
  lose(text: string): void {
    for (const member of this.members) {
      this.#unhear(member);
      this.#hear(member);
    }
    this.disturb(text);
  }

  moveTo(member: MemberFacts, side: number): void {
    if (member.side === side) return;
    member.side = side;
    member.sideChangedAt = this.now;
    this.#unhear(member);
    this.#hear(member);
  }

  turn(check: CheckFacts, target: TargetState): void {
    if ((check.target === "down") !== (target === "down")) check.turnedAt = this.now;
    check.target = target;
  }

  probe(member: MemberFacts, check: CheckFacts): void {
    if (member.votes.get(check)?.restedAt !== undefined) this.#forgetVote(member, check);
    const vote = this.#voteOf(member, check);
    if (vote.isProbing) return;
    vote.isProbing = true;
    check.changedAt = this.now;
    if (member.isProbing) this.#count(check, check.groupOf(member), 1);
  }

  rest(member: MemberFacts, check: CheckFacts): void {
    const vote = member.votes.get(check);
    if (vote === undefined || !vote.isProbing) return;
    this.totals.rests += 1;
    member.backlog.add(this.now);
    check.changedAt = this.now;
    vote.isProbing = false;
    vote.restedAt = this.now;
    this.#rested.push({ member, check, vote });
    this.#remove(vote, member, check);
    if (member.isProbing) this.#count(check, check.groupOf(member), -1);
  }

  #remove(vote: VoteFacts, member: MemberFacts, check: CheckFacts): void {
    if (vote.state === "failing") vote.failingUntil = this.now;
    vote.state = "abstaining";
    if (vote.failingUntil === Number.NEGATIVE_INFINITY) return;
    check.removed.set(vote, { voter: member, group: check.groupOf(member) });
    this.#removed.push({ member, check, vote });
  }

  /** Forgets votes that were removed. */
  sweep(): void {
    for (const { member, check, vote } of this.#olderThan(REMEMBERED_MS, this.#rested))
      if (member.votes.get(check) === vote) this.#forgetVote(member, check);
    for (const { check, vote } of this.#olderThan(this.#followedMs, this.#removed)) check.removed.delete(vote);
  }

  /** Takes them out. */
  #olderThan(ms: number, rested: RestedVote[]): readonly RestedVote[] {
    const left = rested.findIndex(({ vote }) => this.now - (vote.restedAt ?? this.now) <= ms);
    return rested.splice(0, left < 0 ? rested.length : left);
  }

  #forgetVote(member: MemberFacts, check: CheckFacts): void {
    member.votes.delete(check);
    check.votes.delete(member);
  }

  /** A result that counts, and the vote after it. */
  result(member: MemberFacts, check: CheckFacts, state: Told): void {
    const vote = this.#voteOf(member, check);
    this.totals.results += 1;
    vote.lastResultAt = this.now;
    vote.firstResultAt = Math.min(vote.firstResultAt, this.now);
    if (state === "passing" || state === "warning") vote.lastPassAt = this.now;
    if (state === "passing" || state === "warning") check.lastPassAt[check.groupOf(member)] = this.now;
    this.vote(member, check, state);
  }

  vote(member: MemberFacts, check: CheckFacts, state: Told): void {
    const vote = this.#voteOf(member, check);
    if (vote.state === state) return;
    this.totals.votes += 1;
    member.backlog.add(this.now);
    if (vote.state === "failing") vote.failingUntil = this.now;
    vote.state = state;
    vote.since = this.now;
    if (state === "failing") vote.failingUntil = Number.POSITIVE_INFINITY;
    check.changedAt = this.now;
  }

  #voteOf(member: MemberFacts, check: CheckFacts): VoteFacts {
    let vote = member.votes.get(check);
    if (vote === undefined) {
      vote = newVote(this.now);
      member.votes.set(check, vote);
      check.votes.set(member, vote);
    }
    return vote;
  }

  /**
   * A member that hears again knows what the others say. It waits a beat longer while one is silent that may be alive for it,
   * and for those that come meanwhile: a lease after its first word, it waits no more.
   */
  hasCaughtUp(member: MemberFacts): boolean {
    const heardMs = this.now - (member.reachedSince ?? this.now) - this.massMs;
    if (heardMs < CATCH_UP_MS) return false;
    if (heardMs >= LEASE_MS + BEAT_MS) return true;
    const silentFrom = heardMs < CATCH_UP_MS + BEAT_MS ? member.unstableFrom - LEASE_MS : this.now;
    if (this.#killedAt > silentFrom) return false;
    return this.members.every((other) => {
      const { startedAt, wokeAt, pausedAt = -Infinity, stalledAt = -Infinity } = other;
      const cameAt = Math.max(startedAt, wokeAt, other.reachedSince ?? startedAt);
      const isCome = this.now - cameAt >= CATCH_UP_MS;
      return other === member || (isCome && Math.max(pausedAt, stalledAt) <= silentFrom);
    });
  }

  #hears(member: MemberFacts): boolean {
    return member.isProbing && !member.isCut && !member.isMute && this.storeFaultSince === undefined;
  }

  #unhear(member: MemberFacts): void {
    const { reachedSince } = member;
    if (reachedSince !== undefined && this.hasCaughtUp(member)) member.unstableFrom = this.now;
    member.reachedSince = undefined;
    member.backlog.stop(this.now);
    this.#mark(member);
  }

  #hear(member: MemberFacts, lateMs = 0): void {
    member.lateUntil = Math.max(member.lateUntil, this.now + lateMs);
    if (this.#hears(member)) {
      member.reachedSince = member.lateUntil;
      member.backlog.resume(member.lateUntil);
    }
    this.#mark(member);
  }

  #mark(member: MemberFacts): void {
    const { deafSince } = member;
    if (member.isCut || this.isStoreGone) member.deafSince ??= this.now;
    else if (deafSince !== undefined) {
      member.wasDeaf = { from: deafSince, until: this.now };
      member.deafSince = undefined;
    }
  }

  #whileProbersChange(member: MemberFacts, change: () => void): void {
    const before = member.isProbing;
    change();
    if (before === member.isProbing) return;
    for (const [check, { isProbing }] of member.votes)
      if (isProbing) this.#count(check, check.groupOf(member), before ? -1 : 1);
  }

  #count(check: CheckFacts, group: Group, step: 1 | -1): void {
    const probers = (check.probers[group] ?? 0) + step;
    check.probers[group] = probers;
    if (step > 0 && probers > check.copies && check.scope === "shared") this.totals.handOvers += 1;
    if (probers === 0) {
      check.gapSince[group] = this.now;
      return;
    }
    const since = check.gapSince[group];
    if (since === undefined) return;
    check.gapSince[group] = undefined;
    check.isGapReported[group] = false;
    if (check.scope !== "shared" || this.now < 20_000) return;
    const candidateSince = this.candidateSince(check, group);
    // without a candidate, none can probe it
    const gapMs = this.now - Math.min(this.now, Math.max(since, candidateSince));
    const { totals } = this;
    totals.gaps += 1;
    totals.gapMs += gapMs;
    totals.maxGapMs = Math.max(totals.maxGapMs, gapMs);
    if (!this.wasStoreWell(since)) return;
    totals.maxHealthyGapMs = Math.max(totals.maxHealthyGapMs, gapMs);
    if (candidateSince > since) return;
    totals.promisedGapMs += gapMs;
    totals.gapLimitMs += Math.max(0, this.disturbancesOf(check).lastAt - since) + TAKEOVER_MS;
  }
}

function newVote(since: number): VoteFacts {
  return {
    ...{ state: "abstaining", since, failingUntil: Number.NEGATIVE_INFINITY },
    ...{ firstResultAt: Number.POSITIVE_INFINITY, lastPassAt: Number.NEGATIVE_INFINITY },
    ...{ lastResultAt: Number.NEGATIVE_INFINITY, isProbing: false, restedAt: undefined },
  };
}

/** The last pass from which the good state of a member may follow. Of a local check: its own last result. */
export function passedAt(member: MemberFacts, check: CheckFacts): number {
  if (check.scope === "local") return check.votes.get(member)?.lastResultAt ?? Number.NEGATIVE_INFINITY;
  const before = member.passedBefore.get(check) ?? Number.NEGATIVE_INFINITY;
  return Math.max(before, check.lastPassAt[check.groupOf(member)] ?? before);
}
