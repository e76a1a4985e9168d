/**
 * Which checks this member probes, and how they move.
 *
 *                  owner by the assignment                 no owner any more
 *     resting ---------------------------> probing <-----------------------> handing over --> resting
 *        |                                           it is an owner again              ^            no owner needs it, or
 *        '------------------- it stands in for owners (stand-in.ts) --------------------'            twice staleAfter
 *
 * A member that loses a check goes on until its successors have voted. So no check is without a vote in between.
 */
import type { Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { Roster, RosterMember } from "../members/roster.js";
import type { Decision, Definition } from "../records/vote.js";
import { type OwnVote, type SeatVote, UNDECIDED } from "../rules/agreement.js";
import { hashOf, Ranking } from "../rules/assignment.js";
import { heldAs } from "../rules/configs.js";
import type { Run } from "../store/store.js";
import { maxReportAgeMs } from "./validity.js";

/** What this member knows of one check. */
export interface CheckRecord {
  readonly check: string;
  definition: Definition;
  readonly hash: number;
  /** By the assignment, in its order. */
  owners: Roster;
  ownersSince: number;
  role: "resting" | "probing" | "handing-over";
  /** A check that is handed over is not given up before and not kept after these times. */
  handsOverFrom: number;
  handsOverUntil: number;
  /** The own vote. */
  own: OwnVote | undefined;
  /** Of a heartbeat: the newest report of a member that is gone. */
  adopted: SeatVote | undefined;
  /** What is agreed. */
  decision: Decision;
  /** Until when it counts by what the checks were told; `UNTOLD` when that was about another definition. */
  toldUntil: number;
  /** Monotonic time from which time alone may change the decision: it is made again with the next beat. */
  reviewAt: number;
  /** The review in which it was decided last. */
  review: number;
}

export interface SeatsDeps {
  readonly clock: Clock;
  readonly run: Run;
  /** What a member with another configuration holds of a check; `undefined`: nothing, as far as is known. */
  readonly heldBy: (member: RosterMember, check: Definition) => string | undefined;
  /** Of a check that is probed already, the vote is cast again. */
  readonly probe: (record: CheckRecord) => void;
  readonly rest: (record: CheckRecord) => void;
  /** Its own vote counts no more: it is gone, or has another definition. */
  readonly onVoid: (record: CheckRecord) => void;
  /** Its owners are others now. */
  readonly onChange: (record: CheckRecord) => void;
}

export const UNTOLD = Number.NEGATIVE_INFINITY;

/** How many checks are assigned between two looks at the clock. */
const CHECKS_A_STEP = 25;

/** A check is handed over for at most so many times its `staleAfter`: then the old vote would count no longer anyway. */
const MAX_STALE_TIMES = 2;

export class Seats {
  readonly #deps: SeatsDeps;
  readonly #records = new Map<string, CheckRecord>();
  readonly #heartbeats = new Set<CheckRecord>();
  readonly #handingOver = new Set<CheckRecord>();
  #rate = 0;
  takeovers = 0;
  /** How many of the checks that are not local each run has. */
  readonly shares = new Map<Run, number>();
  /** A roster of members that all have this configuration. */
  #uniform: Roster | undefined;
  /** Most checks have the same holders. */
  #ranked: Roster = [];
  #ranking = new Ranking<RosterMember>([]);

  constructor(deps: SeatsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#records.size;
  }

  /** Checks that wait for their successors. */
  get handingOver(): ReadonlySet<CheckRecord> {
    return this.#handingOver;
  }

  get(check: string): CheckRecord | undefined {
    return this.#records.get(check);
  }

  all(): Iterable<CheckRecord> {
    return this.#records.values();
  }

  /** Heartbeats alone. */
  heartbeats(): Iterable<CheckRecord> {
    return this.#heartbeats;
  }

  /** Probes a second of all checks that are shared. */
  get rate(): number {
    return this.#rate;
  }

  /** Takes the checks of a configuration in place of those before. It may be begun again: what it has done counts. */
  *replace(definitions: readonly Definition[]): Steps<void> {
    const gone = new Map(this.#records);
    for (const [index, definition] of definitions.entries()) {
      this.#define(definition, gone.get(definition.check));
      gone.delete(definition.check);
      if (index % CHECKS_A_STEP === 0) yield;
    }
    for (const record of gone.values()) {
      yield;
      this.#count(record, -1);
      this.#rate -= rateOf(record.definition);
      this.#records.delete(record.check);
      this.#handingOver.delete(record);
      this.#heartbeats.delete(record);
      this.#deps.onVoid(record);
    }
  }

  /**
   * Gives each check its owners.
   * @param isAlone the store is gone, and this member probes all
   * @param keepUntil monotonic time before which nothing is given up
   */
  *assign(roster: Roster, self: RosterMember, isAlone: boolean, keepUntil: number): Steps<void> {
    const isUniform = roster.every(({ run, config }) => run === self.run || config === self.config);
    this.#uniform = isUniform ? roster : undefined;
    let count = 0;
    for (const record of this.#records.values()) {
      this.#seat(record, this.ownersAmong(roster, record, self), isAlone, keepUntil);
      count += 1;
      if (count % CHECKS_A_STEP === 0) yield;
    }
  }

  /** The owners that a check has when these are the candidates. */
  ownersAmong(roster: Roster, { definition, hash }: CheckRecord, self: RosterMember): Roster {
    if (definition.scope === "local") return [self];
    const holders = this.#holders(definition, roster, self);
    if (definition.scope === "each") return holders;
    if (this.#ranked !== holders) [this.#ranked, this.#ranking] = [holders, new Ranking(holders)];
    return this.#ranking.owners(hash, definition.copies);
  }

  /** Probes a check of other members until they vote again. */
  standIn(record: CheckRecord): void {
    this.#beginHandOver(record, this.#deps.clock.now(), this.#deps.clock.now());
    this.#deps.probe(record);
  }

  /** Gives a check up that its successors have taken over. */
  release(record: CheckRecord): void {
    this.#handingOver.delete(record);
    record.role = "resting";
    record.own = undefined;
    this.#deps.rest(record);
  }

  #define(definition: Definition, known: CheckRecord | undefined): void {
    const record = known ?? newRecord(definition, this.#deps.clock.now());
    if (known === undefined) this.#records.set(definition.check, record);
    if (definition.isHeartbeat) this.#heartbeats.add(record);
    else this.#heartbeats.delete(record);
    const before = record.definition;
    this.#rate += rateOf(definition) - (known === undefined ? 0 : rateOf(before));
    this.#count(record, -1);
    record.definition = definition;
    this.#count(record, 1);
    const longerMs = definition.staleAfterMs - before.staleAfterMs;
    if (before.digest !== definition.digest) this.#redefine(record, longerMs);
    else if (longerMs !== 0) prolong(record, before);
  }

  /** The votes of before count no more, and what is told next is news: the target may be another one, with another runner. */
  #redefine(record: CheckRecord, longerMs: number): void {
    const { decision } = record;
    Object.assign(record, { own: undefined, adopted: undefined, toldUntil: UNTOLD });
    record.ownersSince = this.#deps.clock.now();
    if (decision !== UNDECIDED) record.decision = { ...decision, validUntil: decision.validUntil + longerMs };
    this.#deps.onVoid(record);
    if (record.role !== "resting") this.#deps.probe(record);
  }

  /** The members that hold the same definition. Mostly, all have the same configuration. */
  #holders(definition: Definition, roster: Roster, self: RosterMember): Roster {
    if (this.#uniform === roster) return roster;
    const held = heldAs(definition);
    const isSame = (member: RosterMember) =>
      member.run === self.run || member.config === self.config || this.#deps.heldBy(member, definition) === held;
    return roster.every(isSame) ? roster : roster.filter(isSame);
  }

  #seat(record: CheckRecord, owners: Roster, isAlone: boolean, keepUntil: number): void {
    const now = this.#deps.clock.now();
    const isChange = !isSameOwners(owners, record.owners);
    if (isChange) {
      this.#count(record, -1);
      record.owners = owners;
      record.ownersSince = now;
      this.#count(record, 1);
    }
    const isOwner = isAlone || isNeverGivenUp(record) || owners.some(({ run }) => run === this.#deps.run);
    if (isOwner) this.#take(record);
    else if (record.role === "probing") this.#beginHandOver(record, now, keepUntil);
    if (isChange) this.#deps.onChange(record);
  }

  /** Adds a check to the shares of its owners, or takes it out of them. */
  #count({ definition, owners }: CheckRecord, by: 1 | -1): void {
    if (definition.scope === "local") return;
    for (const { run } of owners) {
      const share = (this.shares.get(run) ?? 0) + by;
      if (share === 0) this.shares.delete(run);
      else this.shares.set(run, share);
    }
  }

  #take(record: CheckRecord): void {
    const { role } = record;
    record.role = "probing";
    this.#handingOver.delete(record);
    if (role !== "resting") return;
    if (record.decision.state !== "pending") this.takeovers += 1;
    this.#deps.probe(record);
  }

  #beginHandOver(record: CheckRecord, now: number, keepUntil: number): void {
    record.role = "handing-over";
    record.handsOverFrom = keepUntil;
    record.handsOverUntil = Math.max(now, keepUntil) + MAX_STALE_TIMES * record.definition.staleAfterMs;
    this.#handingOver.add(record);
  }
}

