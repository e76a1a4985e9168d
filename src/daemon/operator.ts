/**
 * What an operator has said: drains and maintenance. Both stay until they are lifted or over, also across a restart.
 *
 *     call --> is it a service? --> journal, on the disk --> statuses change --> answer
 *                                        '--fails--> nothing changes, the answer is an error
 *     start --> journal --> statuses change --> the first address is opened
 *
 * So a call that was answered is not lost, and an answer never claims what is not so. Calls are done one after the other.
 */
import type { CheckEngine } from "../checks/check-engine.js";
import type { Clock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { nearestTo } from "../core/nearest.js";
import { OVERALL } from "../core/service-name.js";
import type { Registry } from "../registry/registry.js";
import type { Journal } from "../telemetry/journal.js";
import type { JournalRecord } from "../telemetry/journal-lines.js";
import type { Log } from "../telemetry/log.js";
import { ControlError } from "./control-error.js";
import type { Maintenance, Scope } from "./maintenance.js";
import {
  fieldsOf,
  keyOf,
  MaintenanceBook,
  nameOf,
  readStored,
  type SharedMaintenance,
  scopeOf,
} from "./maintenance-book.js";

/** More names take too long to compare with a wrong one. */
export const MAX_COMPARED_NAMES = 200;

/** The error for a name that no service has: with the most similar name, if there are few. */
export function unknownService(name: string, registry: Registry): ControlError {
  const names = [...registry.services()].map(([known]) => known);
  const nearest = names.length > MAX_COMPARED_NAMES ? undefined : nearestTo(name, names);
  const hint = nearest ? `did you mean ${nearest}?` : "healthbridge status lists all";
  return new ControlError("NOT_FOUND", `there is no service ${JSON.stringify(name)}; ${hint}`);
}

export interface OperatorDeps {
  readonly parts: { readonly registry: Registry; readonly checks: CheckEngine };
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a name may belong to an instance that is not found yet: its drain and maintenance stay. Default: it is not. */
  readonly isAwaited?: ((name: string) => boolean) | undefined;
  /** Without a `stateDir`, nothing survives a restart. */
  readonly journal: Journal | undefined;
  /** With it, maintenance holds at all members of a fleet. */
  readonly fleet?: SharedMaintenance | undefined;
  /** Called after a drain has begun or ended. */
  readonly onDrain?: (() => void) | undefined;
}

/** What a `resume` has ended. */
export interface Resumed {
  readonly all: boolean;
  readonly services: readonly string[];
}

/** Calls that wait for the ones before them. */
const MAX_WAITING = 100;

export class Operator {
  readonly #deps: OperatorDeps;
  readonly #drains = new Map<string, number>();
  #allDrainedSince: number | undefined;
  readonly #maintenance: MaintenanceBook;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isStopping = false;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
    const { clock, log, journal, fleet, parts, isAwaited = () => false } = deps;
    this.#maintenance = new MaintenanceBook({
      ...{ clock, log, journal, fleet, instance: parts.registry.instance },
      isKnown: (service) => this.#isService(service) || isAwaited(service),
      store: (records) => this.#store(records),
    });
  }

  get survivesRestart(): boolean {
    return this.#deps.journal !== undefined;
  }

  /** Since when a scope is drained, in wall time. */
  drainedSince(scope: Scope): number | undefined {
    return scope === "all" ? this.#allDrainedSince : this.#drains.get(scope.service);
  }

  maintenanceOf(scope: Scope): Maintenance | undefined {
    return this.#maintenance.of(scope);
  }

  /** Whether a service is in maintenance, by its name or with all others. */
  isInMaintenance(service: string): boolean {
    return (this.maintenanceOf("all") ?? this.maintenanceOf({ service })) !== undefined;
  }

  /** Takes up what an earlier process has stored. What the configuration does not have any more is dropped. */
  restore(): void {
    const { journal, log } = this.#deps;
    for (const [key, value] of journal?.entries("drain") ?? []) {
      const { since } = readStored(value);
      if (since !== undefined) this.#applyDrain(scopeOf(key), since);
    }
    this.#maintenance.restore();
    this.dropUnknown();
    if (this.#allDrainedSince !== undefined) logDrain(log, "all", "still drained, as before the restart");
    for (const service of this.#drains.keys()) logDrain(log, { service }, "still drained, as before the restart");
  }

  /** Ends what is said about services that a reload has removed. */
  dropUnknown(): void {
    const { journal, log, isAwaited = () => false } = this.#deps;
    for (const service of [...this.#drains.keys()]) {
      if (this.#isService(service) || isAwaited(service)) continue;
      this.#applyResume({ service });
      journal?.put("drain", keyOf({ service }), undefined);
      const message = `the configuration has no service ${JSON.stringify(service)} any more; its drain has ended`;
      log.write("warn", "drain-ended", message, { service });
    }
    this.#maintenance.dropUnknown();
  }

  /** Returns false for what is drained already. Rejects with ControlError; nothing has changed then. */
  drain(scope: Scope): Promise<boolean> {
    return this.#inTurn(async () => {
      const known = this.#resolve(scope, "drained");
      if (this.drainedSince(known) !== undefined) return false;
      const since = this.#deps.clock.wallTime();
      await this.#store([{ type: "drain", key: keyOf(known), value: { since } }]);
      this.#applyDrain(known, since);
      logDrain(this.#deps.log, known, "drained by an operator");
      return true;
    });
  }

  /** Ends one drain, or with `all` every drain. Rejects with ControlError; nothing has changed then. */
  resume(scope: Scope): Promise<Resumed> {
    return this.#inTurn(async () => {
      const known = this.#resolve(scope, "resumed");
      const ended: Scope[] = known === "all" ? [known, ...this.#drainedServices()] : [known];
      const drained = ended.filter((each) => this.drainedSince(each) !== undefined);
      await this.#store(drained.map((each) => ({ type: "drain", key: keyOf(each), value: undefined })));
      for (const each of drained) this.#applyResume(each);
      for (const each of drained)
        this.#deps.log.write("info", "resumed", `${nameOf(each)}: resumed by an operator`, fieldsOf(each));
      const services = drained.flatMap((each) => (each === "all" ? [] : [each.service]));
      return { all: services.length < drained.length, services };
    });
  }

  /** Begins a maintenance, or changes it; 0 ms ends it. Returns whether something has changed. Rejects with ControlError. */
  setMaintenance(scope: Scope, durationMs: number, reason: string): Promise<boolean> {
    return this.#inTurn(() => this.#maintenance.set(this.#resolve(scope, "in maintenance"), durationMs, reason));
  }

  /** Tells the other members of a fleet. Resolves with the live ones that do not know of the maintenance after a few beats. */
  tellMaintenance(): Promise<readonly string[]> {
    return this.#maintenance.tell();
  }

  /** The shutdown begins: from now on every call is refused. */
  stop(): void {
    this.#isStopping = true;
    this.#maintenance.close();
  }

  /** The scope as it is stored. @throws ControlError for a name that is not a service that can be `done` */
  #resolve(scope: Scope, done: string): Scope {
    if (scope === "all") return scope;
    const service = scope.service === "readiness" ? OVERALL : scope.service;
    if (this.#isService(service)) return { service };
    const shown = JSON.stringify(service);
    const { registry } = this.#deps.parts;
    if (registry.read(service) === undefined) throw unknownService(service, registry);
    const why =
      service === "liveness" || service === "startup"
        ? "it is about this process alone"
        : "it is reported by the target of a check; name that check";
    throw new ControlError("FAILED_PRECONDITION", `${shown} cannot be ${done}: ${why}`);
  }

  #isService(name: string): boolean {
    return name === OVERALL || this.#deps.parts.checks.publisher.makerOf(name) !== undefined;
  }

  #drainedServices(): readonly Scope[] {
    return [...this.#drains.keys()].map((service) => ({ service }));
  }

  #applyDrain(scope: Scope, since: number): void {
    const { registry, checks } = this.#deps.parts;
    if (scope === "all") {
      this.#allDrainedSince = since;
      registry.drain();
    } else {
      this.#drains.set(scope.service, since);
      checks.publisher.setDrained(scope.service, true);
    }
    this.#deps.onDrain?.();
  }

  #applyResume(scope: Scope): void {
    const { registry, checks } = this.#deps.parts;
    if (scope === "all") {
      this.#allDrainedSince = undefined;
      if (!this.#isStopping) registry.resume(); // during a shutdown, everything stays NOT_SERVING
    } else {
      this.#drains.delete(scope.service);
      checks.publisher.setDrained(scope.service, false);
    }
    this.#deps.onDrain?.();
  }

  async #store(records: readonly JournalRecord[]): Promise<void> {
    try {
      await this.#deps.journal?.commit(records);
    } catch (error) {
      throw new ControlError("UNAVAILABLE", `stateDir could not be written (${messageOf(error)}); nothing has changed`);
    }
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= MAX_WAITING)
      return Promise.reject(new ControlError("RESOURCE_EXHAUSTED", "too many calls wait; try again"));
    this.#waiting += 1;
    const result = this.#last.then(() => {
      if (this.#isStopping) throw new ControlError("FAILED_PRECONDITION", "healthbridge is shutting down");
      return action();
    });
    this.#last = result.catch(() => {}).finally(() => (this.#waiting -= 1));
    return result;
  }
}

function logDrain(log: Log, scope: Scope, why: string): void {
  const verb = scope === "all" ? "report" : "reports";
  const message = `${nameOf(scope)}: ${why}; ${verb} NOT_SERVING until resumed`;
  log.write("warn", "drained", message, fieldsOf(scope));
}
