/**
 * The checks of a member of a fleet: each result becomes a vote, and what is shown is what was decided.
 *
 *     runner --progress--> vote --cast--> keeper (the fleet: votes of all members --agreement--> decision)
 *       ^                                   |        |
 *       '------- probe, rest: who probes ---'        '--decide--> decisions --> report, statuses
 *
 * A check rests until it is probed here: it has no timer, no slot and no connection. A heartbeat never rests, because its
 * report may arrive at any member.
 *
 * A vote is a state after the thresholds. A member abstains while it cannot look: the isolation rule holds the state, the
 * prober fails, or there is no result that counts.
 *
 * A heartbeat that is missed here may be reported to another member: the miss is a vote, and no change of the verdict of this member.
 */
import { publish } from "../core/channels.js";
import type { Decision, Vote } from "../fleet/records/vote.js";
import type { ReportedService } from "../registry/ports.js";
import type { Assumption } from "./assumption.js";
import { type Ballot, isMissed, isSameVote, NOTHING_FOUND, voteOf } from "./ballot.js";
import type { ConfiguredCheck } from "./checks-plan.js";
import { ShownDecisions, type ShownDecisionsDeps } from "./decisions.js";
import type { Progress } from "./evaluate.js";
import { Freshness } from "./freshness.js";
import type { Isolation } from "./isolation.js";
import { OldestVotes } from "./oldest-votes.js";
import { ReportedServices } from "./reported-services.js";
import { endRunner, type LastProbe, type RunnerDeps } from "./runner-deps.js";
import { isPassive, type RunningCheck } from "./running-check.js";
import { hasStartedLately, SchedulingWatch } from "./scheduling.js";
import type { FirstProbes } from "./spread.js";

/** The fleet, as checks see it. What a method throws is published as a fault. */
export interface VoteKeeper {
  /**
   * The checks, in the same step in which a change of them takes effect. One that is gone has ended: nothing is decided about
   * it any more. A check that has not changed has the same declaration object.
   */
  onChecks(checks: readonly ConfiguredCheck[]): void;
  /**
   * The vote of this member on a check, after each result. It is the same object as long as only `validUntil` has changed.
   * @param validUntil monotonic time until which it counts; then the next vote abstains. Of an abstention: now
   */
  cast(check: string, vote: Vote, validUntil: number): void;
}

export interface VotingDeps extends ShownDecisionsDeps {
  readonly keeper: VoteKeeper;
  readonly firstProbes: FirstProbes;
  readonly isolation: Isolation;
}

/** The reason of a warning that other members dissent from: it says nothing of the target. */
const PARTIAL = "partial";

export class Voting {
  /** For runners. The age of a vote concerns this member alone: other threads apply that of the decision. */
  readonly runnerDeps: RunnerDeps;
  readonly #deps: VotingDeps;
  readonly #decisions: ShownDecisions;
  readonly #ballots = new Map<string, Ballot>();
  readonly #oldest = new OldestVotes<Ballot>();
  readonly #probed = new Set<RunningCheck>();
  /** The check that had the last result. */
  #lastProbed: RunningCheck | undefined;
  readonly #scheduling = new SchedulingWatch<RunningCheck>();

  constructor(deps: VotingDeps) {
    this.#deps = deps;
    this.#decisions = new ShownDecisions(deps);
    this.runnerDeps = { ...deps.runnerDeps, freshness: new Freshness(deps.runnerDeps.clock) };
  }

  /** Number of checks that are probed here. */
  get probedCount(): number {
    return this.#probed.size;
  }

  /**
   * Probes a check here from now on. The vote on one that is probed already is cast again: the keeper may not have it.
   * @param from the decision so far: the thresholds count from zero, and it ends when the decision does. One about another
   *   target, before the check was added, does not count
   */
  probe(name: string, from?: Decision): void {
    const ballot = this.#ballots.get(name);
    if (ballot?.isProbed === true && ballot.vote !== undefined) this.#cast(ballot);
    if (ballot === undefined || ballot.isProbed) return;
    const { check } = ballot;
    if (ballot.isStopped) check.renewRunner();
    ballot.isStopped = false;
    ballot.isProbed = true;
    this.#probed.add(check);
    const isKnown = from !== undefined && from.state !== "pending" && !ballot.isUndecided;
    const withinMs = isKnown ? this.#takeOver(ballot, from) : undefined;
    if (isPassive(check)) check.runner.start(check.settings.initialDelayMs);
    else this.#deps.firstProbes.add(check, withinMs);
  }

  /** Probes a check here no more. It does nothing for one that rests, and for a heartbeat. */
  rest(name: string): void {
    const ballot = this.#ballots.get(name);
    if (ballot === undefined || !ballot.isProbed || ballot.check.heartbeat !== undefined) return;
    this.#end(ballot);
    endRunner(ballot.check.runner, this.runnerDeps.instance);
    Object.assign(ballot, NOTHING_FOUND, { isStopped: true });
  }

  /** Several decisions: what follows from them together is shown once. */
  batch<Result>(decisions: () => Result): Result {
    return this.#deps.publisher.batch(decisions);
  }

  /** Shows what was decided about a check. */
  decide(name: string, decision: Decision): void {
    const ballot = this.#ballots.get(name);
    if (ballot === undefined) return;
    ballot.isUndecided = false;
    this.#decisions.decide(name, decision, ballot);
  }

