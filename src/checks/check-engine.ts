/**
 * The checks of one registry: runs them, and turns their results into statuses.
 *
 *     runner --progress--> report (the check) --> service graph --> set (every service that the check counts for)
 *        |                                                            ^
 *        +--about to fail--> isolation rule: allowed?                +-- reported services (those that a target names)
 *
 *     configuration, or a call --plan--> refused: nothing has changed
 *                                  '---> commit: one synchronous step, which cannot fail
 */
import { HealthError } from "../core/health-error.js";
import { runAtOnce, runInTurns, type Steps } from "../core/turns.js";
import type { Report } from "../probers/heartbeat.js";
import type { StatusWriter } from "../registry/ports.js";
import { firstAssumption } from "./assumption.js";
import { ChangeQueue } from "./change-queue.js";
import {
  acceptPlan,
  type ChangedCheck,
  type ChecksPlan,
  discardPlan,
  type IsolationPlan,
  type Planned,
} from "./checks-plan.js";
import type { CheckDeclaration, ChecksConfig, IsolationDeclaration } from "./declarations.js";
import type { Progress } from "./evaluate.js";
import { guardStore, keepReports, type ReportStore, storeReports, takeUpReport } from "./heartbeat-reports.js";
import { Isolation } from "./isolation.js";
import { describeOwner, ownersIn } from "./name-rules.js";
import {
  NOTHING_RUNNING,
  planCheck,
  planConfiguration,
  planInSteps,
  planIsolation,
  planRemoval,
  planServices,
  type RunningChecks,
} from "./plan.js";
import { CheckPublisher } from "./publisher.js";
import { ReportedServices } from "./reported-services.js";
import type { CheckRunner } from "./runner.js";
import { createRunnerDeps, endRunner, type LastProbe, type RunnerDeps } from "./runner-deps.js";
import { type CheckListener, createCheck, isPassive, type RunningCheck, takeReport } from "./running-check.js";
import { SelfCheck } from "./self-check.js";
import type { ServiceDeclaration } from "./service-graph.js";
import { SourceOpener, type SourceOpenerOptions } from "./sources.js";
import { FirstProbes } from "./spread.js";
import type { Violation } from "./violation.js";

export interface CheckEngineOptions extends SourceOpenerOptions {
  readonly writer: StatusWriter;
  /** Whether the application has set the status of a service by hand. Default: of none. */
  readonly isSetByHand?: ((service: string) => boolean) | undefined;
}

