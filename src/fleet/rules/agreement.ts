/**
 * What the fleet makes of the votes on one check.
 *
 *     owners      a: passing    b: (not yet)                        c: abstaining
 *     others                    x: passing, an owner until now
 *     seats       passing       passing (of x)                      -                L = 2 votes
 *
 * With k = min(agree, L): failing when k votes fail. Else it is good: passing, or a warning when a vote warns or fails. A seat
 * whose owner has not voted, has a vote that is too old, or abstains is filled by a former owner, so that an owner that dies,
 * leaves or is cut off changes nothing. In place of an owner that abstains, a former owner counts only while it lives. A seat
 * that cannot be filled may still fail: while that could turn the check, the check stays what it was. A good state does so as
 * long as it counts, and what is unknown does not. A seat that abstains is not waited for. After a lease without a word, a
 * member that is heard votes in place of an owner that is silent since then.
 */

import type { Decision, Vote } from "../records/vote.js";
import type { Run } from "../store/store.js";

/** A vote, and the monotonic time until which it counts. */
export interface SeatVote {
  readonly vote: Vote;
  readonly validUntil: number;
  /** Its member is silent since this one hears again, after a lease without a word. */
  readonly isPast?: boolean;
}

/** The vote of this member. */
export interface OwnVote extends SeatVote {
  /** Of a heartbeat: monotonic time of the report, or of the first miss since. Its runner says itself when that is too old: the vote counts for longer. */
  readonly reportedAt?: number | undefined;
  /** Of a heartbeat: the store has an older report, which says the same. */
  readonly isRepeated?: boolean;
}

/** The vote of a member that is no owner. */
export interface FormerVote extends SeatVote {
  readonly run: Run;
  readonly isAlive: boolean;
  /** Monotonic time at which it was last heard. */
  readonly heardAt: number;
}

export interface SeatVotes {
  /** The votes of the owners, in the order of the assignment. `undefined`: it has not voted. */
  readonly owners: readonly (SeatVote | undefined)[];
  readonly former: readonly FormerVote[];
  /** Seats without an owner, because there are too few members that may own it: former owners that live may take them. */
  readonly spare: number;
  readonly agree: number | "majority";
  /** Owners without a vote are waited for: false when they have had enough time. */
  readonly isAwaited: boolean;
  /** An owner is waited for so long after its vote has become too old: it may be dead, and has no successor yet. */
  readonly awaitedMs: number;
}

export const UNDECIDED: Decision = { state: "pending", reason: undefined, validUntil: Number.POSITIVE_INFINITY };

/** @param before the decision so far, which stands while there is no vote */
export function agreedOn(seats: SeatVotes, before: Decision, now: number): Decision {
  const { votes, awaited, abstained } = seated(seats, now);
  const seatCount = Math.max(seats.owners.length, votes.length + awaited);
  const limit = seats.agree === "majority" ? Math.floor(seatCount / 2) + 1 : seats.agree;
  const failing = votes.filter(({ vote }) => vote.state === "failing");
  const k = Math.min(limit, votes.length + awaited);
  if (votes.length === 0) return before.state === "pending" ? pendingWith(abstained, before) : before;
  if (failing.length >= k) return decisionOf("failing", failing[0]?.vote.reason, failing);
  const good = failing.length === 0 ? votes : votes.filter(({ vote }) => vote.state !== "failing");
  const mayFail = failing.length > 0 && failing.length + awaited >= k;
  // to stay failing is no turn: the votes that fail carry it
  if (mayFail && before.state === "failing") return decisionOf("failing", before.reason, failing);
  const isKnown = before.state !== "pending" && before.validUntil > now;
  if (mayFail && (isKnown || good.length === 0)) return before;
  if (failing.length > 0) return decisionOf("warning", "partial", good);
  const warning = good.find(({ vote }) => vote.state === "warning");
  return warning === undefined
    ? decisionOf("passing", good[0]?.vote.reason, good)
    : decisionOf("warning", warning.vote.reason, good);
}

