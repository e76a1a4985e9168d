/**
 * The checks of one registry: runs them, and makes statuses of what they find.
 *
 *     runner --progress--> report (the check) --> service graph --> set (every service that the check has a say in)
 *        |                                                            ^
 *        +--about to fail--> isolation rule: may it?                  +-- discovery (services that a target tells of)
 *
 * Every rule is in a file of its own: `evaluate` (thresholds, flapping), `policy`, `stalls`, `freshness`, `isolation`,
 * `probeLimit`. This one connects them.
 */
import type { Clock, Random } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { OVERALL, serviceNameFault } from "../core/service-name.js";
import type { CheckReport, StatusWriter } from "../registry/ports.js";
import type { CheckDeclaration, IsolationDeclaration } from "./declarations.js";
import { Discovery } from "./discovery.js";
import { PENDING, type Progress } from "./evaluate.js";
import { DEFAULT_MAX_HOLD_MS, Isolation } from "./isolation.js";
import { CheckRunner, type LastProbe } from "./runner.js";
import { createRunnerDeps, type RunnerDeps } from "./runner-deps.js";
import { type ServiceDeclaration, ServiceGraph } from "./service-graph.js";
import { type CheckSettings, type CompleteSettings, completeSettings } from "./settings.js";
import { FirstProbes } from "./spread.js";

/** What the engine needs. */
export interface CheckEngineOptions {
  readonly writer: StatusWriter;
  readonly clock: Clock;
  readonly random: Random;
}

/** A check that runs. */
interface Running {
  readonly runner: CheckRunner;
  settings: CompleteSettings;
}

/** As much of a report as a check finds out. */
type Found = Pick<CheckReport, "state" | "held" | "reason" | "latencyMs" | "lastResultAt">;

const NOTHING_FOUND: Found = {
  state: PENDING.state,
  held: false,
  reason: PENDING.reason,
  latencyMs: undefined,
  lastResultAt: undefined,
};

/** Under this name the isolation rule's own check is logged and measured. It is no service. */
export const SELF_CHECK = "self-check";

export class CheckEngine {
  readonly #writer: StatusWriter;
  readonly #clock: Clock;
  readonly #deps: RunnerDeps;
  readonly #isolation: Isolation;
  readonly #running = new Map<string, Running>();
  readonly #reports = new Map<string, CheckReport>();
  readonly #graph = new ServiceGraph(this.#reports);
  readonly #discovery: Discovery;
  readonly #firstProbes = new FirstProbes();
  /** Checks that have had no result yet, while the startup view waits for them. */
  readonly #unseen = new Set<string>();
  #selfCheck: CheckRunner | undefined;
  /** Services that have to be published at the end of a step. */
  #unpublished: Set<string> | undefined;
  #started = false;

