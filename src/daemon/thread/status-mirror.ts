/**
 * The registry as a listener thread sees it: a copy that follows the patches, and two rules that the main thread cannot
 * apply while it is blocked.
 *
 *     patch --> [ copy ] --> stale results: UNKNOWN where policies say so --> no sign of life: all NOT_SERVING --> readers
 *
 * A patch is applied in one step, so no reader sees a state in between. Both rules only cover the copy: when the main thread
 * is back, its newest statuses are shown at once.
 */
import { type Age, type AgeOwner, ageKey, Freshness } from "../../checks/freshness.js";
import type { ServiceDeclaration } from "../../checks/service-graph.js";
import { type StaleStatuses, staleStatuses } from "../../checks/stale-statuses.js";
import type { Clock } from "../../core/clock.js";
import type { Latest } from "../../core/latest.js";
import { OVERALL, storedName } from "../../core/service-name.js";
import type { WatchStatus } from "../../core/serving-status.js";
import {
  type CheckReport,
  type FleetState,
  type ServiceStatus,
  STALLED,
  type StatusReader,
  type UnreadyReason,
} from "../../registry/ports.js";
import { Watchers } from "../../registry/watchers.js";
import { processTime, type StatusEntry, type StatusPatch } from "./messages.js";

/** What readers see of a change. Ages of results and events for the metrics are seen by none. */
type Seen = "status" | "measurement" | "nothing";

export class StatusMirror implements StatusReader {
  readonly instance: string;
  readonly #clock: Clock;
  readonly #freshness: Freshness;
  readonly #watchers: Watchers;
  readonly #services = new Map<string, StatusEntry>();
  readonly #checks = new Map<string, CheckReport>();
  readonly #ages = new Map<string, Age>();
  readonly #staleAges = new Map<string, AgeOwner>();
  #fleet: FleetState | undefined;
  #declared: readonly ServiceDeclaration[] = [];
  /** What replaces the published reports and statuses, while any result is stale. */
  #stale: StaleStatuses | undefined;
  #stalledMs: number | undefined;
  /** The status of every service while the main thread shows no sign of life. */
  #stalled: ServiceStatus | undefined;
  #version = 0;
  #statusVersion = 0;
  #sequence = 0;
  draining = false;
  unready: UnreadyReason | undefined;
  drained: ReadonlySet<string> = new Set();

  readonly #onCover: () => void;

  /** @param onCover called when statuses of the main thread are covered with others, or no longer */
  constructor(
    { clock, instance }: { readonly clock: Clock; readonly instance: string },
    onCover: () => void = () => {},
  ) {
    this.instance = instance;
    this.#clock = clock;
    this.#onCover = onCover;
    this.#freshness = new Freshness(clock);
    this.#watchers = new Watchers(instance);
  }

  get watcherCount(): number {
    return this.#watchers.count;
  }

  get watchedNameCount(): number {
    return this.#watchers.nameCount;
  }

  get version(): number {
    this.#freshness.dropStale();
    return this.#version;
  }

  get statusVersion(): number {
    this.#freshness.dropStale();
    return this.#statusVersion;
  }

  get sequence(): number | undefined {
    this.#freshness.dropStale();
    return this.#isCovered ? undefined : this.#sequence;
  }

  /** What the main thread knew before its stall may be false now. */
  get fleet(): FleetState | undefined {
    return this.#stalled === undefined ? this.#fleet : undefined;
  }

  get stalledMs(): number | undefined {
    return this.#stalledMs;
  }

  read(service: string): ServiceStatus | undefined {
    this.#freshness.dropStale();
    return this.#current(storedName(service));
  }

  *services(): IterableIterator<[string, ServiceStatus]> {
    this.#freshness.dropStale();
    for (const [name, { isDeclared }] of this.#services) {
      const status = isDeclared || name === OVERALL ? this.#current(name) : undefined;
      if (status !== undefined) yield [name, status];
    }
  }

