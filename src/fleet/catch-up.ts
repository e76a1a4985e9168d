/**
 * Whether this member knows what the others say: until then, it publishes no other state than before.
 *
 *     start, or the store is back --> catching up --the cells of each live run were read, or a lease is over--> caught up
 *
 * A member that has a part of the votes would decide with this part alone.
 */
import type { HeardMember, Members } from "./members.js";
import type { Run } from "./store.js";

export interface CatchUpOptions {
  readonly beatMs: number;
  readonly leaseMs: number;
}

/** A run that was never seen to live is waited for until it has been silent for so many beats. */
const MAX_SILENT_BEATS = 2;

export class CatchUp {
  readonly #options: CatchUpOptions;
  #isOver = false;
  /** The first round that has succeeded since it began. */
  #heardAt: number | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The store is back: the others may have said something else since. */
  begin(): void {
    this.#isOver = false;
    this.#heardAt = undefined;
  }

  /** The store is gone: this member decides by what it has. */
  giveUp(): void {
    this.#isOver = true;
  }

  /**
   * A round has succeeded, or votes have come. True: it has caught up with this.
   * @param isCurrent whether the copy has all that the last beat of a run has told
   */
  review(members: Pick<Members, "all" | "isDead">, isCurrent: (run: Run) => boolean, now: number): boolean {
    if (this.#isOver) return false;
    this.#heardAt ??= now;
    const heardAt = this.#heardAt;
    const isLate = now - heardAt >= this.#options.leaseMs;
    const isKnown = (member: HeardMember) => this.#isKnown(member, heardAt, members, isCurrent);
    this.#isOver = isLate || (now > heardAt && members.all().every(isKnown));
    return this.#isOver;
  }

  #isKnown(
    member: HeardMember,
    since: number,
    members: Pick<Members, "isDead">,
    isCurrent: (run: Run) => boolean,
  ): boolean {
    const { beat, isConfirmed, silenceMs } = member;
    if (members.isDead(member)) return true;
    if (!isConfirmed) return silenceMs >= MAX_SILENT_BEATS * this.#options.beatMs;
    // the votes of another format are not understood
    return beat === undefined || (member.heardAt >= since && isCurrent(member.run));
  }
}
