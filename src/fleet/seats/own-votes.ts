/**
 * The own votes, and how they become cells. Of a heartbeat, the cell may be a report of another member that was adopted.
 *
 *     probe:      cast --> cell, when it says something else
 *     heartbeat:  report --> the next order --> cell;   missed --> cell with the order of that report, unless one was adopted
 *
 * A beat vouches for the cells that the store has. Until a change is written, that is the vote of before, and it grows older.
 */
import type { Clock } from "../../core/clock.js";
import type { Ledger } from "../exchange/ledger.js";
import type { Cell, Vote } from "../records/vote.js";
import { isSameReport, type OwnVote } from "../rules/agreement.js";
import { ageToleranceMs, isMissed, isSameState } from "../rules/heartbeats.js";
import type { CheckRecord } from "./seats.js";
import { maxReportAgeMs } from "./validity.js";

export interface OwnVotesDeps {
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, "get" | "set" | "isPending">;
  /** The cells of the other runs on a check. */
  readonly votes: (check: string) => Iterable<{ readonly cell: Cell }>;
  /** A cell has changed. */
  readonly onChange: () => void;
}

/** The newest report of a heartbeat, or the miss that counts without one. */
export interface KeptReport {
  readonly vote: Vote;
  /** By its age, however long its member lives. */
  readonly validUntil: number;
  readonly order: number;
  readonly wallTime?: number | undefined;
  readonly isOwn: boolean;
  /** The member that has it is alive, and does not leave. */
  readonly isStaying: boolean;
  /** The others hear it too by now. */
  readonly isSettled: boolean;
  /** That member is gone or leaves, and this one keeps the report. */
  readonly isKept: boolean;
  /** The report that arrived here last gets another number. */
  readonly ownNumber?: "next" | "none" | undefined;
}

/** A vote that was changed, or removed. */
interface Superseded {
  readonly validUntil: number;
  readonly staleAfterMs: number;
}

export class OwnVotes {
  readonly #deps: OwnVotesDeps;
  readonly #startedAt: number;
  /** By check: the oldest vote that the store may have in place of the own one. */
  readonly #superseded = new Map<string, Superseded>();

