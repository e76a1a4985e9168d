/**
 * Turns the results of checks into reports and service statuses, and writes them to the registry.
 *
 *     report (one check) ----> service graph ----> set, clear (every service that the check counts for)
 *
 *     add, change, remove, declare ----> publish   several changes are written in one step: no reader and no listener
 *                                                  sees a state in between
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/clock.js";
import { OVERALL } from "../core/service-name.js";
import type { Steps } from "../core/turns.js";
import type { CheckReport, StatusWriter } from "../registry/ports.js";
import { PENDING } from "./evaluate.js";
import type { Owner } from "./name-rules.js";
import { type ServiceDeclaration, ServiceGraph } from "./service-graph.js";
import type { CompleteSettings } from "./settings.js";

/** The part of a report that probes change. */
export type Finding = Pick<CheckReport, "state" | "held" | "reason" | "latencyMs" | "lastResultAt">;

const NO_FINDING: Finding = {
  state: PENDING.state,
  held: false,
  reason: PENDING.reason,
  latencyMs: undefined,
  lastResultAt: undefined,
};

export class CheckPublisher {
  readonly #writer: StatusWriter;
  readonly #clock: Clock;
  readonly #reports = new Map<string, CheckReport>();
  readonly #graph = new ServiceGraph(this.#reports);
  /** Checks that have had no result yet. The startup view waits for them. */
  readonly #unseen = new Set<string>();
  #hasStarted = false;
  /** What the next `publish` has to write. */
  readonly #changedServices = new Set<string>();
  readonly #changedChecks = new Set<string>();
  readonly #removedChecks = new Set<string>();
  /** The names that `announce` has published. They have that status until the first result. */
  readonly #announced = new Set<string>();
  /** Services without members, which `publishRest` clears. */
  readonly #unmade = new Set<string>();

  constructor(writer: StatusWriter, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
  }

