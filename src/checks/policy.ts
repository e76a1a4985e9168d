/**
 * The status of a service, from the states of its members: pure.
 *
 *     policy         SERVING when                          else
 *     all            every critical member is good         UNKNOWN while a critical one is undecided,
 *     any            one critical member is good           NOT_SERVING when all of them are decided
 *     quorum: n      n critical members are good
 *
 * Good is `passing` or `warning`; an undecided (`pending`) member is not good. So `all` is never SERVING before each of its
 * members is decided. `any` does not wait for the others when one is good: otherwise a new member, or one that cannot be
 * probed, would make a service NOT_SERVING although the other members are healthy.
 *
 * A non-critical member never makes a service NOT_SERVING. Its failure marks the service degraded, like a `warning` of any
 * member. A service whose members are all non-critical is UNKNOWN until one of them is decided. A heartbeat that has never
 * reported does not count as a member; a service with no other member is UNKNOWN. As members of further services, the
 * first is non-critical and the second does not count: nested services have the status that a flat one would have.
 */
import type { ServingStatus } from "../core/serving-status.js";
import type { CheckReport } from "../registry/ports.js";

/** How many of the critical members must be good: all, one, or a number. */
export type Policy =
  | { readonly kind: "all" }
  | { readonly kind: "any" }
  /** `isFixed`: members are found at run time, so fewer of them do not make the number smaller. Default false. */
  | { readonly kind: "quorum"; readonly count: number; readonly isFixed?: boolean };

/** The status of a service, from its members, and how the service counts as a member of others. */
export interface Rollup {
  readonly status: ServingStatus;
  readonly degraded: boolean;
  readonly reason: string | undefined;
  /** The check that the reason is of. */
  readonly cause: string | undefined;
  readonly critical: boolean;
  readonly counted: boolean;
}

/** The part of a check that a policy reads. A service that is a member of another one is read in the same way. */
export type Member = Pick<CheckReport, "state" | "critical" | "counted" | "reason"> & {
  /** Of a service: the check that its reason is of. */
  readonly cause?: string | undefined;
  /** Of a check. */
  readonly name?: string;
};

/** What a policy asks of a member, as bits. `FLAWED` and `ASSUMED` are of counted members, the last three of critical ones. */
export const PENDING = 1;
export const COUNTED = 2;
export const DECIDED = 4;
export const FLAWED = 8;
export const ASSUMED = 16;
export const CRITICAL = 32;
export const GOOD = 64;
export const UNDECIDED = 128;
export const BAD = 256;

export function traitsOf({ state, counted, critical, reason }: Member): number {
  if (!counted) return state === "pending" ? PENDING : 0;
  if (state === "pending") return PENDING | COUNTED | (critical ? CRITICAL | UNDECIDED : 0);
  const weight = critical ? CRITICAL | (state === "failing" ? BAD : GOOD) : 0;
  const flaw = state !== "passing" ? FLAWED : reason !== undefined ? ASSUMED : 0;
  return COUNTED | DECIDED | flaw | weight;
}

/** The members of a service: how many have a trait, or the first one that has it. */
export interface CountedMembers {
  readonly counted: number;
  readonly decided: number;
  readonly critical: number;
  readonly good: number;
  readonly pending: Member | undefined;
  readonly flawed: Member | undefined;
  readonly assumed: Member | undefined;
  readonly undecided: Member | undefined;
  readonly bad: Member | undefined;
}

/** The status of a service with these members. One pass without copies: a server may have thousands of checks. */
export function rollup(members: Iterable<Member>, policy: Policy): Rollup {
  let [counted, decided, critical, good] = [0, 0, 0, 0];
  let pending: Member | undefined;
  let undecided: Member | undefined;
  let bad: Member | undefined;
  let flawed: Member | undefined;
  let assumed: Member | undefined;
  for (const member of members) {
    const traits = traitsOf(member);
    if ((traits & PENDING) !== 0) pending ??= member;
    if ((traits & COUNTED) === 0) continue;
    counted += 1;
    if ((traits & DECIDED) !== 0) decided += 1;
    if ((traits & FLAWED) !== 0) flawed ??= member;
    else if ((traits & ASSUMED) !== 0) assumed ??= member;
    if ((traits & CRITICAL) === 0) continue;
    critical += 1;
    if ((traits & GOOD) !== 0) good += 1;
    else if ((traits & UNDECIDED) !== 0) undecided ??= member;
    else bad ??= member;
  }
  return rollupOf({ counted, decided, critical, good, pending, undecided, bad, flawed, assumed }, policy);
}

/** The same from members that are counted already. */
export function rollupOf(members: CountedMembers, policy: Policy): Rollup {
  const { counted, decided, critical, good, pending, undecided, bad, flawed, assumed } = members;
  const weight = { critical: critical > 0, counted: counted > 0 };
  if (critical === 0 && decided === 0) return { status: "UNKNOWN", degraded: false, ...becauseOf(pending), ...weight };
  if (good >= neededOf(policy, critical))
    return { status: "SERVING", degraded: flawed !== undefined, ...becauseOf(flawed ?? assumed), ...weight };
  if (undecided !== undefined) return { status: "UNKNOWN", degraded: false, ...becauseOf(undecided), ...weight };
  return { status: "NOT_SERVING", degraded: false, ...becauseOf(bad), ...weight };
}

function becauseOf(member: Member | undefined): Pick<Rollup, "reason" | "cause"> {
  return { reason: member?.reason, cause: member?.cause ?? member?.name };
}

/** The status of a check's own service: always the state of the check, critical or not. */
export function ownStatus({ name, state, critical, counted, reason }: Member): Rollup {
  const weight = { reason, cause: name, critical, counted };
  switch (state) {
    case "passing":
    case "warning":
      return { status: "SERVING", degraded: state === "warning", ...weight };
    case "failing":
      return { status: "NOT_SERVING", degraded: false, ...weight };
    case "pending":
      return { status: "UNKNOWN", degraded: false, ...weight };
    default:
      return state satisfies never;
  }
}

/** How a service counts as a member of another. */
export function memberOf({ status, degraded, reason, cause, critical, counted }: Rollup): Member {
  switch (status) {
    case "SERVING":
      return { state: degraded ? "warning" : "passing", reason, cause, critical, counted };
    case "NOT_SERVING":
      return { state: "failing", reason, cause, critical, counted };
    case "UNKNOWN":
      return { state: "pending", reason, cause, critical, counted };
    default:
      return status satisfies never;
  }
}

/** A quorum counts critical members. If fewer than its number are critical or count, all of those are needed, unless it is fixed. */
function neededOf(policy: Policy, critical: number): number {
  switch (policy.kind) {
    case "all":
      return critical;
    case "any":
      return Math.min(1, critical);
    case "quorum":
      return policy.isFixed === true && critical > 0 ? policy.count : Math.min(policy.count, critical);
    default:
      return policy satisfies never;
  }
}
