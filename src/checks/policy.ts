/**
 * How the checks of a service make its status: pure.
 *
 * A check that is pending is neither good nor bad. The service is SERVING when what is good is enough already,
 * NOT_SERVING when even the pending ones could not make it enough, and UNKNOWN between: never SERVING on a promise.
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
  const good = critical.filter(isGood).length;
  const pending = critical.filter(({ state }) => state === "pending").length;
  const needed = neededOf(policy, critical.length);
  const bad = critical.find(({ state }) => state === "failing");
  if (good + pending < needed) return { status: "NOT_SERVING", degraded: false, reason: bad?.reason };
  if (good < needed) return { status: "UNKNOWN", degraded: false, reason: "pending" };
  const flaw = members.find((member) => member.state === "failing" || member.state === "warning");
  return { status: "SERVING", degraded: flaw !== undefined, reason: flaw?.reason };
}

function isGood({ state }: Member): boolean {
  return state === "passing" || state === "warning";
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
