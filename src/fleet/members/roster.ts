/**
 * The members that may get checks, and when a change of them is acted on.
 *
 *     join a ---- join b --- . . settle . . --> act once            three starts within 2 s move checks once
 *     death (after a lease) -- . . settle . . --> act
 *     leaving -----------------------------------> act at once      it waits for its successors
 *
 * A list that keeps changing is acted on after three times the settle time at the latest.
 *
 * Drained members are on the list when it would be empty without them: a check is probed by a drained member rather than by none.
 */

import type { Beat } from "../records/beat.js";
import { type HashedCandidate, hashed } from "../rules/assignment.js";
import type { Run } from "../store/store.js";
import type { HeardMember } from "./members.js";

export interface RosterMember extends HashedCandidate {
  /** The digest of the definitions that it holds. */
  readonly config: string;
}

export type Roster = readonly RosterMember[];

/** What a member says of itself. */
export interface Self {
  readonly run: Run;
  readonly name: string;
  readonly zone: string | undefined;
  readonly capacity: number;
  readonly config: string;
  readonly isLeaving: boolean;
  /** It leaves because an operator has drained it. */
  readonly isDrained: boolean;
}

/** One name may have several runs that are alive: of a process that has ended a moment ago, or by mistake. */
export interface NamedRun {
  readonly run: Run;
  /** It has been heard within two beats. */
  readonly isFresh: boolean;
}

/** A run that has grown in so many reads in a row beats beside its namesake, and is not the end of its predecessor. */
const GROWTHS_OF_A_DUPLICATE = 3;

const FRESH_BEATS = 2;

/** The candidates, in the order of their names. @param alive the others that are alive and understood */
export function rosterOf(alive: readonly HeardMember[], self: Self, beatMs: number): Roster {
  const roster = candidates(alive, self, beatMs, ({ isLeaving }) => !isLeaving);
  return roster.length > 0 ? roster : candidates(alive, self, beatMs, ({ isDrained }) => isDrained === true);
}

function candidates(
  alive: readonly HeardMember[],
  self: Self,
  beatMs: number,
  isCandidate: (member: Pick<Beat, "isLeaving"> & { readonly isDrained?: boolean | undefined }) => boolean,
): Roster {
  const roster: RosterMember[] = [];
  for (const member of alive) {
    const { beat } = member;
    if (beat === undefined || !isCandidate(beat) || beat.config === "") continue;
    if (precedence(namesakes(member.name, alive, self, beatMs)) !== member.run) continue;
    roster.push(toRosterMember({ ...beat, name: member.name }));
  }
  const own = precedence(namesakes(self.name, alive, self, beatMs));
  if (isCandidate(self) && own === self.run) roster.push(toRosterMember(self));
  return roster.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The candidates as the others see them before this member has joined: also a run with its name. */
export function rosterOfOthers(alive: readonly HeardMember[], self: Self, beatMs: number): Roster {
  return rosterOf(alive, { ...self, name: "", isLeaving: true, isDrained: false }, beatMs);
}

/** The run that goes first with a name: one that is fresh; of two, the one with the smaller id. */
export function precedence(runs: readonly NamedRun[]): Run | undefined {
  const fresh = runs.filter(({ isFresh }) => isFresh);
  const choices = (fresh.length > 0 ? fresh : runs).map(({ run }) => run);
  return choices.sort()[0];
}

/** Whether two processes with this name are alive: also when one of them is not understood. */
export function isDuplicated(name: string, alive: readonly HeardMember[], self: Pick<Self, "name">): boolean {
  const others = alive.filter((member) => member.name === name && member.growths >= GROWTHS_OF_A_DUPLICATE);
  return others.length + Number(name === self.name) > 1;
}

/** The runs with a name that are alive and understood: the others share no checks with them. */
export function namesakes(
  name: string,
  alive: readonly HeardMember[],
  self: Self,
  beatMs: number,
): readonly NamedRun[] {
  const others = alive
    .filter((member) => member.name === name && member.beat !== undefined)
    .map(({ run, silenceMs }) => ({ run, isFresh: silenceMs <= FRESH_BEATS * beatMs }));
  return name === self.name ? [...others, { run: self.run, isFresh: true }] : others;
}

export function toRosterMember(of: Omit<Self, "isLeaving" | "isDrained">): RosterMember {
  const { run, name, zone, capacity, config } = of;
  return { ...hashed({ run, name, zone, weight: Math.max(1, capacity) }), config };
}

export class Settling {
  readonly #settleMs: number;
  #adopted: Roster = [];
  #proposed: Roster = [];
  #proposedAt = 0;
  #changedAt: number | undefined;
  /** When the first of those that are acted on was no longer in the list: its checks have no prober, so no other change is waited for. */
  #goneAt: number | undefined;

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** The list that is acted on. */
  get adopted(): Roster {
    return this.#adopted;
  }

  /** Monotonic time at which the proposed list is acted on; `undefined`: it is. */
  get dueAt(): number | undefined {
    if (this.#changedAt === undefined) return undefined;
    const settledAt = Math.min(this.#proposedAt, this.#goneAt ?? Number.POSITIVE_INFINITY) + this.#settleMs;
    return Math.min(settledAt, this.#changedAt + MAX_SETTLES * this.#settleMs);
  }

  /** The list is this now. */
  propose(roster: Roster, now: number): void {
    if (isSameRoster(roster, this.#proposed)) return;
    this.#proposed = roster;
    this.#proposedAt = now;
    this.#goneAt = this.#isOneGone ? (this.#goneAt ?? now) : undefined;
    this.#changedAt = isSameRoster(roster, this.#adopted) ? undefined : (this.#changedAt ?? now);
  }

  /** Acts on what it is time for. True: the adopted list is another one. */
  settle(leaving: ReadonlySet<Run>, now: number): boolean {
    const { dueAt } = this;
    if (dueAt === undefined) return false;
    const stay = this.#adopted.filter(({ run }) => !leaving.has(run));
    const isEmpty = stay.length === 0 && this.#adopted.length > 0;
    if (now >= dueAt || isEmpty) this.adopt(this.#proposed);
    else if (stay.length < this.#adopted.length) this.adopt(stay);
    else return false;
    return true;
  }

  adopt(roster: Roster): void {
    this.#adopted = roster;
    if (!this.#isOneGone) this.#goneAt = undefined;
    this.#changedAt = isSameRoster(roster, this.#proposed) ? undefined : (this.#changedAt ?? this.#proposedAt);
  }

  get #isOneGone(): boolean {
    return this.#adopted.some(({ run }) => this.#proposed.every((member) => member.run !== run));
  }
}

const MAX_SETTLES = 3;

export function isSameRoster(one: Roster, other: Roster): boolean {
  return (
    one.length === other.length &&
    one.every((member, index) => {
      const second = other[index];
      return (
        member.run === second?.run &&
        member.config === second.config &&
        member.zone === second.zone &&
        member.weight === second.weight
      );
    })
  );
}