function rateOf({ scope, rate }: Definition): number {
  return scope === "local" ? 0 : rate;
}

/** One plain object: 100,000 are made at a start. */
function newRecord(definition: Definition, now: number): CheckRecord {
  return {
    check: definition.check,
    definition,
    hash: hashOf(definition.check),
    owners: [],
    ownersSince: now,
    role: "resting",
    handsOverFrom: 0,
    handsOverUntil: 0,
    own: undefined,
    adopted: undefined,
    decision: UNDECIDED,
    toldUntil: UNDECIDED.validUntil,
    reviewAt: Number.POSITIVE_INFINITY,
    review: 0,
  };
}

/**
 * A heartbeat has another ttl: its reports are as old as before, and what was told of them is told again. The own runner has had
 * the ttl before, and says itself when a report is too old.
 */
function prolong(record: CheckRecord, before: Definition): void {
  const { own, adopted, decision, definition } = record;
  const longerMs = definition.staleAfterMs - before.staleAfterMs;
  record.own = own && longerMs > 0 ? longer(own, longerMs) : own;
  record.adopted = adopted && longer(adopted, maxReportAgeMs(definition) - maxReportAgeMs(before));
  if (decision === UNDECIDED) return;
  record.decision = longer(decision, longerMs);
  record.toldUntil = UNTOLD;
}

function longer<Of extends { readonly validUntil: number }>(it: Of, ms: number): Of {
  return { ...it, validUntil: it.validUntil + ms };
}

/** Each member probes it for itself, or it takes reports that may arrive anywhere. */
function isNeverGivenUp({ definition }: CheckRecord): boolean {
  return definition.scope === "local" || definition.isHeartbeat;
}

function isSameOwners(one: Roster, other: Roster): boolean {
  return one === other || (one.length === other.length && one.every(({ run }, index) => run === other[index]?.run));
}
