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
 * member.
 */
import type { ServingStatus } from "../core/serving-status.js";
import type { CheckReport } from "../registry/ports.js";

/** How many of the critical members must be good: all, one, or a number. */
export type Policy =
  | { readonly kind: "all" }
  | { readonly kind: "any" }
  | { readonly kind: "quorum"; readonly count: number };

/** The status of a service, from its members. */
export interface Rollup {
  readonly status: ServingStatus;
  readonly degraded: boolean;
  readonly reason: string | undefined;
}

/** The part of a check that a policy reads. A service that is a member of another one is read in the same way. */
export type Member = Pick<CheckReport, "state" | "critical" | "reason">;

/** The status of a service with these members. One pass without copies: a server may have thousands of checks. */
export function rollup(members: Iterable<Member>, policy: Policy): Rollup {
  let critical = 0;
  let good = 0;
  let undecided: Member | undefined;
  let bad: Member | undefined;
  let flawed: Member | undefined;
  for (const member of members) {
    const { state } = member;
    if (state === "failing" || state === "warning") flawed ??= member;
    if (!member.critical) continue;
    critical += 1;
    if (state === "passing" || state === "warning") good += 1;
    else if (state === "pending") undecided ??= member;
    else bad ??= member;
  }
  if (good >= neededOf(policy, critical))
    return { status: "SERVING", degraded: flawed !== undefined, reason: flawed?.reason };
  if (undecided !== undefined) return { status: "UNKNOWN", degraded: false, reason: undecided.reason };
  return { status: "NOT_SERVING", degraded: false, reason: bad?.reason };
}

/** How a service counts as a member of another. */
export function memberOf({ status, degraded, reason }: Rollup): Member {
  switch (status) {
    case "SERVING":
      return { state: degraded ? "warning" : "passing", critical: true, reason };
    case "NOT_SERVING":
      return { state: "failing", critical: true, reason };
    case "UNKNOWN":
      return { state: "pending", critical: true, reason };
    default:
      return status satisfies never;
  }
}

function neededOf(policy: Policy, critical: number): number {
  switch (policy.kind) {
    case "all":
      return critical;
    case "any":
      return Math.min(1, critical);
    case "quorum":
      return policy.count;
    default:
      return policy satisfies never;
  }
}
