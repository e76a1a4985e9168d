/**
 * Heartbeats: a report may arrive at any member, and the newest one decides.
 *
 *     a   report ok (order 1) ------------------------- missed
 *     b                          report ok (order 2) ---------        passing: b has the newest report
 *
 * Each report gets a number that is higher than all that its member has seen of the check: so all members agree on the newest.
 * Members that were apart, or that got reports at nearly the same time, give the same numbers to different ones. A member that
 * has started again knows no number. Then the age decides: it is known to a tolerance. Of reports with one number that may be as
 * young, the later one by the clocks of their machines is the newest: those differ by less, where NTP keeps them.
 *
 *     now                               tolerance                                     older
 *      | ... youngest report ................| by number, then by age .. | do not count, whatever their numbers are
 *
 * Each member knows the ages of the others' reports a little differently, and that of its own exactly. So that all agree, a
 * number that says nothing is changed by the member that has the report, as soon as that one is sure:
 *
 *     the own report is older than one whose number is not higher      it gives its number up
 *     it is younger than one of a member that is gone, or than one     it gets the next number
 *     that is missed, whose number is not lower
 *     it was repeated, and one that may be as young has its number,    it gets the next number
 *     and says something else
 *
 * `missed` is no report. It counts when no member has one. It has the number of the report that is too old for its member: that
 * report and those before it are too old everywhere, also where their ages are known to the tolerance only.
 *
 * The report of a member that is dead or leaves counts on until it is as old as the heartbeat allows. A member that stays adopts
 * it, so that it is not lost with the records of the dead one. So it does with a miss, when there is no report: a member that
 * has started since does not know when that was.
 */
import type { Decision, Vote } from "../records/vote.js";

/** A vote on a heartbeat. */
export interface HeartbeatVote {
  readonly vote: Vote;
  readonly validUntil: number;
  /** 0: a report of an earlier process. */
  readonly order: number;
  /** When it arrived, by the clock of that machine: milliseconds since the epoch. */
  readonly wallTime?: number | undefined;
  readonly run: string;
  /**
   * Monotonic time until which it would count by its age alone, for each vote counted in the same way: the youngest has the last
   * one. Of a miss: for the report that is missed since.
   */
  readonly byAge: number;
  /** It did not arrive at a process that has it and lives: another one may have missed it in its place. */
  readonly isHandedOn?: boolean;
  /** Of the own report: the others know an older one, which says the same. */
  readonly isRepeated?: boolean;
}

/** How exactly a member knows the ages of reports, in milliseconds. */
export interface AgePrecision {
  /** The age of a report that was repeated. */
  readonly toleranceMs: number;
  /** The way to the store and back. */
  readonly delayMs: number;
}

/** A report is written again when this share of its time has passed, or this time: a follower knows its age to that. */
const AGE_TOLERANCE = 0.1;
const MAX_AGE_TOLERANCE_MS = 60_000;

export function ageToleranceMs(ttlMs: number): number {
  return Math.min(AGE_TOLERANCE * ttlMs, MAX_AGE_TOLERANCE_MS);
}

/** A vote without a report. */
export function isMissed({ state, reason }: Vote): boolean {
  return state === "failing" && reason === "missed";
}

export function isSameState(one: Vote, other: Vote): boolean {
  return one.state === other.state && one.reason === other.reason;
}

/** The vote with the newest report. */
export function newestReport<Of extends HeartbeatVote>(
  votes: readonly Of[],
  { toleranceMs, delayMs }: AgePrecision,
  now: number,
): Of | undefined {
  const missed = votes.filter(({ vote, order }) => isMissed(vote) && order > 0);
  // with the same number, it is the one that was missed only when it was handed on
  const isUpTo = (order: number, { order: own, isHandedOn }: Of) =>
    order > own || (order === own && isHandedOn === true);
  const isOver = (each: Of) => missed.some(({ order, byAge }) => isUpTo(order, each) && byAge >= each.byAge - delayMs);
  const reports = votes.filter((each) => isReport(each.vote) && each.validUntil > now && !isOver(each));
  if (reports.length < 2) return reports[0];
  // once more the delay than at the member that changes its number: before others see by the age alone, it has done so
  const recent = youngest(reports, toleranceMs + 2 * delayMs);
  const order = Math.max(...recent.map((vote) => vote.order));
  const last = youngest(
    recent.filter((vote) => vote.order === order),
    order > 0 ? 2 * delayMs : delayMs,
  );
  return last.reduce((one, other) => (isLater(other, one) ? other : one));
}

/** All members know both times, so all take the same report, also where the clocks are wrong. */
function isLater(one: HeartbeatVote, other: HeartbeatVote): boolean {
  const [oneAt, otherAt] = [one.wallTime ?? 0, other.wallTime ?? 0];
  return oneAt === otherAt ? one.run > other.run : oneAt > otherAt;
}

