/**
 * The checks that run, and the step in which a plan changes them.
 *
 *     plan --> runners are created --> switch: all statuses follow the plan, at once --> runners start and end
 *
 *     runner --progress--> report (the check) --> service graph --> set (every service that the check counts for)
 *        |          |                                                 ^
 *        |          '--in a fleet--> vote --> decision --> report     +-- reported services (those that a target names)
 *        +--about to fail--> isolation rule: allowed?
 */
import type { Clock, Random } from "../core/clock.js";
import type { Steps } from "../core/turns.js";
import type { StatusWriter } from "../registry/ports.js";
import { firstAssumption } from "./assumption.js";
import { type ChangedCheck, type ChecksPlan, discardPlan, type IsolationPlan } from "./checks-plan.js";
import type { Progress } from "./evaluate.js";
import { guardStore, keepReports, type ReportStore, storeReports, takeUpReport } from "./heartbeat-reports.js";
import { Isolation } from "./isolation.js";
import { NOTHING_RUNNING, type RunningChecks } from "./plan.js";
import { CheckPublisher } from "./publisher.js";
import { ReportedServices } from "./reported-services.js";
import { createRunnerDeps, endRunner, type LastProbe, type RunnerDeps } from "./runner-deps.js";
import { type CheckListener, createCheck, isPassive, type RunningCheck, type TakenCheck } from "./running-check.js";
import { SelfCheck } from "./self-check.js";
import { FirstProbes } from "./spread.js";
import { type VoteKeeper, Voting } from "./voting.js";

export interface LiveChecksOptions {
  readonly writer: StatusWriter;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether the application has set the status of a service by hand. Default: of none. */
  readonly isSetByHand?: ((service: string) => boolean) | undefined;
}

