/**
 * The one owner of statuses.
 *
 *     set, clear --> [ published ] --> watchers (newest value), listeners (every transition)
 *                        ^
 *     drain: everything NOT_SERVING, writes go to [ held ] instead;  resume: held is published
 *
 * It is pure: no sockets, no timers, time only to stamp transitions. Draining hides the truth but doesn't forget it:
 * what is written meanwhile is what `resume` publishes, so a service that went down during a drain doesn't come back
 * as SERVING (grpc-go's Resume sets everything to SERVING).
 *
 * The overall status `""` is SERVING from birth, because a process that answers is up; an aggregate of checks, or the
 * application, overrides it. The views are names beside the services: `readiness` is the overall status, `liveness`
 * and `startup` speak of this process alone and so are not touched by a drain.
 */
import { publish, type Transition } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { HealthTypeError } from "../core/health-error.js";
import type { Latest } from "../core/latest.js";
import { OVERALL, serviceNameFault } from "../core/service-name.js";
import { isServingStatus, SERVING_STATUSES, type ServingStatus, type WatchStatus } from "../core/serving-status.js";
import { Announcer } from "./announcer.js";
import type { CheckReport, ServiceStatus, StatusDetails, StatusReader, StatusWriter } from "./ports.js";
import { Watchers } from "./watchers.js";

/** What a writer wants a service to be. */
interface Intent {
  readonly status: ServingStatus;
  readonly degraded: boolean;
  readonly reason: string | undefined;
}

const SERVING: Intent = { status: "SERVING", degraded: false, reason: undefined };
const DRAINING: Intent = { status: "NOT_SERVING", degraded: false, reason: "draining" };

export class Registry implements StatusReader, StatusWriter {
  readonly instance: string;
  readonly #clock: Clock;
  readonly #announcer: Announcer;
  readonly #watchers = new Watchers();
  readonly #published = new Map<string, ServiceStatus>();
  readonly #views = new Map<string, ServiceStatus>();
  readonly #checks = new Map<string, CheckReport>();
  /** While draining: what `resume` will publish. A name that is missing here is cleared then. */
  #held: Map<string, Intent> | undefined;
  #sequence = 0;
  #version = 0;
  #statusVersion = 0;
  #refresh: () => void = () => {};

  constructor(options: { readonly clock: Clock; readonly instance: string }) {
    this.#clock = options.clock;
    this.instance = options.instance;
    this.#announcer = new Announcer(options.instance);
    for (const name of [OVERALL, "liveness", "startup"]) this.#views.set(name, this.#stamp(SERVING));
  }

  get draining(): boolean {
    return this.#held !== undefined;
  }

  get watcherCount(): number {
    return this.#watchers.count;
  }

  get version(): number {
    this.#refresh();
    return this.#version;
  }

  get statusVersion(): number {
    this.#refresh();
    return this.#statusVersion;
  }

  /** Names with at least one open watch. */
  get watchedNameCount(): number {
    return this.#watchers.nameCount;
  }

  read(service: string): ServiceStatus | undefined {
    this.#refresh();
    return this.#present(canonical(service));
  }

  services(): IterableIterator<[string, ServiceStatus]> {
    this.#refresh();
    return this.#published.entries();
  }

  checks(): IterableIterator<CheckReport> {
    this.#refresh();
    return this.#checks.values();
  }

  check(name: string): CheckReport | undefined {
    this.#refresh();
    return this.#checks.get(name);
  }

