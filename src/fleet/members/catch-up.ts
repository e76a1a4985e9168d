/**
 * Whether this member knows what the others say: until then, it publishes no other state than before.
 *
 *     start, or the first word after a lease --> catching up --the cells of each live run were read, or a lease is over--> caught up
 *
 * A member that has a part of the votes would decide with this part alone. What it served before runs out: then it waits no
 * longer for runs that it does not hear, but still for the votes that were told to it.
 */

import type { Run } from "../store/store.js";
import type { HeardMember, Members } from "./members.js";

export interface CatchUpOptions {
  readonly beatMs: number;
  readonly leaseMs: number;
}

/** A run that is silent is waited for no longer than so many beats: then its vote is one that is too old. */
const MAX_SILENT_BEATS = 2;

export class CatchUp {
  readonly #options: CatchUpOptions;
  #isOver = false;
  #isBehind = true;
  /** The first round since it began. */
  #heardAt: number | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A run that was heard since has told more than what is here. */
  get isBehind(): boolean {
    return !this.#isOver && this.#isBehind;
  }

  /** The others may have said something else since. */
  begin(): void {
    this.#isOver = false;
    this.#isBehind = true;
    this.#heardAt = undefined;
  }

  /** The store is gone: this member decides by what it has. */
  giveUp(): void {
    this.#isOver = true;
  }

  /** A round has failed. True: with this, a lease is over, and this member decides by what it has. */
  failed(now: number): boolean {
    if (this.#isOver) return false;
    this.#isOver = this.#isLate(now);
    return this.#isOver;
  }

  /**
   * A round has succeeded, or votes have come. True: with this it has caught up, or is behind no more.
   * @param isCurrent whether the copy has all that the last beat of a run has told
   */
  review(members: Pick<Members, "all" | "isGone">, isCurrent: (run: Run) => boolean, now: number): boolean {
    if (this.#isOver) return false;
    const isLate = this.#isLate(now);
    const heardAt = this.#heardAt ?? now;
    const isKnown = (member: HeardMember) => this.#isKnown(member, { since: heardAt, now }, members, isCurrent);
    const isRead = (member: HeardMember) =>
      member.beat === undefined ||
      member.heardAt < heardAt ||
      isCurrent(member.run) ||
      this.#isSilent(member, now - heardAt);
    const wasBehind = this.#isBehind;
    const all = members.all();
    this.#isBehind = now <= heardAt || !all.every(isRead);
    this.#isOver = isLate || (now > heardAt && all.every(isKnown));
    return this.#isOver || (wasBehind && !this.#isBehind);
  }

  /** A lease after the first round. */
  #isLate(now: number): boolean {
    this.#heardAt ??= now;
    return now - this.#heardAt >= this.#options.leaseMs;
  }

  /** Also one whose last beat was still in the store when this member came back: what it told may never come. */
  #isSilent({ silenceMs }: HeardMember, heardForMs: number): boolean {
    return Math.min(silenceMs, heardForMs) >= MAX_SILENT_BEATS * this.#options.beatMs;
  }

  #isKnown(
    member: HeardMember,
    { since, now }: { readonly since: number; readonly now: number },
    members: Pick<Members, "isGone">,
    isCurrent: (run: Run) => boolean,
  ): boolean {
    const { beat, isConfirmed } = member;
    // the votes of another format are not understood
    if (members.isGone(member) || (isConfirmed && beat === undefined)) return true;
    if (this.#isSilent(member, now - since)) return true;
    return isConfirmed && member.heardAt >= since && isCurrent(member.run);
  }
}
