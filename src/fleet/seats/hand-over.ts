/**
 * Handing checks over: a member goes on to probe a check until its successors have voted.
 *
 *     another owner, or standing in --> probed here --no owner needs this member, or it has lasted too long--> rests, the vote
 *     for owners (stand-in.ts)            ^  |                                                                 is removed
 *                                         '--' while no owner is heard
 */
import type { Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { Detachment } from "../detachment.js";
import type { FleetMembership } from "../members/membership.js";
import type { Run } from "../store/store.js";
import type { Decisions } from "./decisions.js";
import type { OwnVotes } from "./own-votes.js";
import type { Seating } from "./seating.js";
import type { CheckRecord, Seats } from "./seats.js";
import type { StandIn } from "./stand-in.js";

export interface HandOverDeps {
  readonly clock: Clock;
  readonly run: Run;
  readonly seats: Pick<Seats, "handingOver" | "release">;
  readonly decisions: Pick<Decisions, "decide" | "isPredecessorDue">;
  readonly standIn: Pick<StandIn, "isDeserted">;
  readonly votes: Pick<OwnVotes, "remove">;
  readonly membership: Pick<FleetMembership, "hasOthers" | "roster">;
  readonly detachment: Pick<Detachment, "isDetached">;
  readonly seating: Pick<Seating, "isRunning">;
}

const CHECKS_A_STEP = 25;

export class HandOver {
  readonly #deps: HandOverDeps;
  /** Called when each check was handed over, or when waiting for it makes no sense. */
  #onDone: (() => void) | undefined;

  constructor(deps: HandOverDeps) {
    this.#deps = deps;
  }

  /** Resolves when a member that leaves has handed over all its checks, or has no successor. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDone = resolve;
      this.review();
    });
  }

  /** Gives a check up if no successor needs this member. */
  release(record: CheckRecord): void {
    this.#tryRelease(record);
    this.review();
  }

  /** The same for all checks that wait for it. */
  *releaseAll(): Steps<void> {
    let count = 0;
    for (const record of this.#deps.seats.handingOver) {
      this.#tryRelease(record);
      count += 1;
      if (count % CHECKS_A_STEP === 0) yield;
    }
    this.review();
  }

  /** Whether all is handed over now. */
  review(): void {
    if (this.#onDone === undefined) return;
    const { membership, detachment, seats, run, seating } = this.#deps;
    const isAlone = detachment.isDetached || !membership.hasOthers;
    const isBegun = !seating.isRunning && !membership.roster.some((member) => member.run === run);
    if (isAlone || (isBegun && !hasSuccessors(seats.handingOver))) this.#onDone();
  }

  #tryRelease(record: CheckRecord): void {
    const { clock, detachment, decisions, seats, standIn, votes } = this.#deps;
    const now = clock.now();
    const { owners, handsOverFrom, handsOverUntil } = record;
    if (owners.length === 0 || now < handsOverFrom || detachment.isDetached) return;
    if (standIn.isDeserted(record) || (now < handsOverUntil && decisions.isPredecessorDue(record))) return;
    votes.remove(record); // first: it says how old the vote is that the store still has
    seats.release(record);
    decisions.decide(record);
  }
}

/** Whether one of these checks waits for other members. */
function hasSuccessors(records: Iterable<CheckRecord>): boolean {
  for (const { owners } of records) if (owners.length > 0) return true;
  return false;
}
