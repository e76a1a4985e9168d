/**
 * Judges each status that each member serves, by the promises of a fleet alone. It imports no code of the rules.
 *
 *     no false OK       SERVING needs a pass younger than staleAfter, and a dead target stays SERVING no longer than detection
 *                       takes, and each fault since then may delay it
 *     no false down     a failing status of a target that is up needs as many failing votes as must agree
 *     no false unknown  what some voter sees pass, and the member can hear of, is not unknown
 *     no gap            each shared check has a prober, but for lease + settle + beat after a crash
 *     no false death    a member is dead for another only after that one could have heard it for a lease, and did not
 *     takeover          a runner starts from the state that its member serves
 *     calm              without a fault for a while: tables are equal within a second, the state is the one that the votes
 *                       mean, and exactly `copies` members probe
 *     writes            follow votes, members and faults; never results
 */
import type { CheckState } from "../../../src/registry/ports.js";
import {
  BEAT_MS,
  CATCH_UP_MS,
  type CheckFacts,
  candidates,
  EDGE_MS,
  type Facts,
  type Group,
  isGood,
  LEASE_MS,
  type MemberFacts,
  passedAt,
  SETTLE_MS,
  SPREAD_MS,
  TAKEOVER_MS,
  UNHEALTHY_THRESHOLD,
  type VoteFacts,
} from "./facts.js";
import { Hearing } from "./hearing.js";

/** Between the votes and the tables: gathering, writing, reading, and a round of deciding. */
const ROUNDING_MS = 1;

/** The vote of a member that is gone stands for at least this time: until its successor has voted. */
const LINGER_MS = TAKEOVER_MS + EDGE_MS;

/** A member that is gone for this time may be taken for dead: it has beaten up to a beat before, and a lease has a tolerance. */
const DEATH_MS = LEASE_MS - 1.5 * BEAT_MS;

/** A member that hears nothing for less time than this cannot break a promise by that. */
const MIN_DEAF_MS = 10_000;

/** A list of members that keeps changing is acted on after so many settle times, and else after one. */
const MAX_SETTLES = 3;

/** Without a fault for this time, members agree who is alive. */
const CALM_MS = LEASE_MS + SETTLE_MS + 2 * BEAT_MS + CATCH_UP_MS;

/** Of the bound of a gap. */
const GAP_TOLERANCE_MS = 500;

/** From the first probe call of a successor until its predecessor rests: the first result, its vote, and a round. */
const HAND_OVER_MS = EDGE_MS + SPREAD_MS;

/** The share of staleAfter for which the vote of a peer counts at least: it is as old as the oldest one of that peer. */
const KNOWN_SHARE = 0.5;

/** A member that is silent for so long is forgotten by the others. */
const FORGOTTEN_MS = 10 * LEASE_MS;

/** What the store was asked for. */
export interface StoreUse {
  readonly beats: number;
  readonly writes: number;
  readonly rewrites: number;
  readonly resyncs: number;
  readonly writtenCells: number;
}

/** What members serve. */
export interface Served {
  state(member: MemberFacts, check: CheckFacts): CheckState;
  /** The checks of which a member serves no good state. */
  troubled(member: MemberFacts): Iterable<CheckFacts>;
}

export class Oracle {
  readonly faults: string[] = [];
  readonly #facts: Facts;
  readonly #served: Served;
  readonly #hearing: Hearing;
  readonly #reported = new Set<string>();
  #sweptAt = 0;

  constructor(facts: Facts, served: Served) {
    this.#facts = facts;
    this.#served = served;
    this.#hearing = new Hearing(facts);
  }

  /** A member serves another state than before. */
  onStatus(member: MemberFacts, check: CheckFacts, before: CheckState): void {
    const after = this.#served.state(member, check);
    check.servedAt = this.#facts.now;
    if (isGood(after)) this.#checkServing(member, check);
    if (after === "failing") this.#checkFailing(member, check, before !== "failing");
    if (after === "pending") this.#checkPending(member, check, isGood(before));
  }