  constructor({ writer, clock, random }: CheckEngineOptions) {
    const { instance } = writer;
    const deps = createRunnerDeps(clock, random, instance);
    this.#writer = writer;
    this.#clock = clock;
    this.#deps = deps;
    this.#isolation = new Isolation({
      clock,
      timers: deps.timers,
      instance,
      checkCount: () => this.#running.size,
      onHoldEnded: (check) => this.#running.get(check)?.runner.endHold(),
    });
    this.#discovery = new Discovery(writer, (service) => this.#graph.isTaken(service));
    writer.beforeReading(() => deps.freshness.dropStale());
  }

  /**
   * Declares a check and starts it. Its services are UNKNOWN until the first result.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION or DUPLICATE_NAME; nothing has changed then
   */
  add({ name, prober, settings: given, passive = false }: CheckDeclaration): void {
    const settings = completeSettings(name, given);
    if (this.#running.has(name) || name === SELF_CHECK) throw duplicate("check", name);
    this.#requireFree([name, ...settings.services]);
    const listener = {
      onProgress: (progress: Progress, last: LastProbe | undefined) => this.#onProgress(name, progress, last),
      onThreshold: () => this.#isolation.onThreshold(name, running.settings.intervalMs, runner.failingSince),
    };
    const runner = new CheckRunner({ name, prober, settings, deps: this.#deps, listener });
    const running: Running = { runner, settings };
    this.#running.set(name, running);
    this.#deps.stalls.start();
    this.#graph.place({ name, services: settings.services });
    this.#unseen.add(name);
    this.#publishStarted();
    this.#report(name, settings, NOTHING_FOUND);
    if (passive) runner.start(settings.initialDelayMs);
    else this.#firstProbes.plan(runner, settings);
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
    for (const report of this.#reports.values()) this.#tell(report);
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
   * Gives the isolation rule its self-check, or takes it away.
   * @throws HealthError INVALID_OPTION
   */
  setIsolation(declaration: IsolationDeclaration | undefined): void {
    this.#selfCheck?.stop();
    this.#selfCheck = undefined;
    this.#isolation.setSelfCheck(declaration !== undefined);
    if (declaration === undefined) return;
    const { prober, maxHoldMs = DEFAULT_MAX_HOLD_MS } = declaration;
    const given = { healthyThreshold: 1, ...declaration.settings, unhealthyThreshold: 1 };
    const settings = completeSettings(SELF_CHECK, given);
    this.#isolation.maxHoldMs = maxHoldMs;
    const onProgress = ({ state }: Progress) => this.#isolation.onSelfCheckResult(state === "failing");
    const listener = { onProgress, onThreshold: () => "fail" as const };
    this.#selfCheck = new CheckRunner({ name: SELF_CHECK, prober, settings, deps: this.#deps, listener });
    this.#selfCheck.start(0);
  }

  /**
   * Gives a check another schedule, other thresholds or services. It keeps its state and its connection.
   * @throws HealthError INVALID_OPTION, INVALID_SERVICE_NAME or DUPLICATE_NAME; nothing has changed then
   */
  change(name: string, given: CheckSettings): void {
    const running = this.#running.get(name);
    const report = this.#reports.get(name);
    if (running === undefined || report === undefined) return;
    const settings = completeSettings(name, given);
    this.#requireFree(settings.services);
    const { critical, services } = settings;
    const affected = [...this.#graph.servicesOf(report), ...this.#graph.servicesOf({ name, services })];
    running.settings = settings;
    running.runner.change(settings);
    this.#graph.place({ name, services }, report.services);
    this.#reports.set(name, { ...report, critical, services });
    this.#tell({ ...report, critical, services });
    for (const service of affected) this.#publish(service);
  }

  /** Publishes the outcome of several changes at once: nobody is told of what is between them. */
  inOneStep(action: () => void): void {
    const unpublished = new Set<string>();
    this.#unpublished = unpublished;
    try {
      action();
    } finally {
      this.#unpublished = undefined;
      for (const service of unpublished) this.#publish(service);
    }
  }

  /** Stops a check and forgets it. Services that no check makes any more are cleared. Returns whether there was one. */
  remove(name: string): boolean {
    const running = this.#running.get(name);
    const report = this.#reports.get(name);
    if (running === undefined || report === undefined) return false;
    running.runner.stop();
    this.#running.delete(name);
    if (this.#running.size === 0) this.#deps.stalls.stop();
    const affected = this.#graph.servicesOf(report);
    this.#reports.delete(name);
    this.#graph.unplace(report);
    this.#isolation.forget(name);
    this.#discovery.forget(name);
    this.#writer.forget(name);
    this.#unseen.delete(name);
    this.#publishStarted();
    for (const service of affected) this.#publish(service);
    return true;
  }

  /** Stops every check. What they have published stays. */
  stop(): void {
    for (const { runner } of this.#running.values()) runner.stop();
    this.#running.clear();
    this.#deps.stalls.stop();
    this.setIsolation(undefined);
    this.#isolation.stop();
  }

  #onProgress(name: string, progress: Progress, last: LastProbe | undefined): void {
    const settings = this.#running.get(name)?.settings;
    if (settings === undefined) return;
    const { state, reason, failures } = progress;
    if (failures === 0) this.#isolation.forget(name);
    else this.#selfCheck?.probeSoon();
    const held = this.#isolation.isHeld(name);
    const before = this.#reports.get(name);
    const latencyMs = last === undefined ? before?.latencyMs : last.latencyMs;
    const lastResultAt = last === undefined ? before?.lastResultAt : last.at;
    this.#report(name, settings, { state, held, reason: held ? "prober-isolated" : reason, latencyMs, lastResultAt });
    if (last !== undefined && this.#unseen.delete(name)) this.#publishStarted();
    const discovered = last?.discovered;
    if (discovered !== undefined) this.#discovery.tell(name, discovered);
    this.#discovery.lose(name, state, reason);
  }

  /** Publishes what a check has found, and what follows from it. */
  #report(name: string, { critical, services }: CompleteSettings, found: Found): void {
    const before = this.#reports.get(name);
    const { state, held, reason, latencyMs, lastResultAt } = found;
    const since = before?.state === state ? before.since : this.#clock.wallTime();
    // every field by its name: copies of objects would cost more than all else that is done here for a probe
    const report = { name, state, critical, reason, held, latencyMs, lastResultAt, since, services };
    this.#reports.set(name, report);
    this.#tell(report);
    if (before?.state === state && before.reason === reason) return;
    for (const service of this.#graph.servicesOf(report)) this.#publish(service);
  }

  /** Tells readers of a check, with every service that it has a say in. */
  #tell(report: CheckReport): void {
    this.#writer.report(this.#graph.isEmpty ? report : { ...report, services: this.#graph.namedServicesOf(report) });
  }

  #publish(service: string): void {
    if (this.#unpublished !== undefined) {
      this.#unpublished.add(service);
      return;
    }
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

  /** The services that a check wants to make: they must be names, and nobody else's. */
  #requireFree(services: readonly string[]): void {
    for (const service of services) {
      requireName(service);
      if (this.#graph.has(service)) throw duplicate("service", service);
    }
  }
}

function duplicate(kind: "check" | "service", name: string): HealthError {
  return new HealthError("DUPLICATE_NAME", `${kind} ${JSON.stringify(name)} is declared twice`);
}

function requireName(service: string): void {
  const fault = service === OVERALL ? "must not be empty" : serviceNameFault(service);
  if (fault !== undefined) throw new HealthError("INVALID_SERVICE_NAME", `name of a check or its service ${fault}`);
}
