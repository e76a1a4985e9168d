/**
 * What a member says of one check, and what the fleet makes of it.
 *
 *     probe --thresholds--> vote (one member) --.
 *                           vote (another) -----+--agreement--> decision --> report, statuses
 *
 * A vote is a state after the thresholds, never a single result: so the store gets transitions, not probes.
 */
import type { CheckState, ReportedService } from "../../registry/ports.js";

/** A member abstains while it cannot look: it is isolated, its prober fails, or it has no result yet. */
export const VOTE_STATES = ["passing", "warning", "failing", "abstaining"] as const satisfies readonly (
  | CheckState
  | "abstaining"
)[];

export type VoteState = (typeof VOTE_STATES)[number];

/** What one member says of one check. */
export interface Vote {
  readonly state: VoteState;
  /** A short code for the cause, as in reports. Never a text of a target. */
  readonly reason: string | undefined;
  /** Milliseconds since the report that the vote follows from, when it is cast: of a heartbeat. `undefined`: of a probe. */
  readonly ageMs?: number | undefined;
  /** The services that the target reports, such as Celery workers. */
  readonly reported?: readonly ReportedService[] | undefined;
}

/** A vote in the store. */
export interface Cell {
  /** The digest of the definition under which it was cast. */
  readonly definition: string;
  /** When it was cast: milliseconds since the start of the run. The beats of the run tell its present time. */
  readonly castAtMs: number;
  /** Of a heartbeat: the newest report has the highest number, whichever member it arrived at. 0 for others. */
  readonly order: number;
  /**
   * Of a heartbeat: when the report arrived, in milliseconds since the epoch, by the clock of the member at which it did. It is
   * looked at only for reports with the same number. `undefined`: of an older version.
   */
  readonly wallTime?: number | undefined;
  readonly vote: Vote;
}

/** What is true of a check for this member: its report follows from it. */
export interface Decision {
  readonly state: CheckState;
  readonly reason: string | undefined;
  /** Monotonic time until which it counts; then the check is pending, with the reason `stale`. */
  readonly validUntil: number;
  readonly reported?: readonly ReportedService[] | undefined;
}

/** Who probes a check. */
export const SCOPES = ["shared", "local", "each"] as const;

/**
 * `shared`: `copies` of the members. `local`: each member for itself, and its own vote decides alone. `each`: every member,
 * and they agree.
 */
export type SharingScope = (typeof SCOPES)[number];

/** What the fleet needs to know of a check. */
export interface Definition {
  readonly check: string;
  /** A keyed hash of all that a probe depends on. Votes under another digest do not count. */
  readonly digest: string;
  readonly scope: SharingScope;
  /** How many members probe it. */
  readonly copies: number;
  /** How many of them must agree that it fails. `majority`: more than half of those who probe it now. */
  readonly agree: number | "majority";
  /** Milliseconds after which a state without a newer result is pending. */
  readonly staleAfterMs: number;
  /** Its results are reports that may arrive at any member: the newest counts. */
  readonly isHeartbeat: boolean;
  /** Probes a second, for the capacity. */
  readonly rate: number;
}