/**
 * What becomes of the number of a member's own report, so that all members take the same one for the newest. Its number of
 * before is known to others: one without a number says nothing, and is left as it is.
 */
export function numberChange(
  own: HeartbeatVote,
  votes: readonly HeartbeatVote[],
  precision: AgePrecision,
  now: number,
): "next" | "none" | undefined {
  if (own.order === 0 || own.isHandedOn === true || !isReport(own.vote) || own.validUntil <= now) return undefined;
  if (isSurelyOlder(own, votes, precision, now)) return "none";
  return isSurelyYounger(own, votes, precision, now) || isRivalled(own, votes, now) ? "next" : undefined;
}

/** Without its number, the newest one is a younger one: what is known of that one's age is a bound. */
function isSurelyOlder(
  own: HeartbeatVote,
  votes: readonly HeartbeatVote[],
  precision: AgePrecision,
  now: number,
): boolean {
  const others = votes.filter((each) => each !== own);
  const newest = newestReport([...others, { ...own, order: 0 }], precision, now);
  return newest !== undefined && newest.order > 0 && newest.order <= own.order && newest.byAge > own.byAge;
}

/** The others compare the age of the report that they know with that of another one, which says something else. */
function isRivalled(own: HeartbeatVote, votes: readonly HeartbeatVote[], now: number): boolean {
  const isRival = ({ vote, validUntil, order }: HeartbeatVote) =>
    isReport(vote) && validUntil > now && order === own.order && !isSameState(vote, own.vote);
  return own.isRepeated === true && votes.some(isRival);
}

function isSurelyYounger(
  own: HeartbeatVote,
  votes: readonly HeartbeatVote[],
  { toleranceMs, delayMs }: AgePrecision,
  now: number,
): boolean {
  // a member that takes this one for gone adopts its report, and may know its age badly
  const isCopy = ({ vote, order, isHandedOn }: HeartbeatVote) =>
    isHandedOn === true && order === own.order && isSameState(vote, own.vote);
  const others = votes.filter(
    (each) => each !== own && each.order >= own.order && each.vote.state !== "abstaining" && !isCopy(each),
  );
  const challengers = others.filter(({ validUntil, byAge }) => validUntil > now || byAge === Number.NEGATIVE_INFINITY);
  return (
    challengers.length > 0 &&
    challengers.every(({ vote, order, byAge, isHandedOn }) => {
      // only this member can still change its number: it need not be sure
      const isExact = isMissed(vote) || (isHandedOn === true && order === own.order);
      return Number.isFinite(byAge) && byAge < own.byAge - delayMs - (isExact ? 0 : toleranceMs);
    })
  );
}

function isReport(vote: Vote): boolean {
  return vote.state !== "abstaining" && !isMissed(vote);
}

/** Those that are older than the youngest one by at most `withinMs`. */
function youngest<Of extends HeartbeatVote>(votes: readonly Of[], withinMs: number): readonly Of[] {
  const limit = Math.max(...votes.map(({ byAge }) => byAge)) - withinMs;
  return votes.filter(({ byAge }) => byAge >= limit);
}

/** The miss that counts for the longest time. */
export function newestMiss<Of extends HeartbeatVote>(votes: readonly Of[], now: number): Of | undefined {
  const missed = votes.filter(({ vote, validUntil }) => isMissed(vote) && validUntil > now);
  return missed.length === 0
    ? undefined
    : missed.reduce((one, other) => (other.validUntil > one.validUntil ? other : one));
}

/** @param before the decision so far, which stands while no member has a report or misses one */
export function heartbeatDecision(
  votes: readonly HeartbeatVote[],
  before: Decision,
  precision: AgePrecision,
  now: number,
): Decision {
  const newest = newestReport(votes, precision, now);
  if (newest !== undefined) {
    const { vote } = newest;
    return { state: stateOf(vote), reason: vote.reason, validUntil: saidUntil(vote, votes, precision, now) };
  }
  const missed = newestMiss(votes, now);
  return missed === undefined ? before : { state: "failing", reason: "missed", validUntil: missed.validUntil };
}

/** Until when the newest of those that count by then says the same: a copy of a report may end before others of it do. */
function saidUntil(said: Vote, votes: readonly HeartbeatVote[], precision: AgePrecision, now: number): number {
  let until = now;
  for (;;) {
    const newest = newestReport(votes, precision, until);
    if (newest === undefined || !isSameState(newest.vote, said)) return until;
    until = newest.validUntil;
  }
}

function stateOf({ state }: Vote): Decision["state"] {
  return state === "abstaining" ? "pending" : state;
}
