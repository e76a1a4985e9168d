/**
 * The checks of one registry: runs them, and makes statuses of what they find.
 *
 *     runner --progress--> report (the check) --> rollup --> set (every service that the check counts for)
 *
 * Every check is a service under its own name, and counts for the server as a whole. A check names further services
 * itself (all of their checks must pass then), or a service is declared over checks with a policy of its own.
 */
import type { Clock, Random } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { OVERALL, serviceNameFault } from "../core/service-name.js";
import type { Prober } from "../probers/prober.js";
import type { CheckReport, StatusWriter } from "../registry/ports.js";
import { PENDING, type Progress } from "./evaluate.js";
import { type Member, type Policy, rollup } from "./policy.js";
import { CheckRunner, type LastProbe } from "./runner.js";
import { type CheckSettings, completeSettings } from "./settings.js";

/** What the engine needs. */
export interface CheckEngineOptions {
  readonly writer: StatusWriter;
  readonly clock: Clock;
  readonly random: Random;
}

/** A check to be run. */
export interface CheckDeclaration {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CheckSettings;
}

/** A service that is made of checks by a policy. */
export interface ServiceDeclaration {
  readonly name: string;
  readonly policy: Policy;
  /** Names of checks. One that isn't declared, or no more, counts as a critical one that is pending. */
  readonly checks: readonly string[];
}

/** So many checks start at once; of more, the first probes are spread over an interval. */
const AT_ONCE = 10;

const ALL: Policy = { kind: "all" };

/** Stands for a check that a service names and that isn't there. */
const MISSING: Member = { state: "pending", critical: true, reason: PENDING.reason };

export class CheckEngine {
  readonly #options: CheckEngineOptions;
  readonly #runners = new Map<string, CheckRunner>();
  readonly #reports = new Map<string, CheckReport>();
  readonly #declared = new Map<string, ServiceDeclaration>();
  #started = false;

  constructor(options: CheckEngineOptions) {
    this.#options = options;
  }

  /**
   * Declares a check and starts it. Its services are UNKNOWN until the first result.
   * @throws HealthError INVALID_SERVICE_NAME, INVALID_OPTION or DUPLICATE_NAME; nothing has changed then
   */
  add({ name, prober, settings: given }: CheckDeclaration): void {
    const { clock, random, writer } = this.#options;
    const settings = completeSettings(name, given);
    for (const service of [name, ...settings.services]) requireName(service);
    if (this.#runners.has(name)) throw duplicate("check", name);
    for (const service of [name, ...settings.services])
      if (this.#declared.has(service)) throw duplicate("service", service);
    const { critical, services } = settings;
    const onProgress = (progress: Progress, last: LastProbe | undefined) =>
      this.#report({
        ...this.#present(name, critical, services),
        state: progress.state,
        reason: progress.reason,
        ...(last === undefined ? {} : { latencyMs: last.latencyMs, lastResultAt: last.at }),
      });
    const runner = new CheckRunner({ name, prober, settings, clock, random, instance: writer.instance, onProgress });
    this.#runners.set(name, runner);
    this.#report(this.#present(name, critical, services));
    const spreadMs = this.#runners.size > AT_ONCE ? random() * settings.intervalMs : 0;
    runner.start(settings.initialDelayMs + spreadMs);
  }

  /**
   * Declares a service over checks, before or after them.
   * @throws HealthError INVALID_SERVICE_NAME, or DUPLICATE_NAME where a check makes this service already
   */
  addService(declaration: ServiceDeclaration): void {
    const { name } = declaration;
    requireName(name);
    const taken = this.#declared.has(name) || this.#membersOf(name).length > 0;
    if (taken) throw duplicate("service", name);
    this.#declared.set(name, declaration);
    this.#publishService(name);
  }

  /** Stops a check and forgets it. Services that no check makes any more are cleared. Returns whether there was one. */
  remove(name: string): boolean {
    const report = this.#reports.get(name);
    if (report === undefined) return false;
    this.#runners.get(name)?.stop();
    this.#runners.delete(name);
    this.#reports.delete(name);
    this.#options.writer.forget(name);
    if (!this.#started) this.#publishStarted();
    for (const service of this.#servicesOf(report)) this.#publishService(service);
    return true;
  }

  /** Stops every check. What they have published stays. */
  stop(): void {
    for (const runner of this.#runners.values()) runner.stop();
    this.#runners.clear();
  }

  /** The report as it stands; for a new check, that nothing is known. */
  #present(name: string, critical: boolean, services: readonly string[]): CheckReport {
    const since = this.#options.clock.wallTime();
    const nothing = { latencyMs: undefined, lastResultAt: undefined };
    const { state, reason } = PENDING;
    return this.#reports.get(name) ?? { name, state, reason, critical, services, since, ...nothing };
  }

  /** Publishes what a check has found, and what follows from it. */
  #report(report: CheckReport): void {
    const { writer, clock } = this.#options;
    const before = this.#reports.get(report.name);
    const since = before?.state === report.state ? before.since : clock.wallTime();
    const stamped = { ...report, since };
    this.#reports.set(report.name, stamped);
    writer.report(stamped);
    if (!this.#started) this.#publishStarted();
    if (before?.state === report.state && before.reason === report.reason) return;
    for (const service of this.#servicesOf(report)) this.#publishService(service);
  }

  /** Every service that a check has a say in. */
  #servicesOf({ name, services }: CheckReport): Set<string> {
    const declared = [...this.#declared.values()].filter(({ checks }) => checks.includes(name));
    return new Set([name, ...services, ...declared.map((service) => service.name), OVERALL]);
  }

  #membersOf(service: string): readonly Member[] {
    const declared = this.#declared.get(service);
    if (declared !== undefined) return declared.checks.map((name) => this.#reports.get(name) ?? MISSING);
    return [...this.#reports.values()].filter(
      ({ name, services }) => service === OVERALL || name === service || services.includes(service),
    );
  }

  #publishService(service: string): void {
    const { writer } = this.#options;
    const members = this.#membersOf(service);
    if (members.length === 0) {
      writer.clear(service);
      return;
    }
    const { status, degraded, reason } = rollup(members, this.#declared.get(service)?.policy ?? ALL);
    writer.set(service, status, { degraded, reason });
  }

  /** The startup view opens once, and never closes. */
  #publishStarted(): void {
    const started = [...this.#reports.values()].every(({ lastResultAt }) => lastResultAt !== undefined);
    this.#started = started && this.#reports.size > 0;
    this.#options.writer.setStarted(started);
  }
}

function duplicate(kind: "check" | "service", name: string): HealthError {
  return new HealthError("DUPLICATE_NAME", `${kind} ${JSON.stringify(name)} is declared twice`);
}

function requireName(service: string): void {
  const fault = service === OVERALL ? "must not be empty" : serviceNameFault(service);
  if (fault !== undefined) throw new HealthError("INVALID_SERVICE_NAME", `name of a check or its service ${fault}`);
}