  /** A runner starts, from a state or from none. */
  onProbe(member: MemberFacts, check: CheckFacts, from: CheckState | undefined): void {
    const served = this.#served.state(member, check);
    if (served === "pending" || check.scope === "local") return;
    if (isGood(served) ? from !== undefined && isGood(from) : from === served) return;
    this.#fault("takeover", member, check, `the runner starts from ${from ?? "nothing"}, but ${served} is served`);
  }

  /** A member takes another one for dead. */
  onDeath(member: MemberFacts, peer: MemberFacts): void {
    const { now } = this.#facts;
    const silentFrom = this.#hearing.goneAt(peer, member);
    if (silentFrom !== undefined && now - silentFrom >= DEATH_MS) return;
    // it may have been silent before, and has come back a moment ago
    if (Math.min(now - peer.wokeAt, now - (peer.reachedSince ?? now)) < CATCH_UP_MS) return;
    if (now - Math.max(member.wokeAt, member.reachedSince ?? now) < CATCH_UP_MS && peer.unstableFrom < now - LEASE_MS)
      return;
    this.#fault("false death", member, undefined, `${peer.name} is taken for dead, but it was alive`);
  }

  /** Everything that is served now. A good state needs a look when its target is down, or when its last pass may be old. */
  sweep(): void {
    const { members, checks } = this.#facts;
    const awake = members.filter(({ isAwake }) => isAwake);
    for (const member of awake) {
      for (const check of this.#served.troubled(member)) {
        if (this.#served.state(member, check) === "failing") this.#checkFailing(member, check, false);
        else this.#checkPending(member, check, false);
      }
    }
    for (const check of checks) if (check.target === "down" || this.#facts.now >= check.lookAt) this.#lookAt(check);
    const deaf = awake.filter(({ deafSince }) => this.#facts.now - (deafSince ?? this.#facts.now) > MIN_DEAF_MS);
    for (const member of deaf)
      for (const check of checks) if (isGood(this.#served.state(member, check))) this.#checkServing(member, check);
    const sinceMs = this.#facts.now - this.#sweptAt;
    this.#sweptAt = this.#facts.now;
    const isStoreWell = this.#facts.storeFaultSince === undefined;
    const groups = this.#facts.groups();
    for (const check of checks) {
      if (check.scope !== "shared") continue;
      if (isStoreWell) this.#checkGap(check, groups);
      this.#countDuplicates(check, sinceMs);
    }
    if (this.#calmMs() > CALM_MS) this.#checkCalm();
  }

  /** At all who serve it as good. Then time alone makes no fault of it before `lookAt`: a last pass only gets younger. */
  #lookAt(check: CheckFacts): void {
    check.lookAt = Number.POSITIVE_INFINITY;
    for (const member of this.#facts.members) {
      if (!isGood(this.#served.state(member, check))) continue;
      if (member.isAwake) this.#checkServing(member, check);
      check.lookAt = Math.min(check.lookAt, passedAt(member, check) + check.staleAfterMs);
    }
  }

  #countDuplicates(check: CheckFacts, ms: number): void {
    const { probers, copies } = check;
    const { totals, now } = this.#facts;
    const isWell = this.#facts.wasStoreWell(now);
    if (isWell && probers.some((count) => count > copies)) totals.handOverMs += this.#handsOver(check) * ms;
    for (const count of probers) {
      if (count > 0) totals.dueMs += copies * ms;
      const duplicateMs = Math.max(0, count - copies) * ms;
      totals.duplicateMs += duplicateMs;
      if (isWell) totals.healthyDuplicateMs += duplicateMs;
    }
  }

  /** How many of those that probe it above `copies` hear the others and reach their targets for long: hand-overs alone explain them. */
  #handsOver(check: CheckFacts): number {
    const { now } = this.#facts;
    const since = now - CALM_MS;
    const counts = new Map<Group, number>();
    for (const [member, { isProbing }] of check.votes) {
      const isWell = member.isProbing && !member.isCut && !member.isMute && !member.isIsolated;
      // a member that has just started has nothing to hand over
      const returnedAt = Math.max(member.beganAt(check), member.reachedSince ?? now, member.sightSince);
      if (!isProbing || !isWell || (returnedAt > since && returnedAt > member.startedAt)) continue;
      const group = check.groupOf(member);
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    return [...counts.values()].reduce((sum, count) => sum + Math.max(0, count - check.copies), 0);
  }

  /** What the store was asked for, at the end. */
  onEnd(use: StoreUse, losses: number): void {
    const { totals, storeFaultMs, members, disturbances, checks } = this.#facts;
    const memberMs = totals.memberMs + members.reduce((sum, { startedAt }) => sum + this.#facts.now - startedAt, 0);
    const { length } = disturbances.all;
    const failedRounds = (length + storeFaultMs / BEAT_MS) * 2 * members.length;
    const limits: readonly (readonly [keyof StoreUse, number])[] = [
      ["beats", (1.05 * memberMs) / BEAT_MS + 2 * length * members.length],
      ["writes", totals.votes + totals.rests + failedRounds + 1],
      ["rewrites", (length + losses + 1) * (members.length + 3) + failedRounds],
      ["writtenCells", totals.votes + totals.rests + (losses + length) * checks.length],
    ];
    for (const [name, limit] of limits)
      if (use[name] > limit)
        this.#fault("writes", undefined, undefined, `${use[name]} ${name}; at most ${Math.round(limit)} are due`);
    if (totals.promisedGapMs > totals.gapLimitMs)
      this.#fault(
        "gaps",
        undefined,
        undefined,
        `${ms(totals.promisedGapMs)} of gaps; ${ms(totals.gapLimitMs)} are promised`,
      );
    const handOverLimitMs = totals.handOvers * HAND_OVER_MS;
    if (totals.handOverMs > handOverLimitMs)
      this.#fault(
        "duplicates",
        undefined,
        undefined,
        `${ms(totals.handOverMs)} of hand-overs; at most ${ms(handOverLimitMs)} are due`,
      );
  }

  /** Time without a fault: for a check, or for those that no reload changes. */
  #calmMs(check?: CheckFacts): number {
    const { now, storeFaultSince } = this.#facts;
    return storeFaultSince === undefined ? now - this.#facts.disturbancesOf(check).lastAt : 0;
  }

  #checkServing(member: MemberFacts, check: CheckFacts): void {
    const { now } = this.#facts;
    const { staleAfterMs } = check;
    const lastPassAt = passedAt(member, check);
    check.lookAt = Math.min(check.lookAt, lastPassAt + staleAfterMs);
    if (now - lastPassAt > staleAfterMs + ROUNDING_MS)
      this.#fault("false OK", member, check, `no voter has seen it pass for ${ms(now - lastPassAt)}`);
    const deafMs = now - (member.deafSince ?? now);
    if (deafMs > staleAfterMs + CATCH_UP_MS) {
      const ownPassAt = check.votes.get(member)?.lastPassAt ?? -Infinity;
      if (now - ownPassAt > staleAfterMs + ROUNDING_MS)
        this.#fault("false OK", member, check, `it hears nothing for ${ms(deafMs)}, and sees no pass itself`);
    }
    if (check.target === "down") this.#checkDetection(member, check);
  }

  /** How long a dead target may stay SERVING at a member that hears the others. */
  #checkDetection(member: MemberFacts, check: CheckFacts): void {
    const { now } = this.#facts;
    if (this.#hearing.steadyFrom(member) === undefined) return;
    const detectionMs =
      1.1 * (check.intervalMs + (UNHEALTHY_THRESHOLD - 1) * EDGE_MS) + SPREAD_MS + CATCH_UP_MS + BEAT_MS;
    const downMs = now - Math.max(check.turnedAt, member.startedAt);
    if (downMs <= detectionMs + this.#facts.excusedSince(check.turnedAt, check)) return;
    const voters = [...check.votes].filter(([voter, vote]) => vote.isProbing && this.#sees(voter, check, member));
    if (voters.length === 0) return; // what it was, until it is stale
    this.#fault("false OK", member, check, `the target is down for ${ms(downMs)}; ${ms(detectionMs)} are promised`);
  }

  /** A failing status of a target needs enough failing votes, whatever happens to members and store. */
  #checkFailing(member: MemberFacts, check: CheckFacts, hasTurned: boolean): void {
    if (check.target === "down") return;
    const { now } = this.#facts;
    const { staleAfterMs } = check;
    if (this.#seesItself(member, check))
      this.#fault("false down", member, check, "it hears no other member, and sees the target pass");
    const from = this.#hearing.knownFrom(member);
    const failed = new Set<MemberFacts>();
    let good = 0;
    const present = [...check.votes].map(([voter, vote]) => ({ voter, vote, group: check.groupOf(voter) }));
    const removed = [...check.removed].map(([vote, of]) => ({ ...of, vote }));
    for (const { voter, vote, group } of [...present, ...removed]) {
      const isKnown = voter === member ? !isVoid(vote, member) : check.scope !== "local";
      if (!isKnown || group !== check.groupOf(member)) continue;
      if (now - vote.lastResultAt > staleAfterMs + CATCH_UP_MS) continue;
      if (hasTurned && this.#isOutlived(voter, vote, member, check)) continue;
      const since = Math.min(from, this.#hearing.saidFrom(voter));
      if (vote.failingUntil >= since) {
        failed.add(voter);
        if (voter === member && this.#decidesAlone(member, check)) return;
      } else if (isGood(vote.state) && vote.since <= since && now - vote.lastResultAt < staleAfterMs) {
        const hasSeat = this.#hasSeat(voter, check) && (hasTurned || this.#isSettled(voter, member));
        good += hasSeat && this.#countsFor(voter, member, this.#lingerMs(voter, member, check)) ? 1 : 0;
      }
    }
    const failing = failed.size;
    // there is no vote, or one of them has not voted yet: what it was, until it is stale
    if (!hasTurned && (good === 0 || this.#isAwaited(member, check) || this.#isReloaded(member, check))) return;
    const agree = check.agree === "majority" ? Math.floor((failing + good) / 2) + 1 : check.agree; // of `each`
    if (failing > 0 && failing >= Math.min(agree, failing + good)) return;
    this.#fault("false down", member, check, `${failing} voters see it fail, ${good} see it pass; the target is up`);
  }

  /** A member that hears nothing for long decides by its own eyes. */
  #seesItself(member: MemberFacts, check: CheckFacts): boolean {
    const { now } = this.#facts;
    const vote = check.votes.get(member);
    if (vote === undefined || !isGood(vote.state) || !member.isProbing || !member.probesAll) return false;
    const deafFrom = Math.max(member.deafSince ?? now, member.beganAt(check));
    const seenAt = deafFrom + MIN_DEAF_MS + 1.1 * check.intervalMs + EDGE_MS;
    return now - BEAT_MS > Math.max(seenAt, vote.since) && vote.lastResultAt > deafFrom + MIN_DEAF_MS;
  }

  /** A failure that was over before the store was back does not turn a member that saw the target pass meanwhile. */
  #isOutlived(voter: MemberFacts, vote: VoteFacts, member: MemberFacts, check: CheckFacts): boolean {
    const { wasDeaf } = member;
    const own = check.votes.get(member);
    if (voter === member || wasDeaf === undefined || own === undefined || !isGood(own.state)) return false;
    if (!own.isProbing || !member.isProbing || !member.probesAll) return false;
    const seenAt = Math.max(wasDeaf.from, member.beganAt(check)) + MIN_DEAF_MS + 1.1 * check.intervalMs + EDGE_MS;
    if (this.#facts.now - wasDeaf.until > CALM_MS || own.since > wasDeaf.until || seenAt > wasDeaf.until) return false;
    const isThere = voter.isProbing && voter.reachedSince !== undefined && voter.side === member.side;
    if (voter.diedAt === undefined && !isThere) return false;
    return Math.min(vote.failingUntil, voter.diedAt ?? vote.failingUntil) < wasDeaf.until - CATCH_UP_MS;
  }

  /** Of a check that each member probes, those that stay decide: one that leaves has no successor. */
  #hasSeat(voter: MemberFacts, check: CheckFacts): boolean {
    // it is known to be gone
    if (voter.hasLeft && this.#hasBlindOwner(voter, check)) return false;
    return check.scope !== "each" || (voter.isCandidate && !voter.isDrained);
  }

  /** One that is gone does not see in place of an owner that says that it cannot look. */
  #hasBlindOwner(voter: MemberFacts, check: CheckFacts): boolean {
    for (const [owner, { isProbing, state }] of check.votes) {
      const isBlind = isProbing && (owner.isIsolated || state === "abstaining");
      if (isBlind && this.#isSameDefinition(voter, owner, check)) return true;
    }
    return false;
  }

  #hasLeftToBlind(voter: MemberFacts, member: MemberFacts, check: CheckFacts): boolean {
    const { now } = this.#facts;
    const isDead = now - (this.#hearing.goneAt(voter, member) ?? now) >= DEATH_MS;
    return (isDead || voter.hasLeft) && this.#hasBlindOwner(voter, check);
  }

  /** How long a vote counts after its member was heard last. One that was not seen to live holds a seat at most. */
  #lingerMs(voter: MemberFacts, member: MemberFacts, check: CheckFacts): number {
    const holdsSeat = check.scope === "shared" && !this.#hasBlindOwner(voter, check);
    if (this.#isUnseen(voter, member)) return holdsSeat ? DEATH_MS : 0;
    return holdsSeat || check.scope === "each" ? LEASE_MS : DEATH_MS;
  }

  /** A member that has joined, or that was silent for a lease, gets its seats when the list of members has settled. */
  #isSettled(voter: MemberFacts, member: MemberFacts): boolean {
    const { now } = this.#facts;
    // what has joined while this member was deaf is new to it
    const learnedAt = voter.startedAt > member.unstableFrom ? (member.reachedSince ?? now) : Number.NEGATIVE_INFINITY;
    return this.#hasSettled(Math.max(joinedAt(voter, now), learnedAt));
  }

  /** One that has another definition now is an owner of the old one until the list of members has settled. */
  #isReloaded(member: MemberFacts, { isVaried }: CheckFacts): boolean {
    return isVaried && (!this.#hasSettled(this.#facts.reloadedAt) || this.#isFrozen(member));
  }

  /**
   * A member was without the store for a lease, and others have another definition since: it acts on that a lease after its
   * return. It is back with the beat after all is written that it has said meanwhile.
   */
  #isFrozen({ reachedSince, unstableFrom, backlog }: MemberFacts): boolean {
    const { reloadedAt, now } = this.#facts;
    if (reachedSince === undefined || reachedSince - unstableFrom < DEATH_MS) return false;
    const isNew = reloadedAt >= unstableFrom - SPREAD_MS;
    return isNew && now < Math.max(reachedSince, backlog.returnedAt) + BEAT_MS + LEASE_MS + SPREAD_MS;
  }

  /** The list of members with a change of this time was acted on: after a settle time, and later only while it keeps changing. */
  #hasSettled(at: number): boolean {
    const { now, disturbances } = this.#facts;
    // a death is seen a lease after it
    const changesUntil = Math.min(disturbances.lastBeside(at) + LEASE_MS + BEAT_MS, at + (MAX_SETTLES - 1) * SETTLE_MS);
    return now - Math.max(at, changesUntil) >= CATCH_UP_MS + SETTLE_MS;
  }

  /**
   * A new owner has no result yet, or the first one is not yet known. Each member is one, once the list of members has settled.
   * An owner whose votes are refused may see it fail: it keeps its seat, and is heard two beats after that is over.
   */
  #isAwaited(member: MemberFacts, check: CheckFacts): boolean {
    const { now, members } = this.#facts;
    for (const [{ isMute, muteUntil }, { isProbing }] of check.votes)
      if (isProbing && (isMute || now - muteUntil < CATCH_UP_MS + BEAT_MS)) return true;
    const isShort = this.#isShort(member, check);
    if (check.scope === "each" || isShort)
      for (const voter of members) {
        if (isShort && this.#hearing.goneAt(voter, member) !== undefined) continue;
        const isOwner = voter.isProbing && voter.isCandidate && this.#isSameDefinition(voter, member, check);
        const hasResult = (check.votes.get(voter)?.firstResultAt ?? now) < now;
        const learnedAt = Math.max(voter.startedAt, voter.reachedSince ?? now);
        if (isOwner && !hasResult && !this.#hasSettled(learnedAt + LEASE_MS + EDGE_MS)) return true;
      }
    for (const [voter, { isProbing, firstResultAt }] of check.votes)
      if (isProbing && this.#isSameDefinition(voter, member, check) && now - firstResultAt < SPREAD_MS + 500)
        return true;
    return false;
  }

  /** Some see it fail, and fewer than its copies are there: one that has come, or is back, may be an owner and see it fail too. */
  #isShort(member: MemberFacts, check: CheckFacts): boolean {
    const heard = [...check.votes].filter(
      ([voter]) => this.#isSameDefinition(voter, member, check) && this.#hearing.goneAt(voter, member) === undefined,
    );
    const isFailing = check.scope === "shared" && [...check.votes.values()].some(({ state }) => state === "failing");
    return isFailing && heard.length < check.copies;
  }

  /** What voters see pass is not unknown to a member that can know it. */
  #checkPending(member: MemberFacts, check: CheckFacts, hasServed: boolean): void {
    const { now } = this.#facts;
    const { massMs } = this.#facts;
    if (member.stalledAt !== undefined || now - member.beganAt(check) < CATCH_UP_MS + LEASE_MS + massMs) return;
    const from = this.#hearing.knownFrom(member);
    const deafMs = now - (member.deafSince ?? now);
    if (deafMs > LINGER_MS && member.probesAll && this.#hasSeenUp(member, check, deafMs)) {
      this.#fault("false unknown", member, check, `it is cut off for ${ms(deafMs)}, and the target is up`);
      return;
    }
    if (!hasServed && this.#hearing.steadyFrom(member) === undefined) return;
    for (const [voter, vote] of check.votes) {
      if (!this.#isSameDefinition(voter, member, check) || !isGood(vote.state)) continue;
      if (vote.since > Math.min(from, this.#hearing.saidFrom(voter)) - CATCH_UP_MS) continue;
      if (this.#isUnseen(voter, member) || this.#hasLeftToBlind(voter, member, check)) continue;
      const heardAt = this.#hearing.heardAt(voter, member);
      if (now - heardAt >= LINGER_MS) continue;
      if (
        now - Math.max(heardAt - check.intervalMs * 1.1 - EDGE_MS, vote.lastResultAt) >
        KNOWN_SHARE * check.staleAfterMs
      )
        continue;
      this.#fault("false unknown", member, check, `${voter.name} sees it pass`);
      return;
    }
  }

  /**
   * A voter that is new to a member must be seen to beat, since the member hears: else its vote may be one of long ago. So must
   * one that was not heard since the member's start, one that has forgotten the member, which was silent for so long, and one
   * whose last beat was forged before the member has read it.
   */
  #isUnseen(voter: MemberFacts, member: MemberFacts): boolean {
    const heardAt = this.#hearing.heardAt(voter, member);
    const returnedAt = member.reachedSince ?? this.#facts.now;
    if (voter.beatForgedAt >= heardAt && returnedAt > heardAt) return true;
    if (heardAt < member.startedAt + CATCH_UP_MS) return true;
    const isNew = voter.startedAt > member.unstableFrom || member.unstableFrom === member.startedAt;
    const isForgotten = returnedAt - member.unstableFrom >= FORGOTTEN_MS;
    return (isNew || isForgotten) && heardAt < returnedAt + CATCH_UP_MS;
  }

  #hasSeenUp(member: MemberFacts, check: CheckFacts, deafMs: number): boolean {
    const { now } = this.#facts;
    const isUp = check.target !== "down" && now - check.turnedAt > deafMs + 2 * check.intervalMs;
    const from = now - deafMs - LINGER_MS;
    const isWhole = !member.isIsolated && !member.isBlindToSome && member.isProbing;
    return isUp && check.scope !== "local" && isWhole && member.beganAt(check) < from && member.sightSince < from;
  }

  #checkGap(check: CheckFacts, groups: readonly Group[]): void {
    const { now, storeBackAt, storeFaultSince } = this.#facts;
    for (const group of groups) {
      const since = check.gapSince[group];
      if (since === undefined || check.isGapReported[group]) continue;
      // no member has probed it, and this one could: also when there was none at the begin of the gap, or never was one
      const readyAt = this.#facts.candidateSince(check, group);
      const from = Math.max(since, readyAt);
      if (from > now || storeFaultSince !== undefined) continue;
      // a connection that was half-open is used until its calls are late
      const last = Math.max(from - CALM_MS, readyAt, this.#facts.disturbancesOf(check).lastAt, storeBackAt + LEASE_MS);
      const isByCrash = this.#facts.excusedSince(from, check) > 0;
      if (isByCrash && now - last <= TAKEOVER_MS + GAP_TOLERANCE_MS) continue;
      check.isGapReported[group] = true;
      this.#fault("gap", undefined, check, `no member probes it for ${ms(now - since)}`);
    }
  }

  #checkCalm(): void {
    const { now, members, checks, massMs } = this.#facts;
    // it keeps its seats, and the others do not know what it sees
    if (members.some(({ isMute }) => isMute)) return;
    const steady = members.filter((member) => member.isProbing && this.#hearing.steadyFrom(member) !== undefined);
    const knownUntil = Math.min(...steady.map(({ backlog }) => backlog.knownUntil(now)));
    // by what the group of a member in a check follows from
    const same = peersBy(steady, ({ format, side }) => `${format} ${side}`);
    const varied = peersBy(steady, ({ format, side, variant }) => `${format} ${side} ${variant}`);
    for (const check of checks) {
      if (check.scope === "local" || now - check.changedAt < SPREAD_MS + massMs + ROUNDING_MS) continue;
      if (check.changedAt >= knownUntil) continue;
      if (check.isVaried && this.#calmMs(check) <= CALM_MS) continue;
      // what was right stays right, until something changes
      if (check.judgedAt > Math.max(check.changedAt, check.servedAt, this.#facts.disturbancesOf(check).lastAt))
        continue;
      const isDone = (check.isVaried ? varied : same).map((peers) => this.#checkGroup(check, peers));
      if (isDone.every(Boolean)) check.judgedAt = now;
    }
  }

  /** Members that hear each other for long, and hold the same definition. False: more of them probe it than are due, so far. */
  #checkGroup(check: CheckFacts, { all, first, candidates }: Peers): boolean {
    const votes = [...check.votes].filter(([voter]) => all.has(voter));
    const isVoted = votes.some(([, vote]) => vote.state !== "abstaining");
    if (!isVoted) return true; // what it was, until it is stale
    const state = this.#served.state(first, check);
    for (const other of all) {
      if (this.#served.state(other, check) === state) continue;
      this.#fault("unequal", first, check, `${state} here, ${this.#served.state(other, check)} at ${other.name}`);
      break;
    }
    const probers = votes.filter(([, vote]) => vote.isProbing);
    const due = check.scope === "each" ? candidates : Math.min(check.copies, candidates);
    // a member that reaches no target does not vote: one predecessor goes on in its place
    const blind = probers.filter(([{ isIsolated }]) => isIsolated).length;
    if (probers.length > due + blind && this.#calmMs(check) > CALM_MS + HAND_OVER_MS)
      this.#fault("copies", first, check, `${probers.length} members probe it; ${due} are due`);
    if (probers.length < due && candidates === all.size)
      this.#fault("copies", first, check, `${probers.length} members probe it; ${due} are due`);
    if (probers.length === due) this.#checkAgreed(check, first, probers);
    return probers.length <= due;
  }

  /** The state is the one that the votes mean. */
  #checkAgreed(check: CheckFacts, member: MemberFacts, probers: readonly (readonly [MemberFacts, VoteFacts])[]): void {
    const votes = probers.map(([, { state }]) => state);
    const cast = votes.filter((state) => state !== "abstaining");
    if (cast.length === 0 || cast.length < probers.length) return; // former owners may vote in their seats
    const failing = cast.filter((state) => state === "failing").length;
    const agree = check.agree === "majority" ? Math.floor(probers.length / 2) + 1 : check.agree;
    const isWarning = failing > 0 || cast.includes("warning");
    const meant = failing >= Math.min(agree, cast.length) ? "failing" : isWarning ? "warning" : "passing";
    const state = this.#served.state(member, check);
    if (state !== meant) this.#fault("disagreed", member, check, `${state} is served, but ${meant} was voted`);
  }

  #isSameDefinition(voter: MemberFacts, member: MemberFacts, check: CheckFacts): boolean {
    if (check.scope === "local") return voter === member;
    return check.groupOf(voter) === check.groupOf(member);
  }

  /** A member without the others decides by its own vote. One that hears them again, and waits for a silent one, does not. */
  #decidesAlone(member: MemberFacts, check: CheckFacts): boolean {
    if (check.scope === "local") return true;
    const { unstableFrom, reachedSince = this.#facts.now } = member;
    return this.#hearing.steadyFrom(member) === undefined && reachedSince - unstableFrom > LEASE_MS - 2 * BEAT_MS;
  }

  /**
   * The vote of this voter counts for a member: it is heard, or it is gone for a short time alone. A voter that was gone for
   * longer, and came back a moment ago, is not known yet: the member has taken it for dead.
   */
  #countsFor(voter: MemberFacts, member: MemberFacts, lingerMs: number): boolean {
    const isBack = voter === member || this.#hearing.steadyFrom(voter) !== undefined;
    const goneAt = this.#hearing.goneAt(voter, member) ?? (isBack ? undefined : voter.unstableFrom);
    return goneAt === undefined || this.#facts.now - goneAt < lingerMs;
  }

  /** It probes, it reaches the target, and the member hears it. */
  #sees(voter: MemberFacts, check: CheckFacts, member: MemberFacts): boolean {
    if (!this.#isSameDefinition(voter, member, check)) return false;
    return voter.isProbing && !voter.isIsolated && this.#hearing.goneAt(voter, member) === undefined;
  }

  /** One of each kind, member and check. */
  #fault(kind: string, member: MemberFacts | undefined, check: CheckFacts | undefined, text: string): void {
    const key = `${kind} ${check?.name}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    const { now, disturbances } = this.#facts;
    const what = [kind, member && `at ${member.name}`, check && `${check.name} (${describe(check)})`].filter(Boolean);
    const votes = [...(check?.votes ?? [])].map(([voter, vote]) => `    ${describeVote(voter, vote, now)}`);
    const recent = disturbances.all.slice(-8).map((each) => `    ${ms(each.at)}: ${each.text}`);
    this.faults.push([`${ms(now)}: ${what.join(", ")}: ${text}`, ...votes, ...recent].join("\n"));
  }
}

/** Members that hear each other and have the same definitions. */
interface Peers {
  readonly all: ReadonlySet<MemberFacts>;
  readonly first: MemberFacts;
  /** How many of them may own checks. */
  readonly candidates: number;
}

function peersBy(members: readonly MemberFacts[], key: (member: MemberFacts) => string): readonly Peers[] {
  return [...new Set(members.map(key))].flatMap((each) => {
    const all = members.filter((member) => key(member) === each);
    const [first] = all;
    if (first === undefined) return [];
    return { all: new Set(all), first, candidates: candidates(all).length };
  });
}

/** Since when the others can count on it: its start, or its return when it was silent for a lease. */
function joinedAt({ startedAt, reachedSince, unstableFrom }: MemberFacts, now: number): number {
  const wasGone = (reachedSince ?? now) - unstableFrom >= DEATH_MS;
  return wasGone ? (reachedSince ?? now) : startedAt;
}

/** The member has another definition since then: it knows that this vote of its own counts no more. */
function isVoid({ restedAt }: VoteFacts, { reloadedAt }: MemberFacts): boolean {
  return restedAt !== undefined && restedAt <= reloadedAt;
}

function describe({ scope, copies, agree, target, turnedAt, intervalMs }: CheckFacts): string {
  return `${scope}, ${copies} copies, ${agree} agree, each ${ms(intervalMs)}, ${target} since ${ms(turnedAt)}`;
}

function describeVote(voter: MemberFacts, vote: VoteFacts, now: number): string {
  const gone = voter.diedAt !== undefined ? ", dead" : voter.pausedAt !== undefined ? ", paused" : "";
  const cut = voter.reachedSince === undefined ? ", hears nothing" : "";
  const probing = vote.isProbing ? "" : ", rests";
  return `${voter.name} ${vote.state} since ${ms(vote.since)}, result ${ms(now - vote.lastResultAt)} ago${gone}${cut}${probing}`;
}

function ms(duration: number): string {
  return `${(duration / 1_000).toFixed(2)} s`;
}
