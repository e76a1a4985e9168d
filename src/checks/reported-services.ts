/**
 * Services that a target reports (the workers of a Celery cluster, for example), beside the check of the target.
 *
 *     answer: online ---------------------------------> SERVING
 *     answer: offline --------------------------------> NOT_SERVING --forgetAfter--> cleared
 *     absent from so many answers as unhealthyThreshold --^   (a target that has restarted knows nothing at first)
 *     no answer for staleAfter (refused, timeout, error): UNKNOWN; until then, each keeps its state
 *     another target: each keeps its state for min(timeout, 5 s); the first answer clears those that it does not name
 *
 * The state of the check is another matter: a target that cannot be asked changes no reported service at once.
 *
 * They are members of no other service: a worker that was scaled away must not make one NOT_SERVING. A service that a
 * check, a configuration or another target makes is not changed, and the log says so once.
 */
import { publish } from "../core/channels.js";
import { serviceNameFault } from "../core/service-name.js";
import type { Timer } from "../core/timer-queue.js";
import type { Discovered } from "../probers/prober.js";
import type { ReportedService, StatusWriter } from "../registry/ports.js";
import { changedUntil } from "./assumption.js";
import type { Age } from "./freshness.js";
import type { Owner } from "./name-rules.js";
import { newWorker, ONLINE, STATES, STATUSES, setState, type Worker } from "./reported-worker.js";
import type { RunnerDeps } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";

/** What the rest of the engine says of names, and learns of them. */
export interface ReportedNames {
  /** Whether a check, a declaration or the application makes the service of a name now. */
  isTaken(service: string): boolean;
  /** Called with the services of a check when one of them has changed. */
  onChange(check: string, reported: readonly ReportedService[]): void;
}

/** Where the services are published. */
export type ServiceWriter = Pick<StatusWriter, "instance" | "set" | "clear">;

/** Services of one target that are remembered. With more, the ones that are offline for the longest time are forgotten. */
const MAX_SERVICES = 1_000;

/** The services of one check. */
interface Cluster {
  readonly workers: Map<string, Worker>;
  readonly age: Age;
  readonly forgetTimer: Timer;
  settings: CompleteSettings;
  reported: readonly ReportedService[];
  /** Monotonic time at which the states end. */
  endsAt: number;
  /** The present target has not answered: the states are those of the target before. */
  isChanged: boolean;
}

export class ReportedServices {
  readonly #writer: ServiceWriter;
  readonly #deps: RunnerDeps;
  readonly #names: ReportedNames;
  readonly #clusters = new Map<string, Cluster>();
  /** The check of each published service. */
  readonly #owners = new Map<string, string>();

  constructor(writer: ServiceWriter, deps: RunnerDeps, names: ReportedNames) {
    this.#writer = writer;
    this.#deps = deps;
    this.#names = names;
  }

  /** Takes an answer of the target of a check. */
  update(check: string, discovered: ReadonlyMap<string, Discovered>, settings: CompleteSettings): void {
    const cluster = this.#clusters.get(check) ?? this.#open(check, settings);
    const { workers } = cluster;
    const now = this.#deps.clock.now();
    cluster.settings = settings;
    cluster.endsAt = now + settings.staleAfterMs;
    cluster.age.renew(cluster.endsAt);
    for (const [service, worker] of workers) {
      if (discovered.has(service)) continue;
      if (!cluster.isChanged) this.#countAbsence(service, worker, cluster);
      else if (workers.delete(service)) this.#clear(check, service);
    }
    cluster.isChanged = false;
    for (const [service, { outcome, reason }] of discovered) {
      if (service === "" || serviceNameFault(service) !== undefined) continue;
      const worker = workers.get(service) ?? newWorker();
      workers.set(service, worker);
      worker.absences = 0;
      setState(worker, outcome === "pass" ? "online" : "offline", reason, now);
    }
    this.#forgetOld(check, cluster, now);
    this.#publishAll(check, cluster);
  }