/** The votes that count. A seat is waited for when its owner has no vote that counts, and no former owner can fill it. */
function seated(
  { owners, former, spare, isAwaited, awaitedMs }: SeatVotes,
  now: number,
): { readonly votes: readonly SeatVote[]; readonly awaited: number; readonly abstained: SeatVote | undefined } {
  const waiting = former.filter((vote) => countsNow(vote, now));
  if (waiting.length > 1) waiting.sort(byPrecedence);
  const counted = owners.map((owner) => (countsNow(owner, now) ? owner : undefined));
  // it has not voted, or it is not heard, or it cannot look: a member that was an owner before may still see
  if (counted.includes(undefined)) {
    fill(counted, owners, waiting, false);
    fill(counted, owners, waiting, true);
  }
  for (const [index, seat] of counted.entries())
    if (seat?.isPast === true && isHeard(waiting[0])) counted[index] = waiting.shift();
  const votes: SeatVote[] = [];
  let awaited = 0;
  let abstained: SeatVote | undefined;
  for (const [index, owner] of owners.entries()) {
    const isAbstaining = owner?.vote.state === "abstaining";
    if (isAbstaining) abstained ??= owner;
    const vote = counted[index];
    if (vote !== undefined) votes.push(vote);
    else if (!isAbstaining && (isAwaited || now < (owner?.validUntil ?? Number.NEGATIVE_INFINITY) + awaitedMs))
      awaited += 1;
  }
  if (spare > 0) votes.push(...waiting.filter(({ isAlive }) => isAlive).slice(0, spare));
  return { votes, awaited, abstained };
}

export function countsNow(seat: SeatVote | undefined, now: number): seat is SeatVote {
  return seat !== undefined && seat.vote.state !== "abstaining" && seat.validUntil > now;
}

/** First the seats that would be waited for, and then those that abstain. */
function fill(
  counted: (SeatVote | undefined)[],
  owners: SeatVotes["owners"],
  waiting: FormerVote[],
  isAbstaining: boolean,
): void {
  for (const [index, owner] of owners.entries())
    if (counted[index] === undefined && (owner?.vote.state === "abstaining") === isAbstaining)
      counted[index] = filler(waiting, isAbstaining);
}

/** Takes one. A dead member has left its seat to a successor: it does not see in place of one that abstains. */
function filler(waiting: FormerVote[], isAbstaining: boolean): FormerVote | undefined {
  return isAbstaining && !isHeard(waiting[0]) ? undefined : waiting.shift();
}

function isHeard(vote: FormerVote | undefined): boolean {
  return vote?.isAlive === true && vote.isPast !== true;
}

/** Those who live, and then those who died last. Among those who live and are heard, the same order on each member. */
function byPrecedence(one: FormerVote, other: FormerVote): number {
  if (one.isAlive !== other.isAlive) return one.isAlive ? -1 : 1;
  if (one.isPast !== other.isPast) return one.isPast === true ? 1 : -1;
  if (!one.isAlive && one.heardAt !== other.heardAt) return other.heardAt - one.heardAt;
  return one.run < other.run ? -1 : 1;
}

function pendingWith(abstained: SeatVote | undefined, before: Decision): Decision {
  return abstained === undefined ? before : { ...UNDECIDED, reason: abstained.vote.reason };
}

/** @param carriers the votes that it follows from: it counts as long as one of them */
function decisionOf(state: Decision["state"], reason: string | undefined, carriers: readonly SeatVote[]): Decision {
  let validUntil = Number.NEGATIVE_INFINITY;
  let reported: Decision["reported"];
  for (const { vote, validUntil: until } of carriers) {
    if (until > validUntil) validUntil = until;
    reported ??= vote.reported;
  }
  return { state, reason, validUntil, reported };
}

/** The same for those who are told: `validUntil` aside. */
export function isSameDecision(one: Decision, other: Decision): boolean {
  return one.state === other.state && one.reason === other.reason && isSameReport(one.reported, other.reported);
}

export function isSameReport(one: Decision["reported"], other: Decision["reported"]): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  return one.every(({ name, status, reason }, index) => {
    const second = other[index];
    return name === second?.name && status === second.status && reason === second.reason;
  });
}