  *checks(): IterableIterator<CheckReport> {
    this.#freshness.dropStale();
    for (const [name, report] of this.#checks) yield this.#stale?.reports.get(name) ?? report;
  }

  check(name: string): CheckReport | undefined {
    this.#freshness.dropStale();
    return this.#stale?.reports.get(name) ?? this.#checks.get(name);
  }

  watch(service: string, latest: Latest<WatchStatus>): () => void {
    const name = storedName(service);
    this.#freshness.dropStale();
    const unwatch = this.#watchers.add(name, latest);
    this.#watchers.deliver(latest, this.#watchStatus(name));
    return unwatch;
  }

  /** Applies the changes of the main thread. */
  apply(patch: StatusPatch): void {
    const covered = this.#isCovered;
    const hasChecks = patch.checks.length > 0;
    // a new age, or a new result, can end the cover
    const hasStatus = patch.hasStatus || (covered && (hasChecks || patch.ages.length > 0));
    const seen = hasStatus ? "status" : hasChecks ? "measurement" : "nothing";
    const change = () => {
      for (const [name, report] of patch.checks) put(this.#checks, name, report);
      for (const [name, entry] of patch.services) put(this.#services, name, entry);
      const waitedMs = processTime() - patch.takenAt;
      for (const [owner, staleInMs] of patch.ages)
        this.#renew(owner, staleInMs === undefined ? undefined : staleInMs - waitedMs);
      this.#sequence = patch.lastTransition;
      this.draining = patch.draining;
      this.unready = patch.unready;
      this.drained = patch.drained ?? this.drained;
      this.#fleet = patch.fleet ?? this.#fleet;
      this.#declared = patch.declared ?? this.#declared;
      if (covered) this.#coverStale();
    };
    const names = covered ? [...this.#watchers.names()] : patch.services.map(([name]) => name);
    this.#change(names, change, seen);
    if (covered) this.#onCover();
  }

  /** Sets for how long the main thread has shown no sign of life; `undefined` when that is not too long. */
  setStalled(stalledMs: number | undefined): void {
    const wasStalled = this.#stalledMs !== undefined;
    this.#stalledMs = stalledMs;
    if (wasStalled === (stalledMs !== undefined)) return;
    this.#change([...this.#watchers.names()], () => {
      const since = this.#clock.wallTime();
      this.#stalled =
        stalledMs === undefined ? undefined : { status: "NOT_SERVING", degraded: false, reason: STALLED, since };
    });
    this.#onCover();
  }

  get #isCovered(): boolean {
    return this.#stale !== undefined || this.#stalled !== undefined;
  }

  #renew(owner: AgeOwner, staleInMs: number | undefined): void {
    const key = ageKey(owner);
    this.#staleAges.delete(key);
    if (staleInMs === undefined) {
      this.#ages.get(key)?.end();
      this.#ages.delete(key);
      return;
    }
    let age = this.#ages.get(key);
    if (age === undefined) {
      age = this.#freshness.track(owner, () => this.#onStale(owner));
      this.#ages.set(key, age);
    }
    age.renew(this.#clock.now() + staleInMs);
  }

  #onStale(owner: AgeOwner): void {
    this.#change([...this.#watchers.names()], () => {
      this.#staleAges.set(ageKey(owner), owner);
      this.#coverStale();
    });
    this.#onCover();
  }

  #coverStale(): void {
    const published = { reports: this.#checks, declared: this.#declared, drained: this.drained };
    this.#stale =
      this.#staleAges.size === 0
        ? undefined
        : staleStatuses(published, this.#staleAges.values(), this.#clock.wallTime());
  }

  /** Runs a change, of which readers see something, and gives the watchers of `names` their new statuses. */
  #change(names: readonly string[], change: () => void, seen: Seen = "status"): void {
    const before = names.map((name) => this.#watchStatus(name));
    change();
    if (seen !== "nothing") this.#version += 1;
    if (seen === "status") this.#statusVersion += 1;
    for (const [index, name] of names.entries()) {
      const status = this.#watchStatus(name);
      if (status !== before[index]) this.#watchers.notify(name, status);
    }
  }

  #watchStatus(name: string): WatchStatus {
    return this.#current(name)?.status ?? "SERVICE_UNKNOWN";
  }

  #current(name: string): ServiceStatus | undefined {
    const status = this.#services.get(name)?.status;
    if (status === undefined) return undefined;
    if (this.#stalled !== undefined) return this.#stalled;
    // a drain, and an application that is not ready, cover what the checks say
    const isHeld = this.draining || (name === OVERALL && this.unready !== undefined);
    return isHeld ? status : (this.#stale?.services.get(name) ?? status);
  }
}

function put<Value>(map: Map<string, Value>, name: string, value: Value | undefined): void {
  if (value === undefined) map.delete(name);
  else map.set(name, value);
}