  /** Whether the probes of this member start when they are due. */
  isScheduling(): boolean {
    if (this.#probed.size === 0) return true;
    const now = this.runnerDeps.clock.now();
    const last = this.#lastProbed;
    return (last !== undefined && hasStartedLately(last, now)) || this.#scheduling.look(this.#probed, now);
  }

  /** Whether the probes of this member start late. */
  get isLate(): boolean {
    return this.runnerDeps.lateness.isLate;
  }

  /** The age of the oldest result that a vote follows from, as a share of its staleAfter: 0 to 1. Heartbeats do not count. */
  stalest(): number {
    return this.#oldest.stalest(this.runnerDeps.clock.now());
  }

  /** A new check. It rests. */
  add(check: RunningCheck, assumption: Assumption | undefined, isReplacing: boolean): void {
    const ballot = { check, isProbed: false, isUndecided: isReplacing, isStopped: false, ...NOTHING_FOUND };
    this.#ballots.set(check.declaration.name, ballot);
    this.#decisions.add(check, assumption);
  }

  /** A check that runs as soon as it is there: a heartbeat does. */
  begin({ declaration, heartbeat }: RunningCheck): void {
    if (heartbeat !== undefined) this.probe(declaration.name);
  }

  /** The check has other settings. */
  change(check: RunningCheck): void {
    this.#decisions.change(check);
  }

  /** The check is removed. Returns the state that one with another target takes over. */
  delete(name: string): Assumption | undefined {
    const ballot = this.#ballots.get(name);
    if (ballot !== undefined) this.#end(ballot);
    this.#ballots.delete(name);
    return this.#decisions.delete(name);
  }

  /** A change of the checks has taken effect. */
  onChecks(): void {
    this.#tell(() => this.#deps.keeper.onChecks([...this.#checks()]));
  }

  /** Votes no more. */
  stop(): void {
    for (const ballot of this.#ballots.values()) this.#end(ballot);
    this.#ballots.clear();
    this.#decisions.stop();
  }

  onProgress({ declaration, settings }: RunningCheck, progress: Progress, isHeld: boolean, last?: LastProbe): void {
    const { name } = declaration;
    const ballot = this.#ballots.get(name);
    if (ballot?.isProbed !== true) return;
    ballot.progress = progress;
    ballot.isHeld = isHeld;
    if (isMissed(ballot)) ballot.check.runner.verdict.restore(ballot.counted);
    else ballot.counted = progress;
    if (last !== undefined) {
      this.#lastProbed = ballot.check;
      ballot.last = last;
      ballot.proberError = undefined;
      const isReport = last.ageMs !== undefined && !isMissed(ballot);
      if (isReport) ballot.reportedAt = this.runnerDeps.clock.now() - (last.ageMs ?? 0);
      if (last.discovered !== undefined) this.#workersOf(ballot).update(name, last.discovered, settings);
      this.#decisions.measure(name, ballot);
    }
    this.#cast(ballot);
  }

  onProberError({ declaration }: RunningCheck, reason: string): void {
    const ballot = this.#ballots.get(declaration.name);
    if (ballot === undefined) return;
    ballot.proberError = reason;
    this.#cast(ballot);
  }

  *#checks(): IterableIterator<RunningCheck> {
    for (const { check } of this.#ballots.values()) yield check;
  }

  /** Starts from what was decided. Returns the maximum time to the first probe. */
  #takeOver(ballot: Ballot, from: Decision): number {
    const { runner, settings, declaration } = ballot.check;
    const leftMs = from.validUntil - this.runnerDeps.clock.now();
    if (leftMs <= 0) return settings.edgeIntervalMs;
    const isPartial = from.state === "warning" && from.reason === PARTIAL;
    const [state, reason] = isPartial ? (["passing", undefined] as const) : [from.state, from.reason];
    runner.verdict.reset(reason, undefined, state);
    runner.validity.inherit(from.validUntil);
    if (from.reported !== undefined)
      this.#workersOf(ballot).adopt(declaration.name, from.reported, settings, from.validUntil);
    return Math.min(settings.edgeIntervalMs, leftMs / 2);
  }

  #end(ballot: Ballot): void {
    const { check, workers } = ballot;
    workers?.stop();
    this.#oldest.delete(ballot);
    if (!ballot.isProbed) return;
    ballot.isProbed = false;
    this.#probed.delete(check);
    this.#deps.firstProbes.delete(check);
    this.#deps.isolation.forget(check.declaration.name);
  }

  /** What the target of one check reports here. Its services are published when they are decided. */
  #workersOf(ballot: Ballot): ReportedServices {
    const onChange = (_check: string, reported: readonly ReportedService[]) => {
      ballot.reported = reported;
      if (ballot.vote !== undefined) this.#cast(ballot);
    };
    const nowhere = { instance: this.runnerDeps.instance, set: () => true, clear: () => true };
    ballot.workers ??= new ReportedServices(nowhere, this.runnerDeps, { isTaken: () => false, onChange });
    return ballot.workers;
  }

  #cast(ballot: Ballot): void {
    const { check, vote: before } = ballot;
    const now = this.runnerDeps.clock.now();
    const vote = voteOf(ballot, now);
    const isAbstaining = vote.state === "abstaining";
    ballot.vote = before !== undefined && isSameVote(before, vote) ? before : vote;
    const validUntil = isAbstaining ? now : check.runner.validity.until;
    if (isAbstaining || check.heartbeat !== undefined) this.#oldest.delete(ballot);
    else this.#oldest.set(ballot, validUntil, check.settings.staleAfterMs);
    this.#tell(() => this.#deps.keeper.cast(check.declaration.name, ballot.vote ?? vote, validUntil));
  }

  /** A fault of the fleet ends no probe. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      publish("fault", { instance: this.runnerDeps.instance, where: "the fleet", error });
    }
  }
}
