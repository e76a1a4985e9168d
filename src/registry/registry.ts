/**
 * The owner of all statuses.
 *
 *     set, clear --> [ published ] --> watchers (newest value), listeners (every transition)
 *                        ^
 *     drain: all services NOT_SERVING, writes go to [ held ];  resume: publishes held
 *
 * A drain hides the statuses but keeps them: `resume` publishes what was written meanwhile, so a service that failed during
 * a drain does not come back as SERVING (grpc-go's Resume sets every service to SERVING).
 *
 * The overall status `""` is SERVING from the start, because a process that answers is up; checks or the application
 * override it. An application that is not ready yet holds it and `startup` at NOT_SERVING. `readiness` is the overall
 * status. `liveness` and `startup` describe this process alone, so a drain does not change them.
 */
import { publish, type Transition } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Latest } from "../core/latest.js";
import { OVERALL, storedName } from "../core/service-name.js";
import type { ServingStatus, WatchStatus } from "../core/serving-status.js";
import { Changes } from "./changes.js";
import { hasSameStatus } from "./check-report.js";
import type { CheckReport, ServiceStatus, StatusDetails, StatusReader, StatusWriter, UnreadyReason } from "./ports.js";
import { createWrite, DRAINING, requireServiceName, SERVING, type StatusWrite, shortDetail } from "./status-write.js";
import { TransitionEmitter } from "./transition-emitter.js";
import { Watchers } from "./watchers.js";

interface RegistryOptions {
  readonly clock: Clock;
  readonly instance: string;
  /** `""` is unknown until it is written. Default false: it is the process, and SERVING. */
  readonly startsEmpty?: boolean | undefined;
}

export class Registry implements StatusReader, StatusWriter {
  readonly instance: string;
  readonly #clock: Clock;
  readonly changes = new Changes();
  readonly #emitter: TransitionEmitter;
  readonly #watchers: Watchers;
  readonly #published = new Map<string, ServiceStatus>();
  readonly #views = new Map<string, ServiceStatus>();
  readonly #checks = new Map<string, CheckReport>();
  /** While draining: what `resume` publishes. It clears the names that are missing here. */
  #held: Map<string, StatusWrite> | undefined;
  drained: ReadonlySet<string> = new Set();
  readonly stalledMs = undefined;
  fleet: StatusReader["fleet"];
  /** Whether `""` stands for the process where nothing is written for it. */
  readonly #hasProcess: boolean;
  unready: UnreadyReason | undefined;
  /** What `""` and `startup` show while the application is not ready. */
  #unready: StatusWrite | undefined;
  /** What was set for `""`. */
  #overall: StatusWrite | undefined;
  #startup: StatusWrite = SERVING;
  sequence = 0;
  #refresh: () => void = () => {};

  constructor({ clock, instance, startsEmpty = false }: RegistryOptions) {
    this.#clock = clock;
    this.instance = instance;
    this.#emitter = new TransitionEmitter(instance, () => this.changes.announce());
    this.#watchers = new Watchers(instance);
    this.#hasProcess = !startsEmpty;
    const names = startsEmpty ? ["liveness", "startup"] : [OVERALL, "liveness", "startup"];
    for (const name of names) this.#views.set(name, this.#stamp(SERVING));
  }

  get draining(): boolean {
    return this.#held !== undefined;
  }

  get watcherCount(): number {
    return this.#watchers.count;
  }

  get version(): number {
    this.#refresh();
    return this.changes.version;
  }

  get statusVersion(): number {
    this.#refresh();
    return this.changes.statusVersion;
  }

  /** Names with at least one open watch. */
  get watchedNameCount(): number {
    return this.#watchers.nameCount;
  }

  read(service: string): ServiceStatus | undefined {
    this.#refresh();
    return this.#current(storedName(service));
  }

