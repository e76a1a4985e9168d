/** What a member of a fleet has found out about one check, and the vote that follows from it. */
import type { Vote } from "../fleet/records/vote.js";
import type { ReportedService } from "../registry/ports.js";
import { PENDING, type Progress } from "./evaluate.js";
import type { ReportedServices } from "./reported-services.js";
import type { LastProbe } from "./runner-deps.js";
import type { RunningCheck } from "./running-check.js";

/** A check, and what is voted on it here. */
export interface Ballot {
  readonly check: RunningCheck;
  isProbed: boolean;
  /** It is in the place of a check with another target, and nothing was decided about it. */
  isUndecided: boolean;
  /** Its runner was stopped. */
  isStopped: boolean;
  progress: Progress;
  /** The last progress that is not a miss of a heartbeat. */
  counted: Progress;
  last: LastProbe | undefined;
  /** Monotonic time of the last report of a heartbeat. */
  reportedAt: number | undefined;
  /** Why the prober could not probe. */
  proberError: string | undefined;
  isHeld: boolean;
  workers: ReportedServices | undefined;
  reported: readonly ReportedService[] | undefined;
  vote: Vote | undefined;
}

/** The ballot of a check that is not probed here. */
export const NOTHING_FOUND = {
  ...{ progress: PENDING, counted: PENDING, isHeld: false },
  ...{ last: undefined, reportedAt: undefined, proberError: undefined },
  ...{ workers: undefined, reported: undefined, vote: undefined },
} as const;

/** A heartbeat that has not come to this member. */
export function isMissed({ check, progress: { state, reason } }: Ballot): boolean {
  return check.heartbeat !== undefined && state === "failing" && reason === "missed";
}

/** The vote of this member now. */
export function voteOf(ballot: Ballot, now: number): Vote {
  const { isHeld, proberError, reportedAt, reported } = ballot;
  const { state, reason } = ballot.progress;
  if (isHeld) return { state: "abstaining", reason: "prober-isolated" };
  if (proberError !== undefined) return { state: "abstaining", reason: proberError };
  if (state === "pending") return { state: "abstaining", reason };
  const ageMs = reportedAt === undefined || isMissed(ballot) ? undefined : now - reportedAt;
  return { state, reason, ageMs, reported };
}

/** A report, which has an age, is never the same vote. */
export function isSameVote(one: Vote, other: Vote): boolean {
  const isSameState = one.state === other.state && one.reason === other.reason;
  return isSameState && one.reported === other.reported && other.ageMs === undefined && one.ageMs === undefined;
}
