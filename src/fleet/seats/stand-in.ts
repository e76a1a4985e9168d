/**
 * Standing in: a member probes a check of others before what it knows of the check is too old, until its owners are heard again.
 *
 *     owners vouch for their votes --not for 2.5 beats--> the next members by the assignment probe it --> hand-over.ts
 *
 * A store that answers now and then, or takes beats and no votes, lets members hear each other too rarely to trust their votes,
 * and too often to take them for dead. What is known would be stale then, though each of them could look. A member that hears no
 * other one stands in for all, as when the store is gone, and only if all checks are within its capacity.
 */
import type { Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { Detachment } from "../detachment.js";
import type { Members } from "../members/members.js";
import type { FleetMembership } from "../members/membership.js";
import type { Run } from "../store/store.js";
import type { CheckRecord, Seats } from "./seats.js";
import { isSilent, renewalMs } from "./validity.js";

export interface StandInDeps {
  readonly clock: Clock;
  readonly run: Run;
  readonly beatMs: number;
  readonly seats: Pick<Seats, "all" | "ownersAmong" | "standIn">;
  readonly members: Pick<Members, "get">;
  readonly membership: Pick<FleetMembership, "roster" | "self">;
  readonly detachment: Pick<Detachment, "canProbeAll" | "isDetached">;
}

/** Maximum number of checks that are taken with one beat: each of them is probed soon. */
const MAX_CHECKS_A_BEAT = 2_000;

const CHECKS_A_STEP = 25;

export class StandIn {
  readonly #deps: StandInDeps;

  constructor(deps: StandInDeps) {
    this.#deps = deps;
  }

  /** With each beat: takes the checks that need this member. */
  *take(): Steps<void> {
    const { seats, detachment, membership, run } = this.#deps;
    if (detachment.isDetached || !detachment.canProbeAll) return;
    const { self } = membership;
    const heard = membership.roster.filter((member) => !this.#isSilent(member.run));
    if (!heard.some((member) => member.run === run)) return;
    const isNext = (record: CheckRecord) => seats.ownersAmong(heard, record, self).some((owner) => owner.run === run);
    let [count, taken] = [0, 0];
    for (const record of seats.all()) {
      if (this.#isOfOthers(record) && this.#isNeeded(record) && isNext(record)) {
        seats.standIn(record);
        taken += 1;
      }
      if (taken === MAX_CHECKS_A_BEAT) return;
      count += 1;
      if (count % CHECKS_A_STEP === 0) yield;
    }
  }

  /** Whether no owner has vouched for its vote lately: a member that probes the check goes on. */
  isDeserted({ owners }: CheckRecord): boolean {
    return owners.every(({ run }) => this.#isSilent(run));
  }

  #isOfOthers({ role, definition, owners, decision }: CheckRecord): boolean {
    return role === "resting" && definition.scope === "shared" && owners.length > 0 && decision.state !== "pending";
  }

  /** Whether what is known of it will soon be too old. */
  #isNeeded(record: CheckRecord): boolean {
    const { clock, beatMs } = this.#deps;
    const leftMs = record.decision.validUntil - clock.now();
    return leftMs < renewalMs(record.definition, beatMs) && this.isDeserted(record);
  }

  #isSilent(run: Run): boolean {
    const { clock, run: self, members, beatMs } = this.#deps;
    return run !== self && isSilent(members.get(run), clock.now(), beatMs);
  }
}