export class LiveChecks {
  readonly publisher: CheckPublisher;
  readonly deps: RunnerDeps;
  readonly #writer: StatusWriter;
  readonly #isolation: Isolation;
  readonly #selfCheck: SelfCheck;
  readonly #reported: ReportedServices;
  readonly #firstProbes: FirstProbes;
  readonly #checks = new Map<string, RunningCheck>();
  #running: RunningChecks;
  #reports: ReportStore | undefined;
  #voting: Voting | undefined;
  readonly #listener: CheckListener = {
    onProgress: (check, progress, last) => this.#onProgress(check, progress, last),
    onThreshold: ({ declaration, settings, runner }) =>
      this.#isolation.onThreshold(declaration.name, settings.intervalMs, runner.verdict.failingSince),
    onProberError: (check, reason) => this.#voting?.onProberError(check, reason),
  };

  constructor({ writer, clock, random, isSetByHand = () => false }: LiveChecksOptions) {
    this.#writer = writer;
    this.deps = createRunnerDeps(clock, random, writer.instance);
    this.publisher = new CheckPublisher(writer, clock);
    this.#isolation = new Isolation({
      clock,
      instance: writer.instance,
      checkCount: () => this.#voting?.probedCount ?? this.#checks.size,
      onHoldEnded: (check) => this.#checks.get(check)?.runner.endHold(),
    });
    this.#selfCheck = new SelfCheck(this.deps, this.#isolation);
    const makerOf = (name: string) =>
      isSetByHand(name) ? ({ kind: "hand", of: name, path: [] } as const) : this.publisher.ownerOf(name);
    this.#reported = new ReportedServices(writer, this.deps, {
      isTaken: (service) => makerOf(service) !== undefined,
      onChange: (check, reported) => this.publisher.setReported(check, reported),
    });
    this.#firstProbes = new FirstProbes(clock, this.deps.timers);
    const ownerOf = (name: string) => makerOf(name) ?? this.#reported.ownerOf(name);
    this.#running = { ...NOTHING_RUNNING, checks: this.#checks, ownerOf };
    writer.beforeReading(() => this.deps.freshness.dropStale());
  }

  /** What a plan is made with. */
  get running(): RunningChecks {
    return this.#running;
  }

  get(name: string): RunningCheck | undefined {
    return this.#checks.get(name);
  }

  /** See `CheckEngine`. */
  castVotes(keeper: VoteKeeper): Voting {
    const [isolation, firstProbes] = [this.#isolation, this.#firstProbes];
    const { deps: runnerDeps, publisher } = this;
    this.#voting = new Voting({ runnerDeps, publisher, reported: this.#reported, keeper, isolation, firstProbes });
    return this.#voting;
  }

  /** Takes up the last reports of heartbeats from a store, and keeps each new one there. */
  keepReports(store: ReportStore): void {
    this.#reports = guardStore(store, this.#writer.instance);
    for (const check of this.#checks.values()) keepReports(check, this.#reports, this.deps.clock);
  }

  /** Stops every check at once. What they have published stays. */
  stop(): void {
    this.#firstProbes.clear();
    for (const { runner } of this.#checks.values()) endRunner(runner, this.#writer.instance);
    this.#checks.clear();
    this.#reported.stop();
    this.deps.stalls.stop();
    this.deps.lateness.stop();
    this.#voting?.stop();
    this.#changeIsolation({ kind: "stop" });
    this.#isolation.stop();
  }

  /**
   * What takes time for each check is done before and after the one step that changes statuses. So a change of 10,000 checks
   * does not block the event loop.
   *
   *     runners are created, new names are UNKNOWN | switch: all statuses follow the plan | runners start and end, reports
   */
  *commit(plan: ChecksPlan): Steps<void> {
    const created: RunningCheck[] = [];
    /** Those that are new: they change no status of another name but the one of the server as a whole, which follows. */
    const added = new Set<RunningCheck>();
    let ended: TakenCheck[] | undefined;
    try {
      for (const opened of plan.started) {
        const check = createCheck(opened, this.#voting?.runnerDeps ?? this.deps, this.#listener);
        created.push(check);
        if (this.publisher.announce(opened)) {
          added.add(check);
          this.#add(check, undefined);
        }
        yield;
      }
      ended = this.#switch(plan, created, added);
      this.#voting?.onChecks();
      for (const check of created) {
        if (this.#voting !== undefined) this.#voting.begin(check);
        else if (isPassive(check)) check.runner.start(check.settings.initialDelayMs);
        else this.#firstProbes.add(check);
        yield takeUpReport(check, this.#reports, this.deps.clock);
      }
      const changed = plan.changed.map(({ declaration }) => this.#checks.get(declaration.name));
      for (const check of changed) yield check?.runner.change(check.settings);
      for (const name of plan.removed) if (!this.#checks.get(name)?.heartbeat) yield this.#reports?.remove(name);
      yield* this.publisher.publishRest((name) => this.#running.ownerOf(name) !== undefined);
      this.#reported.refresh();
      for (let taken = ended.pop(); taken !== undefined; taken = ended.pop())
        yield endRunner(taken.runner, this.#writer.instance);
    } finally {
      if (ended === undefined) discardPlan(plan);
      else for (const { runner } of ended) endRunner(runner, this.#writer.instance);
    }
  }

  /** The one step that changes statuses. Returns the checks whose runners are to be ended. */
  #switch(plan: ChecksPlan, created: readonly RunningCheck[], added: ReadonlySet<RunningCheck>): TakenCheck[] {
    const { removed, changed, services, isolation, allowLinkLocal, isWhole } = plan;
    const ended = new Map(removed.map((name) => [name, this.#take(name)]));
    for (const check of created) {
      const { name } = check.declaration;
      if (!added.has(check)) this.#add(check, ended.get(name));
      this.#checks.set(name, check);
    }
    for (const check of changed) this.#change(check);
    if (services !== undefined) this.publisher.declare(services.order);
    this.#running = { ...this.#running, allowLinkLocal, services: services?.given ?? this.#running.services };
    this.#changeIsolation(isolation);
    if (this.#checks.size > 0) this.deps.stalls.start();
    else this.deps.stalls.stop();
    this.#writer.batch(() => {
      for (const name of removed) this.#reported.change(name, this.#checks.get(name)?.settings);
      this.publisher.publish(isWhole);
    });
    return [...ended.values()].filter((taken) => taken !== undefined);
  }

  /** @param replaced the check with this name that had another target */
  #add(check: RunningCheck, replaced: TakenCheck | undefined): void {
    const assumption = firstAssumption(check.settings, this.deps.clock.now(), replaced);
    check.runner.validity.assume(assumption);
    this.#voting?.add(check, assumption, replaced !== undefined);
    storeReports(check, this.#reports, this.deps.clock);
    this.publisher.add(check, assumption);
  }

  /** Changes all but the schedule, which no status depends on. */
  #change({ declaration, settings, prober }: ChangedCheck): void {
    const check = this.#checks.get(declaration.name);
    if (check === undefined) return;
    [check.declaration, check.settings] = [declaration, settings];
    if (prober !== undefined) check.prober.renew(prober);
    this.#voting?.change(check);
    this.publisher.change(check);
  }

  /** Takes a check out of everything. Its runner counts nothing any more, and is still to be stopped. */
  #take(name: string): TakenCheck | undefined {
    const check = this.#checks.get(name);
    if (check === undefined) return undefined;
    this.#checks.delete(name);
    this.#firstProbes.delete(check);
    this.#isolation.forget(name);
    this.publisher.remove(name);
    const lastState = this.#voting === undefined ? check.runner.lastState : this.#voting.delete(name);
    check.runner.ignoreResults();
    return { runner: check.runner, lastState };
  }

  #changeIsolation(plan: IsolationPlan): void {
    if (plan.kind === "keep") return;
    const ended = this.#selfCheck.change(plan);
    if (ended !== undefined) endRunner(ended, this.#writer.instance);
    this.#running = { ...this.#running, isolation: "rule" in plan ? plan.rule.declaration : undefined };
  }

  #onProgress(check: RunningCheck, progress: Progress, last: LastProbe | undefined): void {
    const { name } = check.declaration;
    if (this.#checks.get(name) !== check) return;
    const { state, reason, detail, failures } = progress;
    if (failures > 0) this.#selfCheck.probeSoon();
    else if (state !== "failing") this.#isolation.forget(name);
    const held = this.#isolation.isHeld(name);
    if (this.#voting !== undefined) {
      this.#voting.onProgress(check, progress, held, last);
      return;
    }
    this.publisher.report(check, { state, held, reason, detail }, last);
    if (last !== undefined) this.publisher.countFirstResult(name);
    if (last?.discovered !== undefined) this.#reported.update(name, last.discovered, check.settings);
  }
}
