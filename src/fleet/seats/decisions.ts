/**
 * What is true of each check: the votes of this member and of its mirror of the others, made into a decision.
 *
 *     own vote --------.
 *     votes of others --+--> those that count, and until when --> agreement --> tell the checks, when it is another decision,
 *     owners ----------'                                                        or when the one that they have runs out
 */
import type { Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { HeardMember, Members } from "../members/members.js";
import { type FleetMembership, goesFirst } from "../members/membership.js";
import type { Decision, Definition, Vote } from "../records/vote.js";
import { agreedOn, countsNow, type FormerVote, isSameDecision, type SeatVote, UNDECIDED } from "../rules/agreement.js";
import { ownersOf } from "../rules/assignment.js";
import { heartbeatDecision, isMissed, newestMiss, newestReport, numberChange } from "../rules/heartbeats.js";
import type { Run } from "../store/store.js";
import { KnownVotes, type KnownVotesDeps } from "./known-votes.js";
import type { KeptReport } from "./own-votes.js";
import { type CheckRecord, UNTOLD } from "./seats.js";
import { agePrecision, hasKnown, isSilent, MIN_RENEWAL_BEATS, renewalMs, validityOf } from "./validity.js";

export interface DecisionsDeps extends KnownVotesDeps {
  readonly clock: Clock;
  readonly members: Pick<Members, "get" | "isAlive" | "isGone" | "isDeaf" | "isPast" | "returnedAt">;
  readonly membership: Pick<FleetMembership, "isLeaving" | "isDrained">;
  /** The votes of others are known in part only: each check stays what it was, as long as that counts. */
  readonly isCatchingUp: () => boolean;
  /** Votes that were told are not known yet: each check stays what it was, and stale when that counts no more. */
  readonly isBehind: () => boolean;
  /** Monotonic time at which the store was gone last. */
  readonly detachedAt: () => number;
  readonly tell: (check: string, decision: Decision) => void;
}

/** So many times `staleAfter`, an owner without a vote that counts is waited for. */
const MAX_AWAITED_STALE_TIMES = 2;

/** A member that has grown in so many reads is heard by the others too, as far as they hear. */
const SETTLED_GROWTHS = 3;

const CHECKS_A_STEP = 25;

export class Decisions {
  readonly #deps: DecisionsDeps;
  readonly #known: KnownVotes;
  /** The store is gone, and this member probes all: it has a seat of each check, and the votes of others count until they are stale. */
  isAlone = false;
  /** Grows when each check is to be decided anew. */
  #review = 0;

  constructor(deps: DecisionsDeps) {
    this.#deps = deps;
    this.#known = new KnownVotes(deps);
  }

  /** Each check is decided anew: by the next `renew`, unless something else does it before. */
  reviewAll(): void {
    this.#review += 1;
  }

  /** After an own result that says the same as before: tells what runs out again. Whether it is another state is decided with the next beat. */
  prolong(record: CheckRecord): void {
    if (this.#isRunningOut(record, this.#deps.clock.now())) this.decide(record, true);
  }

  /**
   * Decides, and tells it when that is news.
   * @param isSameOnly tells no other state: the votes of others may have ended just before the beat that renews them
   */
  decide(record: CheckRecord, isSameOnly = false): void {
    const { clock, isCatchingUp, isBehind, tell } = this.#deps;
    const before = record.decision;
    const isLocal = record.definition.scope === "local";
    // a member that starts would decide many times for nothing
    if (before === UNDECIDED && !isLocal && isCatchingUp()) return;
    const now = clock.now();
    record.review = this.#review;
    record.reviewAt = Number.POSITIVE_INFINITY;
    const decided = this.#lastingDecisionOf(record, now);
    const isHeld = !isLocal && (isBehind() || (isCatchingUp() && now < before.validUntil));
    const after = isHeld && decided.state !== before.state ? before : decided;
    const isUntold = record.toldUntil === UNTOLD;
    // what is known under another definition alone, perhaps of another target, is not told
    if (isUntold && (after === before || after.state === "pending")) return;
    const isSame = !isUntold && isSameDecision(before, after);
    if (isSameOnly && !isSame) {
      record.reviewAt = now;
      return;
    }
    // a state that was true for so long remains so, also when fewer votes carry it now
    record.decision = isSame && after.validUntil < before.validUntil ? before : after;
    const isLonger = record.decision.validUntil > record.toldUntil;
    if (isSame && !(isLonger && this.#isRunningOut(record, now))) return;
    record.toldUntil = record.decision.validUntil;
    tell(record.check, record.decision);
  }

  /** Whether what was told ends so soon that it is told again, when the votes carry it for longer. */
  #isRunningOut({ toldUntil, definition }: CheckRecord, now: number): boolean {
    return toldUntil - now < renewalMs(definition, this.#deps.beatMs);
  }

  /** With each beat: the decisions that run out, and those that wait for something. */
  *renew(records: Iterable<CheckRecord>): Steps<void> {
    const { clock } = this.#deps;
    let now = clock.now();
    let count = 0;
    for (const record of records) {
      const isDue = record.review !== this.#review || now >= record.reviewAt;
      if (isDue || this.#isRunningOut(record, now)) this.decide(record);
      count += 1;
      if (count % CHECKS_A_STEP !== 0) continue;
      yield;
      now = clock.now();
    }
  }

  /** The newest report of a heartbeat that counts. Without one, the miss that does. */
  newestReport(record: CheckRecord): KeptReport | undefined {
    const { clock, run: self, members, beatMs } = this.#deps;
    const precision = agePrecision(record.definition, beatMs);
    const reports = this.#known.reports(record);
    const newest = newestReport(reports, precision, clock.now()) ?? newestMiss(reports, clock.now());
    if (newest === undefined) return undefined;
    const member = members.get(newest.run);
    const isStaying = member !== undefined && members.isAlive(member) && member.beat?.isLeaving === false;
    const isSettled = isStaying && member.growths >= SETTLED_GROWTHS;
    const isOwn = newest.run === self;
    const isKept = !isOwn && !isStaying && member !== undefined && this.#isKeeper(record, member);
    const own =
      this.#deps.isCatchingUp() || this.#deps.isBehind() ? undefined : reports.find(({ run }) => run === self);
    const ownNumber = own && numberChange(own, reports, precision, clock.now());
    const validUntil = isMissed(newest.vote) ? newest.byAge + record.definition.staleAfterMs : newest.byAge;
    return { ...newest, validUntil, isOwn, isStaying, isSettled, isKept, ownNumber };
  }

  /** Whether this member, no owner any more, sees in place of one: each owner without a vote that counts has one predecessor. */
  isPredecessorDue(record: CheckRecord): boolean {
    const { clock, run: self, members, membership } = this.#deps;
    const now = clock.now();
    const owners = new Set(record.owners.map(({ run }) => run));
    let due = owners.size;
    for (const vote of this.#known.on(record)) {
      const { run, isAlive } = vote;
      if (run === self || !countsNow(vote, now) || this.#isDoubted(vote, record)) continue;
      if (owners.has(run) || (isAlive && goesFirst(members.get(run), self, membership))) due -= 1;
    }
    return due > 0;
  }

  /**
   * Of the owners that know what a member has said which is gone or leaves, this one keeps it. One that has started since may not.
   * When none does, a member that is no owner keeps it, such as one with the name of another process.
   */
  #isKeeper({ owners, hash }: CheckRecord, gone: HeardMember): boolean {
    const { run: self, members, beatMs } = this.#deps;
    const knowing = owners.filter(({ run }) => run === self || hasKnown(members.get(run), gone, beatMs));
    return knowing.length === 0 || ownersOf(hash, 1, knowing)[0]?.run === self;
  }

  /** A vote that ends before the next beat is left out already when the others decide without it: else the check would be stale until then. */
  #lastingDecisionOf(record: CheckRecord, now: number): Decision {
    const decided = this.#decisionOf(record, now);
    const next = now + MIN_RENEWAL_BEATS * this.#deps.beatMs;
    if (decided.validUntil >= next || record.definition.isHeartbeat) return decided;
    const { reviewAt } = record;
    const lasting = this.#decisionOf(record, next);
    record.reviewAt = Math.min(reviewAt, record.reviewAt);
    // votes that are renewed by then only seem to end: they must not hide a failure, nor make one
    if (isFailing(decided) !== isFailing(lasting) && this.#isRenewed(decided, record, now)) return decided;
    const isNew = lasting !== record.decision && lasting.state !== "pending";
    return isNew && lasting.validUntil > decided.validUntil ? lasting : decided;
  }

  /** Whether a vote for a decision will count for longer, with the next result or beat. */
  #isRenewed(decided: Decision, record: CheckRecord, now: number): boolean {
    const { run: self, members, beatMs } = this.#deps;
    const carriers = this.#known
      .on(record)
      .filter((vote) => countsNow(vote, now) && isFailing(vote.vote) === isFailing(decided));
    return carriers.some(({ run }) => run === self || !isSilent(members.get(run), now, beatMs));
  }

  #decisionOf(record: CheckRecord, now: number): Decision {
    const { definition, own, decision } = record;
    if (definition.isHeartbeat) {
      const reports = this.#known.reports(record);
      // what another member has to say of it may come with each beat
      if (reports.some(({ run }) => run !== this.#deps.run)) record.reviewAt = now;
      return heartbeatDecision(reports, decision, agePrecision(definition, this.#deps.beatMs), now);
    }
    if (definition.scope === "local")
      return agreedOn({ owners: [own], former: [], spare: 0, agree: 1, isAwaited: true, awaitedMs: 0 }, decision, now);
    return this.#fullySeated(record, now) ?? this.#agreement(record, now);
  }

  /** The usual case: each seat has an owner that is heard, and that has a vote which counts. No other vote matters then. */
  #fullySeated(record: CheckRecord, now: number): Decision | undefined {
    const { definition, decision } = record;
    const isShort = definition.scope === "shared" && record.owners.length < definition.copies;
    if (this.isAlone || isShort || record.owners.length === 0) return undefined;
    const owners: SeatVote[] = [];
    for (const { run } of record.owners) {
      const seat = run === this.#deps.run ? record.own : this.#voteOf(run, record);
      if (!countsNow(seat, now)) return undefined;
      owners.push(seat);
    }
    const { agree } = definition;
    return agreedOn({ owners, former: [], spare: 0, agree, isAwaited: false, awaitedMs: 0 }, decision, now);
  }

  /** Of another member that is alive. */
  #voteOf(owner: Run, record: CheckRecord): SeatVote | undefined {
    const { check, definition } = record;
    const { members, votes, beatMs } = this.#deps;
    for (const { run, cell } of votes(check)) {
      if (run !== owner) continue;
      const member = members.get(run);
      if (member === undefined || cell.definition !== definition.digest || !members.isAlive(member)) return undefined;
      if (this.#isDoubted({ run, vote: cell.vote }, record) || members.isPast(member)) return undefined;
      return { vote: cell.vote, validUntil: validityOf(member, definition, beatMs) };
    }
    return undefined;
  }

  #agreement(record: CheckRecord, now: number): Decision {
    const { definition, decision } = record;
    const runs: (Run | undefined)[] = record.owners.map(({ run }) => run);
    // all of them leave: they go on, and there is no successor
    if (runs.length === 0) runs.push(...new Array<undefined>(definition.copies).fill(undefined));
    // a seat that is not there with the store has the own vote or none: a former owner that fills it would be counted anew
    const { run: self } = this.#deps;
    if (this.isAlone && !runs.includes(self) && countsNow(record.own, now)) runs.push(self);
    // a run that was not yet seen to live, nor silent for a lease, may be the owner of a seat that no other member has
    const unsure = definition.scope === "shared" ? this.#known.unsure(record) : [];
    runs.push(...unsure.slice(0, Math.max(0, definition.copies - runs.length)));
    const spare = definition.scope === "shared" ? Math.max(0, definition.copies - runs.length) : 0;
    const owners: (SeatVote | undefined)[] = runs.map(() => undefined);
    const former: FormerVote[] = [];
    let reviewAt = unsure.length > 0 ? now : Number.POSITIVE_INFINITY;
    const detachedAt = this.#deps.detachedAt();
    const isDeaf = this.#deps.members.isDeaf(now);
    const ownSeenAt = seenAt(record.own, definition);
    for (const vote of this.#known.on(record)) {
      if (this.#isDoubted(vote, record)) {
        // it counts again when its member is heard
        if (ownSeenAt <= detachedAt || (vote.isAlive && !isDeaf)) reviewAt = now;
        if (ownSeenAt > detachedAt) continue;
      }
      const seat = runs.indexOf(vote.run);
      if (seat >= 0) owners[seat] = vote;
      else former.push(vote);
      if (vote.vote.state === "abstaining") continue;
      // a vote ends when no beat comes; that of one that was not heard may count with its next beat
      if (vote.validUntil <= now && vote.isAlive && !isDeaf) reviewAt = now;
      if (vote.validUntil > now && vote.run !== self) reviewAt = Math.min(reviewAt, vote.validUntil);
    }
    const awaitedMs = this.isAlone ? 0 : MAX_AWAITED_STALE_TIMES * definition.staleAfterMs;
    const awaitedUntil = record.ownersSince + awaitedMs;
    const isAwaited = record.owners.length > 0 && now < awaitedUntil;
    for (const seat of owners) {
      const seatAwaitedUntil = Math.max(awaitedUntil, (seat?.validUntil ?? Number.NEGATIVE_INFINITY) + awaitedMs);
      const isMissing = seat === undefined || (seat.vote.state !== "abstaining" && seat.validUntil <= now);
      if (isMissing && now < seatAwaitedUntil) reviewAt = Math.min(reviewAt, seatAwaitedUntil);
    }
    record.reviewAt = reviewAt;
    // of another target, what it was says nothing
    const before = record.toldUntil === UNTOLD ? UNDECIDED : decision;
    return agreedOn({ owners, former, spare, agree: definition.agree, isAwaited, awaitedMs }, before, now);
  }

  /**
   * A failure that was told before the store was gone, while this member sees a pass: a new one says more. So is one that is
   * older than the pass, until its member says it again to this one, which is back.
   */
  #isDoubted({ run, vote }: Pick<FormerVote, "run" | "vote">, { own, definition }: CheckRecord): boolean {
    if (vote.state !== "failing" || (own?.vote.state !== "passing" && own?.vote.state !== "warning")) return false;
    const { members, detachedAt } = this.#deps;
    const member = members.get(run);
    // in a store that is back, the last beat of a dead member may still be, and votes of before that their member has yet to replace
    const toldAt = member?.vouch?.provenAt ?? Number.NEGATIVE_INFINITY;
    const isOutlived = toldAt < Math.min(members.returnedAt, seenAt(own, definition));
    return member !== undefined && (toldAt < detachedAt() || isOutlived);
  }
}

function seenAt(own: SeatVote | undefined, { staleAfterMs }: Definition): number {
  return (own?.validUntil ?? Number.NEGATIVE_INFINITY) - staleAfterMs;
}

function isFailing({ state }: Vote | Decision): boolean {
  return state === "failing";
}
