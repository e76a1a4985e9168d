/**
 * The checks of one registry: runs them, and makes statuses of what they find.
 *
 *     runner --progress--> report (the check) --> service graph --> set (every service that the check has a say in)
 *        |                                                            ^
 *        +--about to fail--> isolation rule: may it?                  +-- discovery (services that a target tells of)
 *
 * Every rule is in a file of its own: `evaluate` (thresholds, flapping), `policy`, `stalls`, `freshness`, `isolation`,
 * `flights`. This one connects them.
 */
import type { Clock, Random } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { OVERALL, serviceNameFault } from "../core/service-name.js";
import type { Prober } from "../probers/prober.js";
import type { CheckReport, StatusWriter } from "../registry/ports.js";
import { Discovery } from "./discovery.js";
import { PENDING, type Progress } from "./evaluate.js";
import { Isolation } from "./isolation.js";
import { CheckRunner, type LastProbe } from "./runner.js";
import { createRunnerMeans, type RunnerMeans } from "./runner-means.js";
import { type ServiceDeclaration, ServiceGraph } from "./service-graph.js";
import { type CheckSettings, type CompleteSettings, completeSettings } from "./settings.js";
import { FirstProbes } from "./spread.js";

/** What the engine needs. */
export interface CheckEngineOptions {
  readonly writer: StatusWriter;
  readonly clock: Clock;
  readonly random: Random;
  /** How long the isolation rule holds statuses at most, in milliseconds. Default 60 s. */
  readonly maxHoldMs?: number | undefined;
}

/** A check to be run. */
export interface CheckDeclaration {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CheckSettings;
}

/** A check that runs. */
interface Running {
  readonly runner: CheckRunner;
  readonly settings: CompleteSettings;
}

const DEFAULT_MAX_HOLD_MS = 60_000;

/** Under this name the isolation rule's own check is logged and measured. It is no service. */
export const SELF_CHECK = "self-check";

export class CheckEngine {
  readonly #writer: StatusWriter;
  readonly #clock: Clock;
  readonly #means: RunnerMeans;
  readonly #isolation: Isolation;
  readonly #running = new Map<string, Running>();
  readonly #reports = new Map<string, CheckReport>();
  readonly #graph = new ServiceGraph(this.#reports);
  readonly #discovery: Discovery;
  readonly #firstProbes = new FirstProbes();
  /** Checks that have had no result yet, while the startup view waits for them. */
  readonly #unseen = new Set<string>();
  #selfCheck: CheckRunner | undefined;
  #started = false;

