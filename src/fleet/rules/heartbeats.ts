/**
 * Heartbeats: a report may arrive at any member, and the newest one decides.
 *
 *     a   report ok (order 1) ------------------------- missed
 *     b                          report ok (order 2) ---------        passing: b has the newest report
 *
 * Each report gets a number that is higher than all that its member has seen of the check: so all members agree on the newest.
 * `missed` is no report. It counts when no member has one. The report of a member that is dead or leaves counts on until it is as
 * old as the heartbeat allows. A member that stays adopts it, so that it is not lost with the records of the dead one.
 */
import type { Decision, Vote } from "../records/vote.js";

/** A vote on a heartbeat. */
export interface HeartbeatVote {
  readonly vote: Vote;
  readonly validUntil: number;
  readonly order: number;
  readonly run: string;
}

/** A report is written again when this share of its time has passed: a follower knows its age to that. */
export const AGE_TOLERANCE = 0.1;

/** A vote without a report. */
export function isMissed({ state, reason }: Vote): boolean {
  return state === "failing" && reason === "missed";
}

/** The vote with the newest report. */
export function newestReport<Of extends HeartbeatVote>(votes: readonly Of[], now: number): Of | undefined {
  let newest: Of | undefined;
  for (const vote of votes) {
    if (vote.vote.state === "abstaining" || isMissed(vote.vote) || vote.validUntil <= now) continue;
    if (newest === undefined || isNewer(vote, newest)) newest = vote;
  }
  return newest;
}

/** @param before the decision so far, which stands while no member has a report or misses one */
export function heartbeatDecision(votes: readonly HeartbeatVote[], before: Decision, now: number): Decision {
  const newest = newestReport(votes, now);
  if (newest !== undefined)
    return { state: stateOf(newest.vote), reason: newest.vote.reason, validUntil: newest.validUntil };
  const missed = votes.filter(({ vote, validUntil }) => isMissed(vote) && validUntil > now);
  if (missed.length === 0) return before;
  return { state: "failing", reason: "missed", validUntil: Math.max(...missed.map(({ validUntil }) => validUntil)) };
}

function isNewer(one: HeartbeatVote, other: HeartbeatVote): boolean {
  return one.order > other.order || (one.order === other.order && one.run > other.run);
}

function stateOf({ state }: Vote): Decision["state"] {
  return state === "abstaining" ? "pending" : state;
}