  /** Takes the services as other members of a fleet have seen them, until `staleAt` in monotonic time. They are forgotten there. */
  adopt(check: string, reported: readonly ReportedService[], settings: CompleteSettings, staleAt: number): void {
    const cluster = this.#clusters.get(check) ?? this.#open(check, settings);
    const { workers } = cluster;
    cluster.settings = settings;
    cluster.endsAt = staleAt;
    cluster.age.renew(staleAt);
    cluster.isChanged = false;
    const names = new Set(reported.map(({ name }) => name));
    for (const service of workers.keys())
      if (!names.has(service) && workers.delete(service)) this.#clear(check, service);
    for (const { name, status, reason } of reported.slice(0, MAX_SERVICES)) {
      if (name === "" || serviceNameFault(name) !== undefined) continue;
      const worker = workers.get(name) ?? newWorker();
      workers.set(name, worker);
      worker.absences = status === "SERVING" ? 0 : 1;
      setState(worker, STATES[status], reason, this.#deps.clock.now());
    }
    this.#publishAll(check, cluster);
  }

  /** The owner of a service that is published here. */
  ownerOf(service: string): Owner | undefined {
    const check = this.#names.isTaken(service) ? undefined : this.#owners.get(service);
    return check === undefined ? undefined : { kind: "discovered", of: check, path: [] };
  }

  /** Publishes again what does not belong to a check or a declared service any more. */
  refresh(): void {
    for (const [check, cluster] of this.#clusters) this.#publishAll(check, cluster);
  }

  /**
   * A check has another target. Further changes never prolong the time until which its services keep their states.
   * @param settings `undefined`: the check was removed; its services are cleared
   */
  change(check: string, settings: CompleteSettings | undefined): void {
    const cluster = this.#clusters.get(check);
    if (cluster === undefined) return;
    if (settings === undefined) {
      this.#forget(check, cluster);
      return;
    }
    cluster.isChanged = true;
    cluster.endsAt = Math.min(cluster.endsAt, changedUntil(settings, this.#deps.clock.now()));
    cluster.age.renew(cluster.endsAt);
    cluster.reported = []; // the report of the check is a new one
    for (const worker of cluster.workers.values()) worker.reason = "changed";
    this.#publishAll(check, cluster);
  }

  #forget(check: string, cluster: Cluster): void {
    cluster.age.end();
    cluster.forgetTimer.cancel();
    for (const service of cluster.workers.keys()) this.#clear(check, service);
    this.#clusters.delete(check);
    this.#names.onChange(check, []);
  }

  /** Changes nothing any more. What was published stays. */
  stop(): void {
    for (const { age, forgetTimer } of this.#clusters.values()) {
      age.end();
      forgetTimer.cancel();
    }
    this.#clusters.clear();
  }

  #open(check: string, settings: CompleteSettings): Cluster {
    const { timers, freshness, clock } = this.#deps;
    const cluster: Cluster = {
      workers: new Map(),
      age: freshness.track({ check, of: "reported" }, () => {
        if (cluster.isChanged) return this.#forget(check, cluster);
        for (const worker of cluster.workers.values()) setState(worker, "unknown", "stale", clock.now());
        this.#publishAll(check, cluster);
      }),
      forgetTimer: timers.create(() => {
        this.#forgetOld(check, cluster, clock.now());
        this.#publishAll(check, cluster);
      }),
      settings,
      reported: [],
      endsAt: Number.POSITIVE_INFINITY,
      isChanged: false,
    };
    this.#clusters.set(check, cluster);
    return cluster;
  }

  #countAbsence(service: string, worker: Worker, { workers, settings }: Cluster): void {
    worker.absences += 1;
    if (worker.isForgotten) workers.delete(service);
    else if (worker.absences >= settings.unhealthyThreshold)
      setState(worker, "offline", "offline", this.#deps.clock.now());
  }

  /** Clears workers that are offline for too long, and the oldest ones if there are too many. */
  #forgetOld(check: string, { workers, settings, forgetTimer }: Cluster, now: number): void {
    for (const [service, { absences }] of workers) {
      if (workers.size <= MAX_SERVICES) break;
      if (absences > 0 && workers.delete(service)) this.#clear(check, service);
    }
    const offline = [...workers]
      .filter(([, { offlineSince, isForgotten }]) => offlineSince !== ONLINE && !isForgotten)
      .sort(([, one], [, other]) => one.offlineSince - other.offlineSince);
    // one that is forgotten stays in `workers` while the target names it
    let publishedCount = [...workers.values()].filter(({ isForgotten }) => !isForgotten).length;
    let nextAt = Number.POSITIVE_INFINITY;
    for (const [service, worker] of offline) {
      const forgetAt = worker.offlineSince + settings.forgetAfterMs;
      if (forgetAt > now && publishedCount <= MAX_SERVICES) {
        nextAt = forgetAt;
        break;
      }
      this.#clear(check, service);
      publishedCount -= 1;
      worker.isForgotten = true;
      if (worker.absences > 0) workers.delete(service);
    }
    if (nextAt === Number.POSITIVE_INFINITY) forgetTimer.cancel();
    else forgetTimer.at(nextAt);
  }

  #publishAll(check: string, cluster: Cluster): void {
    const reported: ReportedService[] = [];
    for (const [name, worker] of cluster.workers) {
      if (worker.isForgotten || !this.#mayPublish(check, name, worker)) continue;
      const [status, reason] = [STATUSES[worker.state], worker.reason];
      this.#owners.set(name, check);
      this.#writer.set(name, status, { reason });
      reported.push({ name, status, reason });
    }
    if (isSame(cluster.reported, reported)) return;
    cluster.reported = reported;
    this.#names.onChange(check, reported);
  }

  #mayPublish(check: string, service: string, worker: Worker): boolean {
    const isDeclared = this.#names.isTaken(service);
    if (isDeclared) this.#owners.delete(service);
    this.#takeOver(check, service, worker);
    const isFree = !isDeclared && (this.#owners.get(service) ?? check) === check;
    if (!isFree && !worker.isRefused) publish("name-taken", { instance: this.#writer.instance, check, service });
    worker.isRefused = !isFree;
    return isFree;
  }

  /** A target that reports a service takes it over from one whose last answer did not have it. */
  #takeOver(check: string, service: string, { absences }: Worker): void {
    const owner = this.#owners.get(service);
    if (owner === undefined || owner === check || absences > 0) return;
    const workers = this.#clusters.get(owner)?.workers;
    if (workers?.get(service)?.absences === 0) return;
    workers?.delete(service);
    this.#owners.delete(service);
  }

  #clear(check: string, service: string): void {
    if (this.#owners.get(service) !== check) return;
    this.#owners.delete(service);
    if (!this.#names.isTaken(service)) this.#writer.clear(service);
  }
}

function isSame(one: readonly ReportedService[], other: readonly ReportedService[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, status, reason }, index) => {
      const twin = other[index];
      return twin?.name === name && twin.status === status && twin.reason === reason;
    })
  );
}
