/** What a fleet tells of itself: for the command line, the page and the metrics. */
import type { MemberState } from "../core/member-states.js";
import type { SharingScope, VoteState } from "./records/vote.js";
import type { Run, StoreError } from "./store/store.js";

/** One process of the fleet, as this member sees it. */
export interface MemberReading {
  readonly member: string;
  readonly run: Run;
  readonly isSelf: boolean;
  readonly state: MemberState;
  readonly zone: string | undefined;
  readonly version: string;
  /** Milliseconds since its beat counter was last seen to grow. 0 for this member. */
  readonly beatAgeMs: number;
  /** Checks that are assigned to it, without those that each member probes for itself. */
  readonly checks: number;
  /** The digest of the definitions that it holds. */
  readonly config: string;
}

/** What one member says of one check. */
export interface OwnerReading {
  readonly member: string;
  readonly run: Run;
  readonly zone: string | undefined;
  /** It is assigned to it now. False: its vote counts until its successors have voted. */
  readonly isOwner: boolean;
  /** `undefined`: it has not voted yet. */
  readonly vote: VoteState | undefined;
  readonly reason: string | undefined;
  /** Of a heartbeat: its report decides, whatever the others have. */
  readonly hasNewestReport: boolean;
}

/** Why the cells of a member were read as a whole. */
export const RESYNC_CAUSES = ["new-run", "gap", "digest", "log-lost"] as const;

export type ResyncCause = (typeof RESYNC_CAUSES)[number];

/** Who probes a check. */
export interface CheckOwners {
  readonly scope: SharingScope;
  /** Its results are reports: they are not counted as votes. */
  readonly isHeartbeat: boolean;
  /** This member probes it, also while it hands it over. */
  readonly isProbedHere: boolean;
  /** In the order of the assignment, and then members whose votes still count. */
  readonly owners: readonly OwnerReading[];
}

export interface FleetReadings {
  readonly fleet: string;
  readonly member: string;
  /** The store has not answered for a lease: this member decides by its own votes. */
  readonly isDetached: boolean;
  /** This member hands its checks over, or has done so: it ends, or was drained and another one has its checks. */
  readonly isLeaving: boolean;
  /** The store answers, and no kind of call fails. */
  readonly isStoreUp: boolean;
  /** Why it does not; `undefined`: it does, or was not asked yet. */
  readonly storeFailure: Pick<StoreError, "fault" | "message"> | undefined;
  members(): readonly MemberReading[];
  /** `undefined`: there is no such check. */
  owners(check: string): CheckOwners | undefined;
  /** Checks by what this member does: probes them as an owner, probes them for itself, or only follows them. */
  readonly roles: { readonly owner: number; readonly local: number; readonly follower: number };
  /** Checks that this member finds failing while the fleet finds them healthy. */
  readonly dissents: number;
  /** Checks that this member has taken over from another one. */
  readonly takeovers: number;
  readonly resyncs: Readonly<Record<ResyncCause, number>>;
  /** Records that were ignored: a wrong signature or form. */
  readonly refusedRecords: number;
  readonly storeErrors: Readonly<Record<"unreachable" | "timeout" | "refused" | "protocol", number>>;
  /** Different digests of definitions among the live members: more than 1 is a rollout, or a mistake. */
  readonly configDigests: number;
}
