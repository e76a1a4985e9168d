/**
 * Until when votes count, by the clock of this member.
 *
 * The vote of another member counts until its result may be too old: its beat says how old the oldest of its results is, and
 * after the last beat that was heard the age grows.
 */

import type { HeardMember } from "../members/members.js";
import type { Cell, Definition } from "../records/vote.js";
import { type AgePrecision, ageToleranceMs } from "../rules/heartbeats.js";

/**
 * A live member says each beat that its votes count. A beat is proven from the read before it on, and the next one comes after
 * another beat and the delay of the store.
 */
const MIN_VALID_BEATS = 3;

/**
 * The monotonic time until which the vote of another member counts: then its result may be older than `staleAfter`.
 * A beat says nothing of votes that this member has no copy of yet, and with a `stalest` of 1, it vouches for nothing.
 */
export function validityOf(
  { vouch }: Pick<HeardMember, "vouch">,
  { staleAfterMs }: Definition,
  beatMs: number,
): number {
  if (vouch === undefined) return Number.NEGATIVE_INFINITY;
  const left = staleAfterMs * (1 - Math.max(0, vouch.stalest));
  return vouch.provenAt + Math.min(staleAfterMs, Math.max(left, MIN_VALID_BEATS * beatMs));
}

/** Usually less, just before a beat: it vouches from the read before it on. */
const UNVOUCHED_BEATS = 2.5;

/** Another member has not vouched for its votes lately, or this one has not heard it: its votes may end, and are not renewed. */
export function isSilent(member: Pick<HeardMember, "vouch"> | undefined, now: number, beatMs: number): boolean {
  const vouchedAt = member?.vouch?.provenAt ?? Number.NEGATIVE_INFINITY;
  return vouchedAt <= now - UNVOUCHED_BEATS * beatMs;
}

/** So old, a report counts no more at the members that did not get it: they know its age to a tolerance. */
export function maxReportAgeMs({ staleAfterMs }: Definition): number {
  return staleAfterMs + ageToleranceMs(staleAfterMs);
}

/** A beat is proven from the read before it on, so two members know the age of a report to some beats. */
export function agePrecision({ staleAfterMs }: Definition, beatMs: number): AgePrecision {
  return { toleranceMs: ageToleranceMs(staleAfterMs), delayMs: MIN_VALID_BEATS * beatMs };
}

/** A live member says itself when a report is too old for it: a lease, with the default times. */
const BELIEVED_BEATS = 5;

/** What is known of a report of another member by its record. */
interface ToldReport {
  readonly beatMs: number;
  /** By its age. */
  readonly castUntil: number;
  /** Its member has it from one that is gone: it has no runner that says when the report is too old. */
  readonly isAdopted: boolean;
}

/**
 * Until when a live member that was heard last says that its report is not too old. Its ttl may be longer than the one here.
 * One that was adopted ends there by its age too, which is known to the delay.
 */
export function liveReportValidity(
  { vouch }: Pick<HeardMember, "vouch">,
  { beatMs, castUntil, isAdopted }: ToldReport,
): number {
  const until = (vouch?.provenAt ?? Number.NEGATIVE_INFINITY) + BELIEVED_BEATS * beatMs;
  return isAdopted ? Math.min(until, castUntil + MIN_VALID_BEATS * beatMs) : until;
}

/** The own runner says itself when its report is too old: also when it has stood still, it has so much time for that. */
export function ownReportValidity(byAge: number, validUntil: number, beatMs: number): number {
  return Math.min(validUntil, byAge + BELIEVED_BEATS * beatMs);
}

/** From its start, a member knows within so many beats what the others have said. */
const LEARNING_BEATS = 5;

/** Whether another member surely knows what one that is gone has said: it was there before that one was heard last. */
export function hasKnown(member: HeardMember | undefined, gone: HeardMember, beatMs: number): boolean {
  if (member?.beat === undefined) return false;
  return member.provenAt - member.beat.uptimeMs + LEARNING_BEATS * beatMs < gone.provenAt;
}

/** Until when a report counts that arrived at a member which is dead: as long as it is not older than a heartbeat may be. */
export function reportValidity(member: HeardMember, definition: Definition, { castAtMs, vote }: Cell): number {
  // how long ago a process beat that was never seen to live is not known
  if (member.beat === undefined || !member.isConfirmed) return Number.NEGATIVE_INFINITY;
  const ageMs = Math.max(0, member.beat.uptimeMs - castAtMs) + (vote.ageMs ?? 0);
  return member.provenAt + maxReportAgeMs(definition) - ageMs;
}

/** A decision is told again when so much of its time is left. */
const RENEWAL_SHARE = 0.25;

export const MIN_RENEWAL_BEATS = 3;

/** A decision is renewed when less time than this is left of it, in milliseconds. */
export function renewalMs({ staleAfterMs }: Definition, beatMs: number): number {
  return Math.max(RENEWAL_SHARE * staleAfterMs, MIN_RENEWAL_BEATS * beatMs);
}