  *services(): IterableIterator<[string, ServiceStatus]> {
    this.#refresh();
    const whole = this.#views.get(OVERALL);
    if (whole !== undefined && !this.#published.has(OVERALL)) yield [OVERALL, whole];
    yield* this.#published;
  }

  checks(): IterableIterator<CheckReport> {
    this.#refresh();
    return this.#checks.values();
  }

  check(name: string): CheckReport | undefined {
    this.#refresh();
    return this.#checks.get(name);
  }

  watch(service: string, latest: Latest<WatchStatus>): () => void {
    const name = storedName(service);
    this.#refresh();
    const unwatch = this.#watchers.add(name, latest);
    this.#watchers.deliver(latest, this.#current(name)?.status ?? "SERVICE_UNKNOWN");
    return unwatch;
  }

  /**
   * Calls `listener` for each transition, in order. The error of a listener is published, and does not stop the others.
   * Returns an unsubscribe function.
   */
  onTransition(listener: (transition: Transition) => void): () => void {
    return this.#emitter.add(listener);
  }

  set(service: string, status: ServingStatus, details: StatusDetails = {}): boolean {
    const write = createWrite(service, status, details, this.#published.has(service));
    if (service === OVERALL) this.#overall = write;
    const hidden = service === OVERALL ? this.#unready : undefined;
    if (this.#write(service, hidden ?? write)) return hidden === undefined;
    publish("write-held", { instance: this.instance, service, status });
    return false;
  }

  clear(service: string): boolean {
    requireServiceName(service);
    if (service === OVERALL) this.#overall = undefined;
    if (this.#held === undefined) return this.#remove(service);
    if (this.#held.delete(service)) publish("write-held", { instance: this.instance, service, status: "cleared" });
    return false;
  }

  setStarted(started: boolean): void {
    this.#startup = started ? SERVING : { ...SERVING, status: "UNKNOWN", reason: "starting" };
    this.#replace(this.#views, "startup", this.#unready ?? this.#startup);
  }

  /**
   * Holds the server as a whole and the startup view at NOT_SERVING, for a reason; `undefined` ends it. What is written for
   * `""` meanwhile is published then.
   */
  holdUnready(reason: UnreadyReason | undefined): void {
    this.unready = reason;
    this.#unready = reason === undefined ? undefined : { ...DRAINING, reason };
    this.#emitter.batch(() => {
      this.#replace(this.#views, "startup", this.#unready ?? this.#startup);
      if (this.#overall !== undefined) this.#write(OVERALL, this.#unready ?? this.#overall);
      // also below a write: `clear` uncovers it
      if (this.#held === undefined) this.#showProcess(this.#unready ?? SERVING);
    });
  }

  report(check: CheckReport, detail?: string): void {
    const known = this.#checks.get(check.name);
    this.#checks.set(check.name, check);
    const isMeasurement = known !== undefined && hasSameStatus(known, check);
    this.changes.add({ subject: "check", name: check.name, isMeasurement });
    const before = known?.state ?? "pending";
    if (before === check.state) return;
    const degraded = check.state === "warning";
    const { name, state: to, reason } = check;
    this.#emit({ subject: "check", name, from: before, to, degraded, reason, detail });
  }

  forget(checkName: string): void {
    if (this.#checks.delete(checkName)) this.changes.add({ subject: "check", name: checkName });
  }

  setDrained(services: ReadonlySet<string>): void {
    this.drained = new Set(services);
    this.changes.add({ subject: "drain" });
  }

  /** What the fleet is from now on. */
  setFleet(fleet: StatusReader["fleet"]): void {
    this.fleet = fleet;
    this.changes.add({ subject: "fleet" });
    this.changes.announce();
  }

  /** What a mirror needs of a service or view: its status, and whether it is declared. */
  entry(name: string): { readonly status: ServiceStatus; readonly isDeclared: boolean } | undefined {
    const status = this.#current(name);
    return status && { status, isDeclared: this.#published.has(name) };
  }

  /** The same of a check. Neither runs `beforeReading`: a mirror reads between two writes. */
  storedReport(name: string): CheckReport | undefined {
    return this.#checks.get(name);
  }

  batch<Result>(writes: () => Result): Result {
    return this.#emitter.batch(writes);
  }

  beforeReading(refresh: () => void): void {
    this.#refresh = refresh;
  }

  /** Publishes NOT_SERVING for all services and holds back later writes. `liveness` and `startup` do not change. */
  drain(): void {
    if (this.#held !== undefined) return;
    const held = new Map<string, StatusWrite>(this.#published);
    this.#held = held;
    this.changes.add({ subject: "drain" });
    this.#emitter.batch(() => {
      if (!held.has(OVERALL)) this.#showProcess(DRAINING);
      for (const name of held.keys()) this.#publish(name, DRAINING);
    });
  }

  /** Publishes the statuses of before the drain, with what was written since. */
  resume(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.changes.add({ subject: "drain" });
    this.#emitter.batch(() => {
      this.#showProcess(this.#unready ?? SERVING);
      for (const name of [...this.#published.keys()]) if (!held.has(name)) this.#remove(name);
      for (const [name, write] of held) this.#publish(name, write);
    });
  }

  #current(name: string): ServiceStatus | undefined {
    return this.#published.get(name) ?? this.#views.get(name);
  }

  #showProcess(write: StatusWrite): void {
    if (this.#hasProcess) this.#replace(this.#views, OVERALL, write);
  }

  /** Publishes a write, or holds it back for the end of a drain. Returns whether it is published. */
  #write(service: string, write: StatusWrite): boolean {
    this.#held?.set(service, write);
    this.#publish(service, this.#held === undefined ? write : DRAINING);
    return this.#held === undefined;
  }

  #publish(service: string, write: StatusWrite): void {
    this.#replace(this.#published, service, write);
  }

  /** Writes an entry, and notifies when the status that readers see has changed. */
  #replace(table: Map<string, ServiceStatus>, name: string, write: StatusWrite): void {
    const before = this.#current(name);
    const isSameStatus = before?.status === write.status && before.degraded === write.degraded;
    const isSame = isSameStatus && before.reason === write.reason;
    if (isSame && table.get(name) === before) return;
    if (!isSame || !table.has(name)) this.changes.add({ subject: "service", name });
    table.set(name, isSameStatus ? { ...before, reason: write.reason } : this.#stamp(write));
    if (!isSameStatus) this.#notifyChange(name, before, write.detail);
  }

  #remove(service: string): boolean {
    const before = this.#published.get(service);
    if (before === undefined) return false;
    this.#published.delete(service);
    this.changes.add({ subject: "service", name: service });
    this.#notifyChange(service, before);
    return true;
  }

  #notifyChange(name: string, before: ServiceStatus | undefined, detail?: string): void {
    const after = this.#current(name);
    const from = before?.status ?? "SERVICE_UNKNOWN";
    const to = after?.status ?? "SERVICE_UNKNOWN";
    const degraded = after?.degraded ?? false;
    if (from === to && degraded === (before?.degraded ?? false)) return;
    if (from !== to) this.#watchers.notify(name, to);
    this.#emit({ subject: "service", name, from, to, degraded, reason: after?.reason, detail });
  }

  #emit(change: Omit<Transition, "sequence" | "at">): void {
    this.sequence += 1;
    const { subject, name, from, to, degraded, reason } = change;
    const [detail, at] = [shortDetail(change.detail), this.#clock.wallTime()];
    // every field by its name: a copy would cost more than all else that is done here
    this.#emitter.emit({ subject, name, from, to, degraded, reason, detail, sequence: this.sequence, at });
  }

  /** The part of a write that clients may see: not its detail. */
  #stamp({ status, degraded, reason }: StatusWrite): ServiceStatus {
    return { status, degraded, reason, since: this.#clock.wallTime() };
  }
}
