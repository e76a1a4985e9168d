/**
 * This member among the others: who is alive, who may get checks, and what is said of changes.
 *
 *     beats --> members --> roster --settling--> the roster that is acted on --> onRoster
 *
 * While the store is away, and for one lease after it, the roster stays as it is: but for a member that was alone in it.
 */
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { FleetEvent, FleetSettings } from "../fleet-deps.js";
import type { Beat } from "../records/beat.js";
import type { Run } from "../store/store.js";
import { CatchUp } from "./catch-up.js";
import { type HeardBeat, type HeardMember, Members } from "./members.js";
import {
  isDuplicated,
  isSameRoster,
  namesakes,
  precedence,
  type Roster,
  type RosterMember,
  rosterOf,
  rosterOfOthers,
  type Self,
  Settling,
  toRosterMember,
} from "./roster.js";

export interface MembershipDeps {
  readonly clock: Clock;
  readonly run: Run;
  readonly settings: FleetSettings;
  readonly onRoster: () => void;
  readonly onEvent: (event: FleetEvent) => void;
}

export class FleetMembership {
  readonly members: Members;
  readonly #deps: MembershipDeps;
  readonly #settling: Settling;
  #alive: readonly HeardMember[] = [];
  #self: Self;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  readonly #catchUp: CatchUp;
  /** The votes of others were never known, or none are since this member was alone without the store. */
  #isNew = true;
  #rounds = 0;
  /** With the last round, others are alive or past than before: their votes count in another way. */
  isReviewDue = false;
  #timer: CancelTimer | undefined;
  #isDuplicated = false;

  constructor(deps: MembershipDeps) {
    const { run, settings } = deps;
    this.#deps = deps;
    this.members = new Members({ run, beatMs: settings.beatMs, leaseMs: settings.leaseMs });
    this.#catchUp = new CatchUp(settings);
    this.#settling = new Settling(settings.settleMs);
    const { member: name, zone, capacity } = settings;
    this.#self = { run, name, zone, capacity, config: "", isLeaving: false, isDrained: false };
  }

  /** The members that are acted on. */
  get roster(): Roster {
    return this.#settling.adopted;
  }

