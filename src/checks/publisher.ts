/**
 * Turns the results of checks into reports and service statuses, and writes them to the registry.
 *
 *     report (one check) ----> service graph ----> set, clear (every service that the check counts for)
 *
 *     add, change, remove, declare ----> publish   several changes are written in one step: no reader and no listener
 *                                                  sees a state in between
 */
import type { Clock } from "../core/clock.js";
import { OVERALL } from "../core/service-name.js";
import type { Steps } from "../core/turns.js";
import type { CheckReport, ReportedService, StatusWriter } from "../registry/ports.js";
import type { ConfiguredCheck } from "./checks-plan.js";
import { PENDING, type Progress } from "./evaluate.js";
import type { Owner } from "./name-rules.js";
import { type Finding, isSameReport, NO_RESULT, reportOf } from "./report.js";
import type { LastProbe } from "./runner-deps.js";
import { type ServiceDeclaration, ServiceGraph } from "./service-graph.js";

/** The verdict about a check, with the full text of its cause. */
type ReportedVerdict = Pick<Finding, "state" | "held" | "reason"> & Pick<Progress, "detail">;

/** What is published of the last result. */
export type Measurement = Pick<LastProbe, "latencyMs" | "at">;

/** What a held check shows, whatever has failed. */
const ISOLATED = { reason: "prober-isolated", detail: undefined } as const;

export class CheckPublisher {
  readonly #writer: StatusWriter;
  readonly #clock: Clock;
  readonly #reports = new Map<string, CheckReport>();
  /** The full texts behind the reasons of checks. They are kept apart from the reports, which clients see. */
  readonly #details = new Map<string, string>();
  readonly #graph = new ServiceGraph(this.#reports);
  /** Checks that count for the startup view. */
  readonly #startupChecks = new Set<string>();
  /** Those of them that have had no result yet. The startup view waits for them. */
  readonly #unseen = new Set<string>();
  #hasStarted = false;
  /** What the next `publish` has to write. */
  readonly #changedServices = new Set<string>();
  readonly #changedChecks = new Set<string>();
  /** The names that `announce` has published. They have that status until the first result. */
  readonly #announced = new Set<string>();
  /** Services that the reports of a batch count for. `undefined`: there is no batch now. */
  #batch: Set<string> | undefined;
  /** Services without members, which `publishRest` clears. */
  readonly #unmade = new Set<string>();
  /** The owners of the names that a configuration is about to make. */
  #reserved: ReadonlyMap<string, Owner> = new Map();
  /** The removed checks, with their last reports. */
  readonly #removedChecks = new Map<string, CheckReport>();

  constructor(writer: StatusWriter, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
  }

  /** Who makes the service of a name, or is about to make it. */
  ownerOf(name: string): Owner | undefined {
    return this.makerOf(name) ?? this.#reserved.get(name);
  }

  /** The declared services, members first: another list after each `declare`. */
  get declared(): readonly ServiceDeclaration[] {
    return this.#graph.order;
  }

  get drained(): ReadonlySet<string> {
    return this.#graph.drained;
  }

  /** The full text behind the reason of a check: for operators, never for clients. */
  detailOf(check: string): string | undefined {
    return this.#details.get(check);
  }

  /**
   * Drains a service, or ends its drain. While it is drained it is NOT_SERVING even if its members pass, and counts as
   * failing for the services that it is a member of. Without any check, `""` can be drained too.
   */
  setDrained(service: string, isDrained: boolean): void {
    this.#graph.setDrained(service, isDrained);
    this.#writer.batch(() => {
      this.#writer.setDrained(this.#graph.drained);
      this.#writeReport(this.#reports.get(service));
      for (const affected of this.#graph.affectedByService(service)) this.#writeService(affected);
      if (this.#unmade.delete(OVERALL)) this.#writer.clear(OVERALL);
    });
  }

  /** The names of a configuration are taken from the start of its change, in place of those of the change before. */
  reserve(owners: ReadonlyMap<string, Owner>): void {
    this.#reserved = owners;
  }