  watch(service: string, mailbox: Latest<WatchStatus>): () => void {
    const name = canonical(service);
    this.#refresh();
    const unwatch = this.#watchers.add(name, mailbox);
    mailbox.put(this.#present(name)?.status ?? "SERVICE_UNKNOWN");
    return unwatch;
  }

  onTransition(listener: (transition: Transition) => void): () => void {
    return this.#announcer.add(listener);
  }

  set(service: string, status: ServingStatus, details: StatusDetails = {}): boolean {
    requireServiceName(service);
    requireServingStatus(service, status);
    const intent: Intent = {
      status,
      degraded: status === "SERVING" && details.degraded === true,
      reason: details.reason,
    };
    if (this.#held === undefined) {
      this.#publish(service, intent);
      return true;
    }
    this.#held.set(service, intent);
    this.#publish(service, DRAINING);
    publish("write-held", { instance: this.instance, service, status });
    return false;
  }

  clear(service: string): boolean {
    requireServiceName(service);
    if (this.#held === undefined) return this.#remove(service);
    if (this.#held.delete(service)) publish("write-held", { instance: this.instance, service, status: "cleared" });
    return false;
  }

  setStarted(started: boolean): void {
    this.#replace(this.#views, "startup", started ? SERVING : { ...SERVING, status: "UNKNOWN", reason: "starting" });
  }

  report(check: CheckReport): void {
    const known = this.#checks.get(check.name);
    this.#checks.set(check.name, check);
    if (known === undefined || !hasSameStatus(known, check)) this.#countStatusChange();
    else this.#version += 1;
    const before = known?.state ?? "pending";
    if (before === check.state) return;
    const degraded = check.state === "warning";
    this.#announce({
      subject: "check",
      name: check.name,
      from: before,
      to: check.state,
      degraded,
      reason: check.reason,
    });
  }

  forget(checkName: string): void {
    if (this.#checks.delete(checkName)) this.#countStatusChange();
  }

  inOneStep(writes: () => void): void {
    this.#announcer.inOneStep(writes);
  }

  beforeReading(refresh: () => void): void {
    this.#refresh = refresh;
  }

  /** Tells everybody NOT_SERVING and holds every later write back. The views `liveness` and `startup` stay as they are. */
  drain(): void {
    if (this.#held !== undefined) return;
    const held = new Map(this.#published);
    this.#held = held;
    this.#countStatusChange();
    this.#announcer.inOneStep(() => {
      if (!held.has(OVERALL)) this.#replace(this.#views, OVERALL, DRAINING);
      for (const name of held.keys()) this.#publish(name, DRAINING);
    });
  }

  /** Publishes what was true before `drain`, with what was written since. */
  resume(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#countStatusChange();
    this.#announcer.inOneStep(() => {
      this.#replace(this.#views, OVERALL, SERVING);
      for (const name of [...this.#published.keys()]) if (!held.has(name)) this.#remove(name);
      for (const [name, intent] of held) this.#publish(name, intent);
    });
  }

  #present(name: string): ServiceStatus | undefined {
    return this.#published.get(name) ?? this.#views.get(name);
  }

  #publish(service: string, intent: Intent): void {
    this.#replace(this.#published, service, intent);
  }

  /** Writes an entry, and tells of it when the status that a reader sees has changed. */
  #replace(table: Map<string, ServiceStatus>, name: string, intent: Intent): void {
    const before = this.#present(name);
    const same = before?.status === intent.status && before.degraded === intent.degraded;
    if (!same || before.reason !== intent.reason || !table.has(name)) this.#countStatusChange();
    table.set(name, same ? { ...before, reason: intent.reason } : this.#stamp(intent));
    this.#tellOfChange(name, before);
  }

  #remove(service: string): boolean {
    const before = this.#published.get(service);
    if (before === undefined) return false;
    this.#published.delete(service);
    this.#countStatusChange();
    this.#tellOfChange(service, before);
    return true;
  }

  #tellOfChange(name: string, before: ServiceStatus | undefined): void {
    const after = this.#present(name);
    const from = before?.status ?? "SERVICE_UNKNOWN";
    const to = after?.status ?? "SERVICE_UNKNOWN";
    const degraded = after?.degraded ?? false;
    if (from === to && degraded === (before?.degraded ?? false)) return;
    if (from !== to) this.#watchers.tell(name, to);
    this.#announce({ subject: "service", name, from, to, degraded, reason: after?.reason });
  }

  #countStatusChange(): void {
    this.#version += 1;
    this.#statusVersion += 1;
  }

  #announce(change: Omit<Transition, "sequence" | "at">): void {
    this.#sequence += 1;
    this.#announcer.announce({ ...change, sequence: this.#sequence, at: this.#clock.wallTime() });
  }

  #stamp(intent: Intent): ServiceStatus {
    return { ...intent, since: this.#clock.wallTime() };
  }
}

/** Whether two reports of a check differ in nothing but latency and times. */
function hasSameStatus(one: CheckReport, other: CheckReport): boolean {
  return (
    one.state === other.state &&
    one.reason === other.reason &&
    one.critical === other.critical &&
    one.held === other.held &&
    (one.lastResultAt === undefined) === (other.lastResultAt === undefined) &&
    hasSameItems(one.services, other.services)
  );
}

function hasSameItems(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((item, index) => item === other[index]));
}

/** The readiness view is another name of the overall status. */
function canonical(service: string): string {
  return service === "readiness" ? OVERALL : service;
}

function requireServiceName(service: unknown): void {
  const fault = serviceNameFault(service);
  if (fault !== undefined) throw new HealthTypeError("INVALID_SERVICE_NAME", `service name ${fault}`);
}

function requireServingStatus(service: string, status: unknown): void {
  if (isServingStatus(status)) return;
  const got = JSON.stringify(status) ?? typeof status;
  const expected = SERVING_STATUSES.join(", ");
  throw new HealthTypeError(
    "INVALID_STATUS",
    `status of service ${JSON.stringify(service)} must be one of ${expected}; got ${got}`,
  );
}