  /** Who makes the service of a name. */
  ownerOf(name: string): Owner | undefined {
    if (this.#graph.isDeclared(name)) return { kind: "service", of: name, path: ["services", name] };
    if (this.#reports.has(name)) return { kind: "check", of: name, path: ["checks", name] };
    const maker = this.#graph.makerOf(name);
    return maker === undefined ? undefined : { kind: "named", of: maker, path: ["checks", maker, "services"] };
  }

  /** The last report of a check. */
  reportOf(name: string): CheckReport | undefined {
    return this.#reports.get(name);
  }

  /** Publishes the new names of a check as UNKNOWN, before it is added. What has a name already waits for that. */
  announce(name: string, settings: CompleteSettings): void {
    // the services of a check that is not critical may have another status at once
    if (!settings.critical || this.ownerOf(name) !== undefined) return;
    const report = reportOf(name, settings, NO_FINDING, this.#clock.wallTime());
    this.#writer.report(report);
    for (const service of [name, ...report.services]) {
      if (this.ownerOf(service) !== undefined) continue;
      this.#announced.add(service);
      this.#writer.set(service, "UNKNOWN", { reason: report.reason });
      if (service !== name) this.#graph.addMaker(service, name);
    }
  }

  /** A check without a result, to be published. */
  add(name: string, settings: CompleteSettings): void {
    this.#place(reportOf(name, settings, NO_FINDING, this.#clock.wallTime()));
    this.#removedChecks.delete(name);
    this.#unseen.add(name);
  }

  /** A check with other settings, to be published. */
  change(name: string, { critical, services }: CompleteSettings): void {
    const report = this.#reports.get(name);
    if (report === undefined) return;
    if (report.critical === critical && isDeepStrictEqual(report.services, services)) return;
    this.#unplace(report);
    this.#place({ ...report, critical, services });
  }

  /** A check that is gone, to be published. Services that no check makes any more are cleared. */
  remove(name: string): void {
    const report = this.#reports.get(name);
    if (report === undefined) return;
    this.#unplace(report);
    this.#reports.delete(name);
    this.#unseen.delete(name);
    this.#changedChecks.delete(name);
    this.#removedChecks.add(name);
  }

  /** Other declared services, to be published. `ordered` is what `orderServices` returned. */
  declare(ordered: readonly ServiceDeclaration[]): void {
    const before = this.#graph.names();
    this.#graph.declare(ordered);
    for (const service of [...before, ...this.#graph.names(), OVERALL]) this.#changedServices.add(service);
    for (const name of this.#reports.keys()) this.#changedChecks.add(name);
  }

  /** Writes every change of a status since the last call, in one step. */
  publish(): void {
    const services = this.#graph.inOrder(this.#changedServices);
    // a listener may add a check, which publishes again
    for (const names of [this.#changedServices, this.#announced]) names.clear();
    this.#writer.batch(() => {
      this.#writeStarted();
      for (const service of services) this.#writeService(service);
    });
  }

  /** Writes the rest of the changes: the details of checks, and the end of names that are made of nothing any more. */
  *publishRest(): Steps<void> {
    const [removed, changed, unmade] = [[...this.#removedChecks], [...this.#changedChecks], [...this.#unmade]];
    for (const changes of [this.#removedChecks, this.#changedChecks, this.#unmade]) changes.clear();
    for (const name of removed) yield this.#writer.forget(name);
    for (const name of changed) yield this.#writeReport(this.#reports.get(name));
    for (const service of unmade) yield this.#clearUnmade(service);
  }

  /** Writes the result of a check, and the statuses that follow from it. */
  report(name: string, settings: CompleteSettings, finding: Finding): void {
    const before = this.#reports.get(name);
    const since = before?.state === finding.state ? before.since : this.#clock.wallTime();
    const report = reportOf(name, settings, finding, since);
    this.#reports.set(name, report);
    this.#writeReport(report);
    if (before?.state === report.state && before.reason === report.reason) return;
    for (const service of this.#graph.affectedBy(report)) this.#writeService(service);
  }

  /** A check has its first result. */
  countFirstResult(name: string): void {
    if (this.#unseen.delete(name)) this.#writeStarted();
  }

  #place(report: CheckReport): void {
    this.#reports.set(report.name, report);
    this.#graph.add(report);
    if (!this.#announced.has(report.name) || !this.#graph.isEmpty) this.#changedChecks.add(report.name);
    this.#markServices(report);
  }

  #unplace(report: CheckReport): void {
    this.#markServices(report);
    this.#graph.remove(report);
  }

  #markServices(report: CheckReport): void {
    const affected = this.#graph.isEmpty ? [report.name, ...report.services, OVERALL] : this.#graph.affectedBy(report);
    for (const service of affected) if (!this.#announced.has(service)) this.#changedServices.add(service);
  }

  #writeReport(report: CheckReport | undefined): void {
    if (report === undefined) return;
    this.#writer.report(this.#graph.isEmpty ? report : { ...report, services: this.#graph.namedServicesOf(report) });
  }

  #writeService(service: string): void {
    const rolled = this.#graph.evaluate(service);
    if (rolled === undefined) this.#unmade.add(service);
    else this.#writer.set(service, rolled.status, rolled);
  }

  #clearUnmade(service: string): void {
    if (this.#graph.evaluate(service) === undefined) this.#writer.clear(service);
  }

  /** The startup view opens once, and never closes. */
  #writeStarted(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = this.#unseen.size === 0 && this.#reports.size > 0;
    this.#writer.setStarted(this.#unseen.size === 0);
  }
}

function reportOf(name: string, settings: CompleteSettings, finding: Finding, since: number): CheckReport {
  const { critical, services } = settings;
  const { state, held, reason, latencyMs, lastResultAt } = finding;
  // every field by its name: copies of objects would cost more than all else that is done here for a probe
  return { name, state, critical, reason, held, latencyMs, lastResultAt, since, services };
}
