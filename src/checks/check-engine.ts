/**
 * The checks of one registry: what the configuration and the calls of the library change.
 *
 *     configuration, or a call --plan--> refused: nothing has changed
 *                                  '---> commit: one synchronous step, which cannot fail (`live-checks`)
 */
import { HealthError } from "../core/health-error.js";
import { runAtOnce, runInTurns, type Steps } from "../core/turns.js";
import type { Report } from "../probers/heartbeat.js";
import type { StatusWriter } from "../registry/ports.js";
import { ChangeQueue } from "./change-queue.js";
import { acceptPlan, type Planned } from "./checks-plan.js";
import type { CheckDeclaration, ChecksConfig, IsolationDeclaration } from "./declarations.js";
import type { ReportStore } from "./heartbeat-reports.js";
import { LiveChecks, type LiveChecksOptions } from "./live-checks.js";
import { describeOwner, ownersIn } from "./name-rules.js";
import { planCheck, planConfiguration, planInSteps, planIsolation, planRemoval, planServices } from "./plan.js";
import type { CheckPublisher } from "./publisher.js";
import type { RunnerDeps } from "./runner-deps.js";
import { type RunningCheck, takeReport } from "./running-check.js";
import type { ServiceDeclaration } from "./service-graph.js";
import { SourceOpener, type SourceOpenerOptions } from "./sources.js";
import type { Violation } from "./violation.js";
import type { VoteKeeper, Voting } from "./voting.js";

export interface CheckEngineOptions extends SourceOpenerOptions, LiveChecksOptions {}

export class CheckEngine {
  /** What the checks publish; it has the drained services too. */
  readonly publisher: CheckPublisher;
  readonly deps: RunnerDeps;
  readonly #writer: StatusWriter;
  readonly #opener: SourceOpener;
  readonly #live: LiveChecks;
  readonly #queue = new ChangeQueue();
  readonly #stopped = new AbortController();

  constructor(options: CheckEngineOptions) {
    this.#writer = options.writer;
    this.#live = new LiveChecks(options);
    this.publisher = this.#live.publisher;
    this.deps = this.#live.deps;
    this.#opener = new SourceOpener(options);
  }

  /**
   * Runs the checks, services and isolation rule of a configuration, and no others. Unchanged checks keep running.
   * @param accept gets what is wrong with the configuration. When it throws, nothing has changed.
   */
  configure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): void {
    this.#apply(() => planConfiguration(this.#live.running, config, this.#opener), accept);
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
      const planned = await inTurns(planInSteps(this.#live.running, config, this.#opener));
      await inTurns(this.#live.commit(acceptPlan(planned, accept)));
    };
    return this.#queue.run(() => change().finally(() => this.publisher.reserve(new Map())));
  }

  /**
   * Adds a check. Its services are UNKNOWN until the first result.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION, INVALID_TARGET, DUPLICATE_NAME; nothing has changed then
   */
  add(check: CheckDeclaration): void {
    this.#apply(() => planCheck(this.#live.running, check, this.#opener));
  }

  /** Removes a check. Services that no check makes any more are cleared. Returns whether there was one. */
  remove(name: string): boolean {
    if (this.running(name) === undefined) return false;
    this.#apply(() => planRemoval(this.#live.running, name, this.#opener));
    return true;
  }

  /**
   * Declares services over checks and other services, in place of those that were declared before; `""` is the server
   * as a whole. Those that are not declared any more are cleared.
   * @throws HealthError INVALID_SERVICE_NAME, DUPLICATE_NAME, or INVALID_OPTION for members, a policy or a cycle; nothing
   *   has changed then
   */
  declareServices(services: readonly ServiceDeclaration[]): void {
    this.#apply(() => planServices(this.#live.running, services, this.#opener));
  }

  /**
   * Gives the isolation rule a self-check, or takes it away.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION; nothing has changed then
   */
  setIsolation(isolation: IsolationDeclaration | undefined): void {
    this.#apply(() => planIsolation(this.#live.running, isolation, this.#opener));
  }

  /**
   * Makes this process a member of a fleet, before its first check: results are votes, and what is decided is published. A
   * check rests until the returned object has it probed.
   */
  castVotes(keeper: VoteKeeper): Voting {
    return this.#live.castVotes(keeper);
  }

  /** The writer of a name, as text; `undefined` if the name is free. */
  ownerOf(name: string): string | undefined {
    const owner = this.#live.running.ownerOf(name);
    return owner === undefined ? undefined : describeOwner(owner);
  }

  running(name: string): RunningCheck | undefined {
    return this.#live.get(name);
  }

  /** Takes a report over HTTP. False for a wrong token, and for a check that takes no reports. `stopped`: no check takes any. */
  report(name: string, authorization: string | undefined, report: Report): boolean | "stopped" {
    return this.#stopped.signal.aborted ? "stopped" : takeReport(this.running(name), authorization, report);
  }

  /** Takes up the last reports of heartbeats from a store, and keeps each new one there. */
  keepReports(store: ReportStore): void {
    this.#live.keepReports(store);
  }

  /** Stops every check at once. What they have published stays. Resolves when their connections are closed: within 500 ms. */
  stop(): Promise<void> {
    this.#stopped.abort(new HealthError("ALREADY_STOPPED", "the checks were stopped before the change was complete"));
    this.#live.stop();
    return this.#opener.goodbyes.ended();
  }

  /** @throws HealthError CHANGE_RUNNING, and what `accept` throws */
  #apply(planned: () => Planned, accept?: (violations: readonly Violation[]) => void): void {
    this.#queue.requireIdle();
    const plan = acceptPlan(planned(), accept);
    // no listener is called in between
    this.#writer.batch(() => runAtOnce(this.#live.commit(plan)));
  }
}
