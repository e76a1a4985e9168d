/**
 * The votes that are known of each check, under its present definition: the own one, and those of others as the mirror has them.
 *
 *     on        of all, with the time until which each counts
 *     reports   of a heartbeat
 *     unsure    of runs that may live
 */
import type { Members } from "../members/members.js";
import type { Cell } from "../records/vote.js";
import type { FormerVote } from "../rules/agreement.js";
import { type HeartbeatVote, isMissed } from "../rules/heartbeats.js";
import type { Run } from "../store/store.js";
import type { CheckRecord } from "./seats.js";
import { liveReportValidity, maxReportAgeMs, ownReportValidity, reportValidity, validityOf } from "./validity.js";

/** A vote of another run, as its mirror has it. */
export interface ForeignCell {
  readonly run: Run;
  readonly cell: Cell;
}

export interface KnownVotesDeps {
  readonly run: Run;
  readonly beatMs: number;
  readonly members: Pick<Members, "get" | "isAlive" | "isGone" | "isPast">;
  /** The votes of the other runs on a check. */
  readonly votes: (check: string) => Iterable<ForeignCell>;
  /** The own record in the store. Of a heartbeat, it may be a report that was adopted. */
  readonly ownCell: (check: string) => Cell | undefined;
}

export class KnownVotes {
  readonly #deps: KnownVotesDeps;

  constructor(deps: KnownVotesDeps) {
    this.#deps = deps;
  }

  /** Runs that have a vote under the present definition, and were not seen to live yet, nor silent for a lease. */
  unsure({ check, definition }: CheckRecord): readonly Run[] {
    const { members, votes } = this.#deps;
    const unsure: Run[] = [];
    for (const { run, cell } of votes(check)) {
      const member = members.get(run);
      if (member === undefined || member.isConfirmed || cell.definition !== definition.digest) continue;
      if (!members.isGone(member)) unsure.push(run);
    }
    return unsure;
  }

  /** Votes under the present definition: the own one, and those of others that are known. */
  on({ check, definition, own }: CheckRecord): readonly FormerVote[] {
    const { run: self, members, votes } = this.#deps;
    const found: FormerVote[] = [];
    if (own !== undefined) found.push({ run: self, ...own, isAlive: true, isPast: false, heardAt: 0 });
    for (const { run, cell } of votes(check)) {
      const member = members.get(run);
      if (member === undefined || cell.definition !== definition.digest) continue;
      const validUntil = validityOf(member, definition, this.#deps.beatMs);
      const life = { isAlive: members.isAlive(member), isPast: members.isPast(member), heardAt: member.heardAt };
      found.push({ run, vote: cell.vote, validUntil, ...life });
    }
    return found;
  }

  reports(record: CheckRecord): readonly HeartbeatVote[] {
    const { run: self, members, votes, ownCell, beatMs } = this.#deps;
    const { check, definition } = record;
    const found: HeartbeatVote[] = [];
    const { order = 0, wallTime } = ownCell(check) ?? {};
    const { own, adopted } = record;
    if (adopted !== undefined) {
      const { validUntil } = adopted;
      const byAge = isMissed(adopted.vote) ? validUntil - definition.staleAfterMs : validUntil;
      found.push({ ...adopted, byAge, run: self, order, wallTime, isHandedOn: true });
    } else if (own !== undefined) {
      const castUntil = (own.reportedAt ?? Number.NEGATIVE_INFINITY) + maxReportAgeMs(definition);
      const byAge = isMissed(own.vote) ? castUntil - definition.staleAfterMs : castUntil;
      const validUntil = isMissed(own.vote) ? own.validUntil : ownReportValidity(byAge, own.validUntil, beatMs);
      found.push({ ...own, validUntil, byAge, run: self, order, wallTime });
    }
    for (const { run, cell } of votes(check)) {
      const member = members.get(run);
      if (member === undefined || cell.definition !== definition.digest) continue;
      const castUntil = reportValidity(member, definition, cell);
      const byAge = isMissed(cell.vote) ? castUntil - definition.staleAfterMs : castUntil;
      const isAdopted = cell.order > 0 && (cell.vote.ageMs ?? 0) > 0;
      const validUntil = members.isAlive(member)
        ? Math.max(castUntil, liveReportValidity(member, { beatMs, castUntil, isAdopted }))
        : castUntil;
      const isHandedOn = (cell.vote.ageMs ?? 0) > 0 || !members.isAlive(member);
      const { vote, order, wallTime } = cell;
      found.push({ run, vote, validUntil, byAge, order, wallTime, isHandedOn });
    }
    return found;
  }
}