  constructor({ writer, clock, random, maxHoldMs = DEFAULT_MAX_HOLD_MS }: CheckEngineOptions) {
    const { instance } = writer;
    const means = createRunnerMeans(clock, random, instance);
    this.#writer = writer;
    this.#clock = clock;
    this.#means = means;
    this.#isolation = new Isolation({
      clock,
      agenda: means.agenda,
      instance,
      maxHoldMs,
      checkCount: () => this.#running.size,
      release: (check) => this.#running.get(check)?.runner.letFail(),
    });
    this.#discovery = new Discovery(writer, (service) => this.#isTaken(service));
    writer.beforeReading(() => means.freshness.dropStale());
  }

  /**
   * Declares a check and starts it. Its services are UNKNOWN until the first result.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION or DUPLICATE_NAME; nothing has changed then
   */
  add({ name, prober, settings: given }: CheckDeclaration): void {
    const settings = completeSettings(name, given);
    for (const service of [name, ...settings.services]) requireName(service);
    if (this.#running.has(name) || name === SELF_CHECK) throw duplicate("check", name);
    for (const service of [name, ...settings.services])
      if (this.#graph.has(service)) throw duplicate("service", service);
    const runner = new CheckRunner({
      name,
      prober,
      settings,
      means: this.#means,
      listener: {
        onProgress: (progress, last) => this.#onProgress(name, settings, progress, last),
        judge: () => this.#isolation.judge(name, settings.intervalMs),
      },
    });
    this.#running.set(name, { runner, settings });
    this.#unseen.add(name);
    this.#publishStarted();
    this.#report(this.#presentReport(name, settings));
    this.#firstProbes.plan(runner, settings);
  }

  /**
   * Declares services over checks and other services, in place of those that were declared before; `""` is the server
   * as a whole. Those that are declared no more are cleared.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION for services that are made of each other, or DUPLICATE_NAME
   *   where a check makes a service already; nothing has changed then
   */
  declareServices(declarations: readonly ServiceDeclaration[]): void {
    const made = new Set([...this.#reports.values()].flatMap(({ name, services }) => [name, ...services]));
    const names = new Set<string>();
    for (const { name } of declarations) {
      if (name !== OVERALL) requireName(name);
      if (made.has(name) || names.has(name)) throw duplicate("service", name);
      names.add(name);
    }
    const before = this.#graph.names();
    this.#graph.declare(declarations);
    for (const service of new Set([...before, ...names, OVERALL])) this.#publish(service);
  }

  /**
   * Declares one more service.
   * @throws as `declareServices`
   */
  addService(declaration: ServiceDeclaration): void {
    this.declareServices([...this.#graph.declarations(), declaration]);
  }

  /**
   * Gives the isolation rule its self-check: something that is always there while our own network is.
   * @throws HealthError INVALID_OPTION
   */
  setSelfCheck(prober: Prober | undefined, given: CheckSettings = {}): void {
    const settings = completeSettings(SELF_CHECK, { healthyThreshold: 1, ...given, unhealthyThreshold: 1 });
    this.#selfCheck?.stop();
    this.#isolation.hearSelf(false);
    if (prober === undefined) {
      this.#selfCheck = undefined;
      return;
    }
    const onProgress = ({ state }: Progress) => this.#isolation.hearSelf(state === "failing");
    const listener = { onProgress, judge: () => "fail" as const };
    this.#selfCheck = new CheckRunner({ name: SELF_CHECK, prober, settings, means: this.#means, listener });
    this.#selfCheck.start(0);
  }

  /** Stops a check and forgets it. Services that no check makes any more are cleared. Returns whether there was one. */
  remove(name: string): boolean {
    const running = this.#running.get(name);
    const report = this.#reports.get(name);
    if (running === undefined || report === undefined) return false;
    running.runner.stop();
    this.#running.delete(name);
    this.#reports.delete(name);
    this.#isolation.forget(name);
    this.#discovery.forget(name);
    this.#writer.forget(name);
    this.#unseen.delete(name);
    this.#publishStarted();
    for (const service of this.#graph.servicesOf(report)) this.#publish(service);
    return true;
  }

  /** Stops every check. What they have published stays. */
  stop(): void {
    for (const { runner } of this.#running.values()) runner.stop();
    this.#running.clear();
    this.#selfCheck?.stop();
    this.#selfCheck = undefined;
  }

  #onProgress(name: string, settings: CompleteSettings, progress: Progress, last: LastProbe | undefined): void {
    const { state, reason, failures } = progress;
    if (failures === 0) this.#isolation.forget(name);
    else this.#selfCheck?.lookSoon();
    const held = this.#isolation.isHeld(name);
    this.#report({
      ...this.#presentReport(name, settings),
      state,
      held,
      reason: held ? "prober-isolated" : reason,
      ...(last === undefined ? {} : { latencyMs: last.latencyMs, lastResultAt: last.at }),
    });
    if (last !== undefined && this.#unseen.delete(name)) this.#publishStarted();
    const discovered = last?.discovered;
    if (discovered !== undefined) this.#discovery.tell(name, discovered);
    this.#discovery.lose(name, state, reason);
  }

  #presentReport(name: string, { critical, services }: CompleteSettings): CheckReport {
    const nothing = { state: PENDING.state, reason: PENDING.reason, held: false, latencyMs: undefined };
    const since = this.#clock.wallTime();
    return this.#reports.get(name) ?? { name, critical, services, since, lastResultAt: undefined, ...nothing };
  }

  /** Publishes what a check has found, and what follows from it. */
  #report(report: CheckReport): void {
    const before = this.#reports.get(report.name);
    const since = before?.state === report.state ? before.since : this.#clock.wallTime();
    const stamped = { ...report, since };
    this.#reports.set(report.name, stamped);
    this.#writer.report(stamped);
    if (before?.state === report.state && before.reason === report.reason) return;
    for (const service of this.#graph.servicesOf(report)) this.#publish(service);
  }

  #publish(service: string): void {
    const rolled = this.#graph.rollup(service);
    if (rolled === undefined) this.#writer.clear(service);
    else this.#writer.set(service, rolled.status, rolled);
  }

  /** The startup view opens once, and never closes. */
  #publishStarted(): void {
    if (this.#started) return;
    this.#started = this.#unseen.size === 0 && this.#running.size > 0;
    this.#writer.setStarted(this.#unseen.size === 0);
  }

  #isTaken(service: string): boolean {
    if (this.#graph.has(service)) return true;
    return [...this.#reports.values()].some(({ name, services }) => name === service || services.includes(service));
  }
}

function duplicate(kind: "check" | "service", name: string): HealthError {
  return new HealthError("DUPLICATE_NAME", `${kind} ${JSON.stringify(name)} is declared twice`);
}

function requireName(service: string): void {
  const fault = service === OVERALL ? "must not be empty" : serviceNameFault(service);
  if (fault !== undefined) throw new HealthError("INVALID_SERVICE_NAME", `name of a check or its service ${fault}`);
}
