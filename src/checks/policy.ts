/**
 * How the checks of a service make its status: pure.
 *
 * A service with a critical check that is not decided is UNKNOWN, whatever its policy and its other checks: nobody can
 * say how it stands. We could say more where the others settle it (one good one of `any`, one bad one of `all`), but
 * then a start, where checks are decided one by one, would go through statuses that the next result takes back.
 */
import type { ServingStatus } from "../core/serving-status.js";
import type { CheckReport } from "../registry/ports.js";

/** How many of the critical checks must pass: all, one, or a number. */
export type Policy =
  | { readonly kind: "all" }
  | { readonly kind: "any" }
  | { readonly kind: "quorum"; readonly count: number };

/** A service's status, as its checks make it. */
export interface Rollup {
  readonly status: ServingStatus;
  readonly degraded: boolean;
  readonly reason: string | undefined;
}

/** As much of a check as a policy looks at. */
export type Member = Pick<CheckReport, "state" | "critical" | "reason">;

/** The status of a service with these checks. */
export function rollup(members: readonly Member[], policy: Policy): Rollup {
  const critical = members.filter((member) => member.critical);
  if (critical.some(({ state }) => state === "pending"))
    return { status: "UNKNOWN", degraded: false, reason: "pending" };
  const good = critical.filter(({ state }) => state !== "failing").length;
  if (good < neededOf(policy, critical.length)) {
    const bad = critical.find(({ state }) => state === "failing");
    return { status: "NOT_SERVING", degraded: false, reason: bad?.reason };
  }
  const flaw = members.find((member) => member.state === "failing" || member.state === "warning");
  return { status: "SERVING", degraded: flaw !== undefined, reason: flaw?.reason };
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
