/**
 * A beat: the sign of life of one run, and what the others must know of it. It comes from the loop that probes.
 */

import type { Run } from "../store/store.js";
import type { ToldMaintenance } from "./maintenance-form.js";

/** The version of the records in the store. A member with another version is alive, but no candidate, and its votes do not count. */
export const FORMAT = 1;

export interface Beat {
  readonly format: number;
  readonly run: Run;
  /** The name of the member: what checks are assigned to. */
  readonly member: string;
  readonly zone: string | undefined;
  /** Of healthbridge. */
  readonly version: string;
  /** Grows with every beat. A run is alive when it has grown. */
  readonly counter: number;
  /** Milliseconds since the start of the run, by its monotonic clock: the age of a vote is the difference to `Cell.castAtMs`. */
  readonly uptimeMs: number;
  /** Sequence and digest of the cells that the store has acknowledged. */
  readonly head: string;
  /**
   * The counters of the beats that it has read of others, at most `MAX_HEARD`. A reader that finds a recent counter of its own
   * here knows that the beat is recent too: a beat that was recorded and is played back later has an old one, or none.
   */
  readonly heard: ReadonlyMap<Run, number>;
  /** The digest of the definitions that this run holds. Empty: it does not know them yet, and is no candidate. */
  readonly config: string;
  /** Configurations of others that it could not read from the store: a member that holds one keeps it there again. At most 16. */
  readonly unread?: readonly string[] | undefined;
  /** Probes a second that it can do: its weight in the assignment. */
  readonly capacity: number;
  /**
   * The age of its oldest result that a vote follows from, as a share of its `staleAfter`: 0 to 1. At 1, its votes in
   * the store count no longer than until this beat: they may be wrong, since a write has failed.
   */
  readonly stalest: number;
  /** It is about to leave, or an operator has drained it: no candidate; its votes count until the successors have voted. */
  readonly isLeaving: boolean;
  /** It leaves because an operator has drained it: it goes on, and is a candidate if no other member is one. */
  readonly isDrained?: boolean | undefined;
  /** It has left, and this is its last beat. In all formats, as the name and the counter: a member that has left is not dead. */
  readonly hasLeft?: boolean | undefined;
  /** The run that sends to webhooks, as this one sees it. In all formats. `undefined`: it does not take part. */
  readonly notifier?: Run | undefined;
  /** What an operator has asked here of members, until they have read it: each does it once. At most `MAX_ASKS`. */
  readonly asks: readonly MemberAsk[];
  /** The time of orders at this member (orders/order-time.ts). `undefined`: an older version does not tell. */
  readonly orderTime?: number | undefined;
  /** `undefined`: an older version, which has its own maintenance alone. */
  readonly maintenance?: ToldMaintenance | undefined;
}

/** So many members can know that another one is alive. */
export const MAX_HEARD = 256;

export const MAX_ASKS = 16;

/** An operator's order to a member: to hand its checks over, or to take its share again. */
export interface MemberAsk {
  /** Random: 8 hexadecimal digits. */
  readonly id: string;
  readonly member: string;
  /** Its process: one that is started later has no such order. `undefined`: an older version names the member alone. */
  readonly run?: Run | undefined;
  readonly isDraining: boolean;
  /** The later one of two orders has the higher number. `undefined`: an older version has none. */
  readonly number?: number | undefined;
}