  get self(): RosterMember {
    return toRosterMember(this.#self);
  }

  /** The votes of others are known in part only. */
  get isCatchingUp(): boolean {
    return !this.#catchUp.isOver;
  }

  /** Others have told more than what is known here. */
  get isBehind(): boolean {
    return this.#catchUp.isBehind;
  }

  /** It ends, or is drained. */
  get isLeaving(): boolean {
    return this.#self.isLeaving;
  }

  get isDrained(): boolean {
    return this.#self.isDrained;
  }

  /** It has handed its checks over, or does so: not a member that is drained and has no successor. */
  get isStandingBy(): boolean {
    const { isLeaving, isDrained, run } = this.#self;
    return isLeaving && !(isDrained && this.roster.some((member) => member.run === run));
  }

  /** Without this member, no other one would get checks but those that are drained. */
  isNeeded(name: string): boolean {
    const { settings } = this.#deps;
    const roster = rosterOf(this.#alive, this.#self, settings.beatMs);
    return roster.length === 1 && roster[0]?.name === name;
  }

  /** Another live process has the same name. */
  get isDuplicated(): boolean {
    return this.#isDuplicated;
  }

  /** The others that are alive, in the order of their names. */
  get alive(): readonly HeardMember[] {
    return this.#alive;
  }

  /** Another live run has the same name, and goes first. */
  isShadowed(run: Run): boolean {
    const name = run === this.#self.run ? this.#self.name : this.members.get(run)?.name;
    if (name === undefined) return false;
    return precedence(namesakes(name, this.#alive, this.#self, this.#deps.settings.beatMs)) !== run;
  }

  /** Whether another member may get the checks of this one. */
  get hasOthers(): boolean {
    return this.#settling.adopted.some(({ run }) => run !== this.#self.run);
  }

  /** A round has succeeded, with this counter in the own beat. */
  hear(beats: readonly HeardBeat[], startedAt: number, counter: number): void {
    const { clock } = this.#deps;
    this.members.sent(counter, startedAt);
    this.members.hear(beats, startedAt, clock.now());
    this.#rounds += 1;
    const before = this.#alive;
    this.#alive = this.members.all().filter((member) => this.members.isAlive(member));
    this.isReviewDue = this.members.hasOtherPast || !isSameRuns(this.#alive, before);
    this.#tellChanges(before);
    const isDuplicate = isDuplicated(this.#self.name, this.#alive, this.#self);
    if (isDuplicate !== this.#isDuplicated) {
      this.#isDuplicated = isDuplicate;
      this.#deps.onEvent({ kind: "duplicate", member: this.#self.name, isOver: !isDuplicate });
    }
    this.#propose();
  }

  /** Something that this member says of itself has changed. */
  change(change: Partial<Pick<Self, "config" | "isLeaving" | "isDrained">>): void {
    this.#self = { ...this.#self, ...change };
    if (this.#rounds > 0) this.#propose();
  }

  /** Votes have come. True: now this member knows more of what the others say. */
  review(isCurrent: (run: Run) => boolean): boolean {
    const isNews = this.#catchUp.review(this.members, isCurrent, this.#deps.clock.now());
    if (this.#catchUp.isOver) this.#isNew = false;
    if (isNews) this.#settle();
    return isNews;
  }

  /** A round has failed. True: this member waits no longer for what the others say. */
  missRound(): boolean {
    return this.#catchUp.failed(this.#deps.clock.now());
  }

  /** The store answers after a time: for a lease or longer, the others may have said more than what comes first now. */
  hearAgain(deafMs: number): void {
    if (deafMs >= this.#deps.settings.leaseMs) this.#catchUp.begin();
  }

  /** Keeps the roster until a time. Without any roster, this member is alone in it. */
  freeze(until: number): void {
    if (until === Number.POSITIVE_INFINITY) this.#catchUp.giveUp();
    else if (!this.isCatchingUp) this.#catchUp.begin();
    this.#frozenUntil = until;
    // others may have come while the store was away: it sees at once what they probe
    if (!this.hasOthers) this.#isNew = true;
    if (this.roster.length === 0 && !this.#self.isLeaving) this.#settling.adopt([this.self]);
    this.#settle();
  }

  stop(): void {
    this.#timer?.();
  }

  #propose(): void {
    const { clock, settings } = this.#deps;
    const roster = rosterOf(this.#alive, this.#self, settings.beatMs);
    if (this.#isNew) this.#seeOthers();
    this.#settling.propose(roster, clock.now());
    this.#settle();
  }

  /** A member that starts sees at once who probes what. One that was alone, because the store was away, probes beside them. */
  #seeOthers(): void {
    const { beatMs } = this.#deps.settings;
    const others = rosterOfOthers(this.#alive, this.#self, beatMs);
    const isMember = this.roster.some(({ run }) => run === this.#self.run);
    if ((isMember && this.hasOthers) || others.length === 0) return;
    const seen = isMember ? rosterOf(this.#alive, this.#self, beatMs) : others;
    if (isSameRoster(seen, this.roster)) return;
    this.#settling.adopt(seen);
    this.#deps.onRoster();
  }

  #settle(): void {
    const { clock, onRoster } = this.#deps;
    this.#timer?.();
    this.#timer = undefined;
    // a member that starts takes no check before it knows what is true of it
    if (this.#isNew || this.#frozenUntil === Number.POSITIVE_INFINITY) return;
    const now = clock.now();
    const isDue = this.#settling.dueAt !== undefined && now >= this.#frozenUntil;
    const isSettled = isDue && this.#settling.settle(this.#leaving(), now);
    const { dueAt } = this.#settling;
    if (dueAt !== undefined)
      this.#timer = clock.setTimer(Math.max(dueAt, this.#frozenUntil) - now, () => this.#settle());
    if (isSettled) onRoster();
  }

  #leaving(): ReadonlySet<Run> {
    const runs = this.members.all().flatMap(({ run, hasLeft, beat }) => (hasLeft || beat?.isLeaving ? [run] : []));
    return new Set(this.#self.isLeaving ? [...runs, this.#self.run] : runs);
  }

  #tellChanges(before: readonly HeardMember[]): void {
    const known = new Set(before.map(({ run }) => run));
    const alive = new Set(this.#alive.map(({ run }) => run));
    for (const { run, name } of this.#alive)
      if (!known.has(run)) this.#deps.onEvent({ kind: "member-joined", member: name, run });
    for (const member of before) {
      if (alive.has(member.run)) continue;
      const hasLeft = isGoneByOrder(this.members.get(member.run) ?? member);
      this.#deps.onEvent({ kind: hasLeft ? "member-left" : "member-dead", member: member.name, run: member.run });
    }
  }
}

function isSameRuns(one: readonly HeardMember[], other: readonly HeardMember[]): boolean {
  return one.length === other.length && one.every(({ run }, index) => run === other[index]?.run);
}

/** Whether a run that lives no more has ended as it should. One that was drained would have gone on. */
export function isGoneByOrder({ beat, hasLeft }: HeardMember): boolean {
  return hasLeft || (beat?.isLeaving === true && beat.isDrained !== true);
}

type Parting = Pick<Beat, "isLeaving" | "isDrained">;

/** Of two former owners, the one that stays longer. Of those that stay as long, all members choose the same one. */
export function goesFirst(other: HeardMember | undefined, self: Run, own: Parting): boolean {
  if (other?.beat === undefined) return false;
  const [theirs, ours] = [stayOf(other.beat), stayOf(own)];
  return theirs > ours || (theirs === ours && theirs > 0 && other.run < self);
}

/** 0: it ends. */
function stayOf({ isLeaving, isDrained }: Parting): number {
  if (!isLeaving) return 2;
  return isDrained === true ? 1 : 0;
}