export class CheckEngine {
  /** What the checks publish; it has the drained services too. */
  readonly publisher: CheckPublisher;
  readonly #writer: StatusWriter;
  readonly deps: RunnerDeps;
  readonly #opener: SourceOpener;
  readonly #isolation: Isolation;
  readonly #selfCheck: SelfCheck;
  readonly #reported: ReportedServices;
  readonly #firstProbes: FirstProbes;
  readonly #checks = new Map<string, RunningCheck>();
  #running: RunningChecks;
  readonly #queue = new ChangeQueue();
  readonly #stopped = new AbortController();
  #reports: ReportStore | undefined;
  readonly #listener: CheckListener = {
    onProgress: (check, progress, last) => this.#onProgress(check, progress, last),
    onThreshold: ({ declaration, settings, runner }) =>
      this.#isolation.onThreshold(declaration.name, settings.intervalMs, runner.failingSince),
  };

  constructor(options: CheckEngineOptions) {
    const { writer, clock, random, isSetByHand = () => false } = options;
    this.#writer = writer;
    this.deps = createRunnerDeps(clock, random, writer.instance);
    this.#opener = new SourceOpener(options);
    this.publisher = new CheckPublisher(writer, clock);
    this.#isolation = new Isolation({
      clock,
      timers: this.deps.timers,
      instance: writer.instance,
      checkCount: () => this.#checks.size,
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

  /**
   * Runs the checks, services and isolation rule of a configuration, and no others. Unchanged checks keep running.
   * @param accept gets what is wrong with the configuration. When it throws, nothing has changed.
   */
  configure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): void {
    this.#apply(() => planConfiguration(this.#running, config, this.#opener), accept);
  }

  /**
   * The same in turns of the event loop, after the change before: what waits is served in between, and reads the statuses
   * of before the change. The names of the configuration are taken from the start.
   * @throws what `throwViolations` throws; HealthError ALREADY_STOPPED when `stop` is called meanwhile
   */
  configureInTurns(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): Promise<void> {
    const { signal } = this.#stopped;
    const inTurns = <Result>(steps: Steps<Result>) => runInTurns(steps, this.deps.clock, signal);
    const change = async () => {
      signal.throwIfAborted();
      this.publisher.reserve(ownersIn(config));
      const planned = await inTurns(planInSteps(this.#running, config, this.#opener));
      await inTurns(this.#commit(acceptPlan(planned, accept)));
    };
    return this.#queue.run(() => change().finally(() => this.publisher.reserve(new Map())));
  }

  /**
   * Adds a check. Its services are UNKNOWN until the first result.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION, INVALID_TARGET, DUPLICATE_NAME; nothing has changed then
   */
  add(check: CheckDeclaration): void {
    this.#apply(() => planCheck(this.#running, check, this.#opener));
  }

  /** Removes a check. Services that no check makes any more are cleared. Returns whether there was one. */
  remove(name: string): boolean {
    if (!this.#checks.has(name)) return false;
    this.#apply(() => planRemoval(this.#running, name, this.#opener));
    return true;
  }

  /**
   * Declares services over checks and other services, in place of those that were declared before; `""` is the server
   * as a whole. Those that are not declared any more are cleared.
   * @throws HealthError INVALID_SERVICE_NAME, DUPLICATE_NAME, or INVALID_OPTION for members, a policy or a cycle; nothing
   *   has changed then
   */
  declareServices(services: readonly ServiceDeclaration[]): void {
    this.#apply(() => planServices(this.#running, services, this.#opener));
  }

  /**
   * Gives the isolation rule a self-check, or takes it away.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION; nothing has changed then
   */
  setIsolation(isolation: IsolationDeclaration | undefined): void {
    this.#apply(() => planIsolation(this.#running, isolation, this.#opener));
  }

  /** The writer of a name, as text; `undefined` if the name is free. */
  ownerOf(name: string): string | undefined {
    const owner = this.#running.ownerOf(name);
    return owner === undefined ? undefined : describeOwner(owner);
  }

  running(name: string): RunningCheck | undefined {
    return this.#checks.get(name);
  }

  /** Takes a report over HTTP. False for a wrong token, and for a check that takes no reports. `stopped`: no check takes any. */
  report(name: string, authorization: string | undefined, report: Report): boolean | "stopped" {
    return this.#stopped.signal.aborted ? "stopped" : takeReport(this.#checks.get(name), authorization, report);
  }

  /** Takes up the last reports of heartbeats from a store, and keeps each new one there. */
  keepReports(store: ReportStore): void {
    this.#reports = guardStore(store, this.#writer.instance);
    for (const check of this.#checks.values()) keepReports(check, this.#reports, this.deps.clock);
  }

  /** Stops every check at once. What they have published stays. Resolves when their connections are closed: within 500 ms. */
  stop(): Promise<void> {
    this.#stopped.abort(new HealthError("ALREADY_STOPPED", "the checks were stopped before the change was complete"));
    this.#firstProbes.clear();
    for (const { runner } of this.#checks.values()) endRunner(runner, this.#writer.instance);
    this.#checks.clear();
    this.#reported.stop();
    this.deps.stalls.stop();
    this.#changeIsolation({ kind: "stop" });
    this.#isolation.stop();
    return this.#opener.goodbyes.ended();
  }

  /** @throws HealthError CHANGE_RUNNING, and what `accept` throws */
  #apply(planned: () => Planned, accept?: (violations: readonly Violation[]) => void): void {
    this.#queue.requireIdle();
    const plan = acceptPlan(planned(), accept);
    // no listener is called in between
    this.#writer.batch(() => runAtOnce(this.#commit(plan)));
  }

  /**
   * What takes time for each check is done outside the step that changes statuses: 10,000 do not block the event loop.
   *
   *     runners are created, new names are UNKNOWN | switch: all statuses follow the plan | runners start and end, reports
   */
  *#commit(plan: ChecksPlan): Steps<void> {
    const created: RunningCheck[] = [];
    let ended: CheckRunner[] | undefined;
    try {
      for (const opened of plan.started) {
        created.push(createCheck(opened, this.deps, this.#listener));
        yield this.publisher.announce(opened);
      }
      ended = this.#switch(plan, created);
      for (const check of created) {
        if (isPassive(check)) check.runner.start(check.settings.initialDelayMs);
        else this.#firstProbes.add(check);
        yield takeUpReport(check, this.#reports, this.deps.clock);
      }
      const changed = plan.changed.map(({ declaration }) => this.#checks.get(declaration.name));
      for (const check of changed) yield check?.runner.change(check.settings);
      for (const name of plan.removed) if (!this.running(name)?.heartbeat) yield this.#reports?.remove(name);
      yield* this.publisher.publishRest((name) => this.#running.ownerOf(name) !== undefined);
      this.#reported.refresh();
      for (let runner = ended.pop(); runner !== undefined; runner = ended.pop())
        yield endRunner(runner, this.#writer.instance);
    } finally {
      if (ended === undefined) discardPlan(plan);
      else for (const runner of ended) endRunner(runner, this.#writer.instance);
    }
  }

  /** The one step that changes statuses. Returns the runners that are to be ended. */
  #switch(plan: ChecksPlan, created: readonly RunningCheck[]): CheckRunner[] {
    const { removed, changed, services, isolation, allowLinkLocal, isWhole } = plan;
    const ended = new Map(removed.map((name) => [name, this.#take(name)]));
    for (const check of created) this.#add(check, ended.get(check.declaration.name));
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
    return [...ended.values()].filter((runner) => runner !== undefined);
  }

  /** @param replaced the runner of the check with this name that had another target */
  #add(check: RunningCheck, replaced: CheckRunner | undefined): void {
    const assumption = firstAssumption(check.settings, this.deps.clock.now(), replaced);
    check.runner.assume(assumption);
    this.#checks.set(check.declaration.name, check);
    storeReports(check, this.#reports, this.deps.clock);
    this.publisher.add(check, assumption);
  }

  /** Changes all but the schedule, which no status depends on. */
  #change({ declaration, settings, prober }: ChangedCheck): void {
    const check = this.#checks.get(declaration.name);
    if (check === undefined) return;
    [check.declaration, check.settings] = [declaration, settings];
    if (prober !== undefined) check.prober.renew(prober);
    this.publisher.change(check);
  }

  /** Takes a check out of everything. Its runner counts nothing any more, and is still to be stopped. */
  #take(name: string): CheckRunner | undefined {
    const check = this.#checks.get(name);
    if (check === undefined) return undefined;
    this.#checks.delete(name);
    this.#firstProbes.delete(check);
    this.#isolation.forget(name);
    this.publisher.remove(name);
    check.runner.ignoreResults();
    return check.runner;
  }

  #changeIsolation(plan: IsolationPlan): void {
    if (plan.kind === "keep") return;
    const ended = this.#selfCheck.change(plan);
    if (ended !== undefined) endRunner(ended, this.#writer.instance);
    this.#running = { ...this.#running, isolation: "rule" in plan ? plan.rule.declaration : undefined };
  }

  #onProgress(check: RunningCheck, { state, reason, detail, failures }: Progress, last: LastProbe | undefined): void {
    const { name } = check.declaration;
    if (this.#checks.get(name) !== check) return;
    if (failures === 0) this.#isolation.forget(name);
    else this.#selfCheck.probeSoon();
    this.publisher.report(check, { state, held: this.#isolation.isHeld(name), reason, detail }, last);
    if (last !== undefined) this.publisher.countFirstResult(name);
    if (last?.discovered !== undefined) this.#reported.update(name, last.discovered, check.settings);
  }
}
