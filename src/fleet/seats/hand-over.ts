/**
 * Handing checks over: a member goes on to probe a check until its successors have voted.
 *
 *     another owner --> probed here --no owner needs this member, or it has lasted too long--> rests, the vote is removed
 *                            ^
 *     no owner vouches for its vote, and what is known runs out: this member stands in
 *
 * A store that answers now and then, or takes beats and no votes, lets members hear each other too rarely to trust their votes,
 * and too often to take them for dead. What is known would be stale then, though each of them could look. As when the store is gone, a member stands in only
 * if all checks are within its capacity.
 */
import type { Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { Detachment } from "../detachment.js";
import type { Members } from "../members/members.js";
import type { FleetMembership } from "../members/membership.js";
import type { Run } from "../store/store.js";
import type { Decisions } from "./decisions.js";
import type { OwnVotes } from "./own-votes.js";
import type { Seating } from "./seating.js";
import type { CheckRecord, Seats } from "./seats.js";

export interface HandOverDeps {
  readonly clock: Clock;
  readonly run: Run;
  readonly beatMs: number;
  readonly seats: Pick<Seats, "all" | "handingOver" | "release" | "standIn">;
  readonly decisions: Pick<Decisions, "decide" | "isPredecessorDue">;
  readonly votes: Pick<OwnVotes, "remove">;
  readonly membership: Pick<FleetMembership, "hasOthers" | "roster">;
  readonly members: Pick<Members, "get">;
  readonly detachment: Pick<Detachment, "canProbeAll" | "isDetached">;
  readonly seating: Pick<Seating, "isRunning">;
}

const CHECKS_A_STEP = 25;

/** A check whose owners are not heard is deserted when less of its time is left, or so many beats: a first probe must be over by then. */
const DESERTED_SHARE = 0.25;
const MIN_DESERTED_BEATS = 3;

/** Usually less: a beat vouches from the read before it on. */
const UNVOUCHED_BEATS = 3;

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

  /** With each beat: gives up what the successors have, and takes what no owner seems to probe. */
  *renew(): Steps<void> {
    let count = 0;
    for (const record of this.#deps.seats.handingOver) {
      this.#tryRelease(record);
      count += 1;
      if (count % CHECKS_A_STEP === 0) yield;
    }
    yield* this.#standIn();
    this.review();
  }

  /** Whether all is handed over now. */
  review(): void {
    if (this.#onDone === undefined) return;
    const { membership, detachment, seats, run, seating } = this.#deps;
    const isAlone = detachment.isDetached || !membership.hasOthers;
    const isBegun = !seating.isRunning && !membership.roster.some((member) => member.run === run);
    const isDone = isBegun && ![...seats.handingOver].some(({ owners }) => owners.length > 0);
    if (isAlone || isDone) this.#onDone();
  }

  *#standIn(): Steps<void> {
    const { seats, detachment, membership, run } = this.#deps;
    const isCandidate = membership.roster.some((member) => member.run === run);
    if (detachment.isDetached || !isCandidate) return;
    let count = 0;
    for (const record of seats.all()) {
      const isOfOthers = record.role === "resting" && record.definition.scope === "shared" && record.owners.length > 0;
      if (isOfOthers && record.decision.state !== "pending" && this.#isDeserted(record)) {
        if (!detachment.canProbeAll) return;
        seats.standIn(record);
      }
      count += 1;
      if (count % CHECKS_A_STEP === 0) yield;
    }
  }

  /** Whether no owner has vouched for its votes lately, and what is known of the check will soon be too old. */
  #isDeserted({ owners, decision, definition }: CheckRecord): boolean {
    const { clock, run: self, members, beatMs } = this.#deps;
    const now = clock.now();
    const marginMs = Math.max(DESERTED_SHARE * definition.staleAfterMs, MIN_DESERTED_BEATS * beatMs);
    if (decision.validUntil - now >= marginMs) return false;
    // own deafness counts too: this says nothing of the others, but of what is known here
    const vouchedAt = (run: Run) =>
      run === self ? now : (members.get(run)?.vouch?.provenAt ?? Number.NEGATIVE_INFINITY);
    return owners.every(({ run }) => vouchedAt(run) <= now - UNVOUCHED_BEATS * beatMs);
  }

  #tryRelease(record: CheckRecord): void {
    const { clock, detachment, decisions, seats, votes } = this.#deps;
    const now = clock.now();
    const { owners, handsOverFrom, handsOverUntil } = record;
    if (owners.length === 0 || now < handsOverFrom || detachment.isDetached) return;
    const isNeeded = decisions.isPredecessorDue(record) || this.#isDeserted(record);
    if (now < handsOverUntil && isNeeded) return;
    seats.release(record);
    votes.remove(record);
    decisions.decide(record);
  }
}