  constructor(deps: OwnVotesDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  get uptimeMs(): number {
    return this.#deps.clock.now() - this.#startedAt;
  }

  /** The age of the oldest vote that was changed and is still in the store, as a share of its `staleAfter`: 0 to 1. */
  get supersededStalest(): number {
    const now = this.#deps.clock.now();
    let stalest = 0;
    for (const [check, { validUntil, staleAfterMs }] of this.#superseded) {
      if (this.#deps.ledger.isPending(check)) stalest = Math.max(stalest, 1 - (validUntil - now) / staleAfterMs);
      else this.#superseded.delete(check);
    }
    return Math.min(stalest, 1);
  }

  /**
   * Returns whether it is news. Most results of a probe are not: the same vote as before counts for longer, and neither the
   * cell nor the decision is another one.
   */
  cast(record: CheckRecord, vote: Vote, validUntil: number): boolean {
    const { own, definition } = record;
    const isRepeated = own !== undefined && saysSame(own.vote, vote);
    const isSame = isRepeated && !definition.isHeartbeat;
    if (!isRepeated) this.#supersede(record);
    const isReport = vote.state !== "abstaining" && !isMissed(vote);
    const isMissedAgain = own !== undefined && isMissed(own.vote);
    const changedAt = isMissedAgain && !isReport ? own.reportedAt : this.#deps.clock.now() - (vote.ageMs ?? 0);
    const reportedAt = definition.isHeartbeat ? changedAt : undefined;
    record.own = { vote: isSame ? own.vote : vote, validUntil, reportedAt };
    if (isSame) return own.validUntil <= this.#deps.clock.now();
    if (definition.isHeartbeat) this.#castHeartbeat(record, record.own);
    else this.#set(record, vote, 0);
    return true;
  }

  /**
   * Keeps the newest report of a heartbeat, when the member that has it is dead or leaves: as old here as it was there. Changes
   * the number of the own report when that is due.
   * @param newest the newest report that counts, of this member or of another one
   * @returns whether something has changed
   */
  keep(record: CheckRecord, newest: KeptReport | undefined): boolean {
    if (record.adopted !== undefined) {
      if (newest?.isOwn === true || this.#isStillKept(record, newest)) return false;
      // a member that comes back may tell a newer one, and is heard later
      if (this.#adopt(record, newest)) return true;
      record.adopted = undefined;
      if (record.own === undefined) this.remove(record);
      else this.#tell(record, record.own, 0);
      return true;
    }
    if (newest?.ownNumber !== undefined && record.own !== undefined) {
      this.#tell(record, record.own, newest.ownNumber === "next" ? this.#newest(record) + 1 : 0);
      return true;
    }
    return this.#adopt(record, newest);
  }

  #adopt(record: CheckRecord, newest: KeptReport | undefined): boolean {
    if (newest?.isKept !== true) return false;
    const leftMs = newest.validUntil - this.#deps.clock.now();
    if (leftMs <= 0) return false;
    record.adopted = { vote: newest.vote, validUntil: newest.validUntil };
    const vote = { ...newest.vote, ageMs: Math.max(0, maxReportAgeMs(record.definition) - leftMs) };
    this.#set(record, vote, newest.order, { wallTime: newest.wallTime });
    return true;
  }

  /**
   * The records of the member that is gone have the same report, as long as they are there. Of one that is back, others may not
   * count a report yet.
   */
  #isStillKept({ check, adopted }: CheckRecord, newest: KeptReport | undefined): boolean {
    if (newest === undefined || adopted === undefined) return false;
    const isSameKind = isMissed(newest.vote) === isMissed(adopted.vote);
    if (!newest.isStaying && isSameKind && newest.order === this.#deps.ledger.get(check)?.order) return true;
    return !newest.isKept && !newest.isSettled && !isMissed(newest.vote);
  }

  remove(record: CheckRecord): void {
    this.#supersede(record);
    if (this.#deps.ledger.set(record.check, undefined)) this.#deps.onChange();
  }

  #supersede({ check, own, definition: { staleAfterMs } }: CheckRecord): void {
    if (own === undefined) return;
    const validUntil = Math.min(own.validUntil, this.#superseded.get(check)?.validUntil ?? own.validUntil);
    this.#superseded.set(check, { validUntil, staleAfterMs });
  }

  #castHeartbeat(record: CheckRecord, own: OwnVote): void {
    const { vote } = own;
    if (vote.state === "abstaining" || isMissed(vote)) {
      if (record.adopted === undefined) this.#castMissed(record, vote);
      else if (isMissed(record.adopted.vote) && isMissed(vote)) {
        record.adopted = undefined;
        this.#set(record, vote, 0);
      }
      return;
    }
    // the number of a report that was adopted is not the one of this report: its member may miss it
    const isFirst = record.adopted !== undefined;
    record.adopted = undefined;
    // a report of an earlier process may be older than what others have
    const isRestored = (vote.ageMs ?? 0) > this.uptimeMs;
    if (isRestored) this.#tell(record, own, 0);
    else if (isFirst || !this.#isWrittenLately(record, vote)) this.#tell(record, own, this.#newest(record) + 1);
    else record.own = { ...own, isRepeated: true };
  }

  /** Once: it is as old as the report that is missed since, whose number it has. */
  #castMissed(record: CheckRecord, vote: Vote): void {
    const cell = this.#deps.ledger.get(record.check);
    const before = cell?.definition === record.definition.digest ? cell : undefined;
    if (before === undefined || !isMissed(before.vote) || !isMissed(vote)) this.#set(record, vote, before?.order ?? 0);
  }

  /** The own cell says the same, is surely the newest or one that says the same is, and is hardly older. */
  #isWrittenLately(record: CheckRecord, vote: Vote): boolean {
    const cell = this.#deps.ledger.get(record.check);
    if (cell === undefined || cell.order === 0 || cell.definition !== record.definition.digest) return false;
    if (!isSameState(cell.vote, vote)) return false;
    for (const { cell: other } of this.#deps.votes(record.check)) {
      // with the same number, which of both is the newest is not known: that may be the other one
      const isRival = other.order > cell.order || (other.order === cell.order && !isSameState(other.vote, vote));
      if (isRival && other.definition === cell.definition) return false;
    }
    return this.uptimeMs - cell.castAtMs < ageToleranceMs(record.definition.staleAfterMs);
  }

  /**
   * The cell of a report is as old as the report. It has an age only when the report did not arrive at this process: by that,
   * others see that it was handed on.
   */
  #tell(record: CheckRecord, own: OwnVote, order: number): void {
    const { vote, reportedAt } = own;
    record.own = { ...own, isRepeated: false };
    const isReport = vote.state !== "abstaining" && !isMissed(vote);
    const castAtMs = isReport && reportedAt !== undefined ? reportedAt - this.#startedAt : this.uptimeMs;
    const told = isReport ? { ...vote, ageMs: Math.max(0, -castAtMs) } : vote;
    const wallTime = this.#deps.clock.wallTime() - (this.uptimeMs - castAtMs);
    this.#set(record, told, order, { castAtMs: Math.max(0, castAtMs), wallTime });
  }

  #newest({ check, definition }: CheckRecord): number {
    let newest = this.#deps.ledger.get(check)?.order ?? 0;
    for (const { cell } of this.#deps.votes(check))
      if (cell.definition === definition.digest) newest = Math.max(newest, cell.order);
    return newest;
  }

  #set(
    { check, definition }: CheckRecord,
    vote: Vote,
    order: number,
    times: Partial<Pick<Cell, "castAtMs" | "wallTime">> = {},
  ): void {
    const cell = { definition: definition.digest, castAtMs: this.uptimeMs, order, ...times, vote };
    if (this.#deps.ledger.set(check, cell)) this.#deps.onChange();
  }
}

function saysSame(one: Vote, other: Vote): boolean {
  if (one === other) return true;
  return isSameState(one, other) && one.ageMs === other.ageMs && isSameReport(one.reported, other.reported);
}
