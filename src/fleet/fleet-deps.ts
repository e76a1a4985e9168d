/** What a fleet needs: its settings, the checks that it shares, and where its events go. */
import type { Clock, Random } from "../core/clock.js";
import type { StoreFault } from "../core/store-faults.js";
import type { ResyncCause } from "./readings.js";
import type { FleetCodec } from "./records/codec.js";
import type { Decision } from "./records/vote.js";
import type { FleetStore, Run, StoreError } from "./store/store.js";

/** Times are in milliseconds. */
export interface FleetSettings {
  /** Of the process, for faults. */
  readonly instance: string;
  readonly fleet: string;
  readonly member: string;
  readonly zone: string | undefined;
  readonly secret: string | undefined;
  readonly beatMs: number;
  readonly leaseMs: number;
  readonly settleMs: number;
  /** Probes a second. */
  readonly capacity: number;
  readonly whenStoreIsGone: "auto" | "all" | "share";
  /** A member that leaves waits for its successors for at most this time. */
  readonly leaveMs: number;
  /** Of healthbridge. */
  readonly version: string;
}

/** What the checks do for the fleet. Each call may be repeated. */
export interface FleetChecks {
  /** Probes a check here from now on; it starts from a state that was agreed. One that is probed already votes again. */
  probe(check: string, from: Decision | undefined): void;
  /** Probes it here no more. */
  rest(check: string): void;
  /** Runs what decides about several checks: what follows from all of it is published once, at its end. */
  batch<Result>(decisions: () => Result): Result;
  /** Publishes what is true of it. */
  decide(check: string, decision: Decision): void;
  /** Whether probes start when they are due: else no beat is sent. */
  isScheduling(): boolean;
  /** Whether probes start late: this process has more of them than it can do in time. */
  readonly isLate: boolean;
  /** The age of the oldest result of a probe that a vote follows from, as a share of its staleAfter. Without heartbeats. */
  stalest(): number;
}

export type FleetEvent =
  /** Calls of the store have failed for a lease. `probesAll`: this member probes all checks. It comes again when that changes. */
  | { readonly kind: "detached"; readonly probesAll: boolean; readonly fault: StoreFault | undefined }
  | { readonly kind: "attached" }
  | { readonly kind: "member-joined" | "member-left" | "member-dead"; readonly member: string; readonly run: Run }
  /** Two processes with one name are alive, or (`isOver`) one of them is gone. */
  | { readonly kind: "duplicate"; readonly member: string; readonly isOver: boolean }
  /** An operator has given an order to a member, here. */
  | { readonly kind: "order-sent"; readonly member: string; readonly isDraining: boolean }
  /** The member has not read the order for so long that it is given up. */
  | { readonly kind: "order-lost"; readonly member: string; readonly isDraining: boolean }
  /** This member hands its checks over, or takes its share again. @property by the member at which it was ordered */
  | { readonly kind: "drain"; readonly isDraining: boolean; readonly by: string }
  /** This member is now an owner of so many checks that had others before. */
  | { readonly kind: "takeover"; readonly checks: number }
  | { readonly kind: "resync"; readonly run: Run; readonly cause: ResyncCause }
  /** Records with a wrong signature or form were ignored. */
  | { readonly kind: "record-refused"; readonly records: number }
  | { readonly kind: "store-failed"; readonly error: StoreError }
  /** No kind of call fails any more. */
  | { readonly kind: "store-answers" }
  /** From the begin of a write until this member has read it from the log. */
  | { readonly kind: "propagation"; readonly ms: number };

export interface FleetDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: FleetStore;
  readonly settings: FleetSettings;
  readonly checks: FleetChecks;
  /** Default: one of its own. Many members in one process may share one. */
  readonly codec?: FleetCodec | undefined;
  readonly onEvent: (event: FleetEvent) => void;
}