  /** Who makes the service of a name now. */
  makerOf(name: string): Owner | undefined {
    if (this.#graph.isDeclared(name)) return { kind: "service", of: name, path: ["services", name] };
    if (this.#reports.has(name)) return { kind: "check", of: name, path: ["checks", name] };
    const maker = this.#graph.makerOf(name);
    if (maker !== undefined) return { kind: "named", of: maker, path: ["checks", maker, "services"] };
    const isWhole = name === OVERALL && !(this.#graph.isEmpty && this.#reports.size === 0);
    return isWhole ? { kind: "overall", of: name, path: ["overall"] } : undefined;
  }

  /** Publishes the new names of a check as UNKNOWN. What has a name already waits. True: the check may be added at once. */
  announce(check: ConfiguredCheck): boolean {
    const { name } = check.declaration;
    if (check.settings.initialState !== "pending" || this.makerOf(name) !== undefined) return false;
    const report = reportOf(check, { ...NO_RESULT, ...PENDING }, this.#clock.wallTime());
    this.#writer.report(report);
    for (const service of [name, ...report.services]) {
      if (this.makerOf(service) !== undefined) continue;
      this.#announced.add(service);
      this.#writer.set(service, "UNKNOWN", { reason: report.reason });
      if (service !== name) this.#graph.addMaker(service, name);
    }
    return this.#graph.isEmpty && report.services.length === 0;
  }

  /** A check without a result, to be published. `assumed` is its state until there is one. */
  add(check: ConfiguredCheck, assumed: Pick<Finding, "state" | "reason"> = PENDING): void {
    const { name } = check.declaration;
    const before = this.#removedChecks.get(name);
    const { state, reason } = assumed;
    const since = before?.state === state ? before.since : this.#clock.wallTime();
    this.#place(reportOf(check, { ...NO_RESULT, state, reason }, since));
    this.#removedChecks.delete(name);
    this.#awaitResult(check.settings.startup, name);
  }

  /** A check with other settings, to be published. */
  change(check: ConfiguredCheck): void {
    const { declaration, settings } = check;
    const report = this.#reports.get(declaration.name);
    if (report === undefined || isSameReport(report, settings)) return;
    this.#unplace(report);
    this.#place(reportOf(check, report, report.since));
    if (settings.startup !== report.startup)
      this.#awaitResult(settings.startup, report.name, report.lastResultAt === undefined);
  }

  /** A check that is gone, to be published. Services that no check makes any more are cleared. */
  remove(name: string): void {
    const report = this.#reports.get(name);
    if (report === undefined) return;
    this.#unplace(report);
    this.#reports.delete(name);
    this.#details.delete(name);
    this.#awaitResult(false, name);
    this.#changedChecks.delete(name);
    this.#removedChecks.set(name, report);
  }

  /** Other declared services, to be published. `ordered` is what `orderServices` returned. */
  declare(ordered: readonly ServiceDeclaration[]): void {
    const before = this.#graph.names();
    this.#graph.declare(ordered);
    for (const service of [...before, ...this.#graph.names(), OVERALL]) this.#changedServices.add(service);
    for (const name of this.#reports.keys()) this.#changedChecks.add(name);
  }

  /**
   * Writes every change of a status since the last call, in one step.
   * @param isWhole nothing else will be declared: the startup view opens even if no check counts for it
   */
  publish(isWhole: boolean): void {
    const services = this.#graph.inOrder(this.#changedServices);
    // a listener may add a check, which publishes again
    for (const names of [this.#changedServices, this.#announced]) names.clear();
    this.#writer.batch(() => {
      this.#writeStarted(isWhole);
      for (const service of services) this.#writeService(service);
    });
  }

  /**
   * Writes the rest of the changes: the details of checks, and the end of names that are made of nothing any more.
   * @param isTaken whether a name has another owner by now, or one again
   */
  *publishRest(isTaken: (service: string) => boolean): Steps<void> {
    const [removed, changed, unmade] = [[...this.#removedChecks.keys()], [...this.#changedChecks], [...this.#unmade]];
    for (const changes of [this.#removedChecks, this.#changedChecks, this.#unmade]) changes.clear();
    for (const name of removed) if (!this.#reports.has(name)) yield this.#writer.forget(name);
    for (const name of changed) yield this.#writeReport(this.#reports.get(name));
    for (const service of unmade) if (!isTaken(service)) yield void this.#writer.clear(service);
  }

  /** Several reports: each service that they count for is written once, after the last of them, and then the startup view. */
  batch<Result>(reports: () => Result): Result {
    if (this.#batch !== undefined) return reports();
    const services = new Set<string>();
    const isAwaiting = this.#unseen.size > 0;
    this.#batch = services;
    return this.#writer.batch(() => {
      try {
        return reports();
      } finally {
        this.#batch = undefined;
        for (const service of this.#graph.inOrder(services)) this.#writeService(service);
        if (isAwaiting && this.#unseen.size === 0) this.#writeStarted();
      }
    });
  }

  /** Writes the progress of a check, and the statuses that follow from it. `last` is a result that counts. */
  report(check: ConfiguredCheck, verdict: ReportedVerdict, last?: Measurement): void {
    const { name } = check.declaration;
    const before = this.#reports.get(name);
    const { state, held } = verdict;
    const { reason, detail } = held ? ISOLATED : verdict;
    if (detail === undefined) this.#details.delete(name);
    else this.#details.set(name, detail);
    const { latencyMs, at: lastResultAt } = last ?? { latencyMs: before?.latencyMs, at: before?.lastResultAt };
    const finding = { state, held, reason, latencyMs, lastResultAt, reported: before?.reported };
    const since = before?.state === finding.state ? before.since : this.#clock.wallTime();
    const report = reportOf(check, finding, since);
    this.#reports.set(report.name, report);
    this.#graph.changed(report.name);
    this.#writeReport(report);
    if (before?.state === report.state && before.reason === report.reason) return;
    for (const service of this.#graph.affectedBy(report))
      if (this.#batch === undefined) this.#writeService(service);
      else this.#batch.add(service);
  }

  /** Writes the services that the target of a check reports. */
  setReported(name: string, reported: readonly ReportedService[]): void {
    const before = this.#reports.get(name);
    if (before === undefined) return;
    const report = { ...before, reported };
    this.#reports.set(name, report);
    this.#graph.changed(name);
    this.#writeReport(report);
  }

  /** A check has its first result. */
  countFirstResult(name: string): void {
    if (this.#unseen.delete(name) && this.#unseen.size === 0 && this.#batch === undefined) this.#writeStarted();
  }

  #place(report: CheckReport): void {
    const isNew = !this.#reports.has(report.name);
    this.#reports.set(report.name, report);
    this.#graph.add(report, isNew);
    if (!this.#announced.has(report.name) || !this.#graph.isEmpty) this.#changedChecks.add(report.name);
    this.#markServices(report);
  }

  #unplace(report: CheckReport): void {
    this.#markServices(report);
    this.#graph.remove(report);
  }

  #markServices(report: CheckReport): void {
    const affected = this.#graph.isEmpty ? [report.name, ...report.services, OVERALL] : this.#graph.affectedBy(report);
    // a service that is announced has only new checks, unless a check that is not new is placed too
    const isNew = this.#announced.has(report.name);
    for (const service of affected) if (!isNew || !this.#announced.has(service)) this.#changedServices.add(service);
  }

  /** Sets whether a check counts for the startup view, and whether that waits for a result of the check. */
  #awaitResult(counts: boolean, name: string, isUnseen = true): void {
    if (counts) this.#startupChecks.add(name);
    else this.#startupChecks.delete(name);
    if (counts && isUnseen) this.#unseen.add(name);
    else this.#unseen.delete(name);
  }

  #writeReport(report: CheckReport | undefined): void {
    if (report === undefined) return;
    const shown = this.#graph.isEmpty ? report : { ...report, services: this.#graph.namedServicesOf(report) };
    const isDrained = this.#graph.drained.has(report.name);
    this.#writer.report(isDrained ? { ...shown, drained: true } : shown, this.#details.get(report.name));
  }

  #writeService(service: string): void {
    const rolled = this.#graph.evaluate(service);
    if (rolled === undefined) return void this.#unmade.add(service);
    const { status, degraded, reason, cause = "" } = rolled;
    this.#writer.set(service, status, { degraded, reason, detail: this.#details.get(cause) });
  }

  /** The startup view opens once, and never closes. Before anything counts for it, it may close again. */
  #writeStarted(isWhole = false): void {
    if (this.#hasStarted) return;
    const isOpen = this.#unseen.size === 0;
    this.#hasStarted = isOpen && (isWhole || this.#startupChecks.size > 0);
    this.#writer.setStarted(isOpen);
  }
}
