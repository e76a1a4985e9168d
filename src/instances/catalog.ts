/**
 * The instances of services with their states: what every form of discovery reads.
 *
 *     configuration, sources --set--> instances of each service --.
 *     registry --transitions, gathered for 20 ms--> their states --+--> entry of the service --> watchers
 *
 * A state is that of the check, not the status of a service: a process that shuts down reports NOT_SERVING for all of its
 * services, and discovery clients must not take that for the end of every instance.
 *
 * An entry that is not `known` must not be sent: clients keep their last answer. That is so before the first results, while
 * a source has not answered, while the isolation rule holds states, and when no instance has a state.
 */
import { subscribe } from "../core/channels.js";
import type { CancelTimer, Clock } from "../core/clock.js";
import type { CheckReport, StatusReader } from "../registry/ports.js";
import {
  type InstanceFacts,
  type InstanceState,
  type InstanceTable,
  isSameFacts,
  isSameText,
  isUsable,
  type ServiceInstance,
  type ServiceInstances,
  tagsOf,
} from "./instance.js";

export interface InstanceCatalogDeps {
  readonly reader: StatusReader;
  readonly clock: Clock;
}

/** Called with the services of which the entry has changed; with none, when no source is awaited any more. */
export type CatalogListener = (changed: ReadonlySet<string>) => void;

/** How long changes are gathered: 10,000 checks that flap cost at most 50 rounds a second. */
const GATHER_MS = 20;

const STATES: Readonly<Record<CheckReport["state"], InstanceState>> = {
  passing: "healthy",
  warning: "degraded",
  failing: "unhealthy",
  pending: "unknown",
};

export class InstanceCatalog {
  readonly #deps: InstanceCatalogDeps;
  readonly #entries = new Map<string, ServiceInstances>();
  readonly #facts = new Map<string, InstanceFacts>();
  /** The facts of each service, sorted. */
  #members: ReadonlyMap<string, readonly InstanceFacts[]> = new Map();
  #awaited: ReadonlySet<string> = new Set();
  /** Services of which every instance had a result at some time. */
  readonly #seen = new Set<string>();
  readonly #listeners = new Set<CatalogListener>();
  readonly #watchers = new Map<string, Set<() => void>>();
  /** Services to look at in the next round; `all` after a change that is about more than single checks. */
  #stale: Set<string> | "all" = new Set();
  /** Checks to read in the next round, unless it is of all: the instances of others are as before. */
  readonly #staleChecks = new Set<string>();
  #cancelRound: CancelTimer | undefined;
  #isIsolated = false;
  #index: number;
  #namesIndex: number;
  readonly #unsubscribe: readonly (() => void)[];

  constructor(deps: InstanceCatalogDeps) {
    this.#deps = deps;
    // milliseconds: an index moves 50 times a second at most, so the indexes of the process before are all below
    this.#index = Math.max(1, Math.floor(deps.clock.wallTime()));
    this.#namesIndex = this.#index;
    const isOurs = ({ instance }: { readonly instance: string }) => instance === deps.reader.instance;
    this.#unsubscribe = [
      subscribe("transition", (message) => {
        if (!isOurs(message)) return;
        if (message.subject === "check") this.#mark([message.name], this.#facts.get(message.name)?.services ?? []);
        else if (this.#entries.has(message.name)) this.#mark(this.#checksOf(message.name), [message.name]);
      }),
      subscribe("isolation", (message) => {
        if (!isOurs(message) || this.#isIsolated === message.held > 0) return;
        this.#isIsolated = message.held > 0;
        this.refresh();
      }),
    ];
  }

  /** The index of the last change. Above 0; it only grows. */
  get index(): number {
    return this.#index;
  }

  /** The index of the last change of the set of services, or of their tags. */
  get namesIndex(): number {
    return this.#namesIndex;
  }

  /** Whether nothing is configured, so that empty answers are true. */
  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Whether a source has not answered yet: its services may have instances and tags that are not listed. */
  get isAwaiting(): boolean {
    return this.#awaited.size > 0;
  }

  /** Whether each service is known. */
  get known(): boolean {
    for (const { known } of this.#entries.values()) if (!known) return false;
    return true;
  }

  /** The services, sorted by their names. */
  services(): IterableIterator<ServiceInstances> {
    return this.#entries.values();
  }

  service(name: string): ServiceInstances | undefined {
    return this.#entries.get(name);
  }

  /** An instance by the name of its check, also where that is no service of the catalog. */
  instance(check: string): ServiceInstance | undefined {
    const facts = this.#facts.get(check);
    return facts && this.#instanceOf(facts, check);
  }

  /** Whether the state of an instance may be sent. */
  isInstanceKnown(check: string): boolean {
    const report = this.#deps.reader.check(check);
    return !this.#isIsolated && report !== undefined && report.state !== "pending";
  }

  /** Replaces all instances. Entries that have not changed keep their index. Watchers are called in the same step. */
  set({ instances, services, awaited }: InstanceTable): void {
    this.#facts.clear();
    for (const facts of instances) this.#facts.set(facts.check, facts);
    this.#members = membersOf(instances, services);
    const wasAwaiting = this.isAwaiting;
    this.#awaited = awaited;
    for (const name of this.#seen) if (!this.#members.has(name) || this.#isReplaced(name)) this.#seen.delete(name);
    this.#stale = "all";
    // the list of names may be told from now on, also where no entry has changed
    if (!this.#round() && wasAwaiting && !this.isAwaiting) this.#tell(new Set());
  }

  /** Reads every state again: after a change without a transition, such as the drain of an instance that fails. */
  refresh(): void {
    this.#stale = "all";
    this.#round();
  }

  /** Calls `listener` after each change of the entry of a service, also when it comes or goes. Returns an unsubscribe function. */
  watch(service: string, listener: () => void): () => void {
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(listener));
    return () => {
      watchers.delete(listener);
      if (watchers.size === 0 && this.#watchers.get(service) === watchers) this.#watchers.delete(service);
    };
  }

  /** The same for all services. */
  watchAll(listener: CatalogListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads nothing any more, and forgets the watchers. */
  close(): void {
    this.#cancelRound?.();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#listeners.clear();
    this.#watchers.clear();
  }

  #checksOf(service: string): readonly string[] {
    return (this.#members.get(service) ?? []).map(({ check }) => check);
  }

  #mark(checks: readonly string[], services: readonly string[]): void {
    if (services.length === 0) return;
    for (const check of checks) this.#staleChecks.add(check);
    if (this.#stale !== "all") for (const service of services) this.#stale.add(service);
    this.#cancelRound ??= this.#deps.clock.setTimer(GATHER_MS, () => this.#round());
  }

  /** Returns whether an entry has changed. */
  #round(): boolean {
    this.#cancelRound?.();
    this.#cancelRound = undefined;
    const stale = this.#stale === "all" ? [...this.#members.keys()] : this.#stale;
    const isWhole = this.#stale === "all";
    this.#stale = new Set();
    const changed = new Set<string>();
    const next = this.#index + 1;
    let isAnotherSet = false;
    let hasOtherTags = false;
    if (isWhole)
      for (const name of this.#entries.keys())
        if (!this.#members.has(name)) {
          this.#entries.delete(name);
          changed.add(name);
          isAnotherSet = true;
        }
    for (const name of stale) {
      const before = this.#entries.get(name);
      const entry = this.#entryOf(name, next, before, isWhole);
      if (entry === before) continue;
      if (before === undefined) isAnotherSet = true;
      else if (isWhole) hasOtherTags ||= !isSameText(tagsOf(before), tagsOf(entry)); // tags change with `set` alone
      this.#entries.set(name, entry);
      changed.add(name);
    }
    this.#staleChecks.clear();
    if (changed.size === 0) return false;
    this.#index = next;
    if (isAnotherSet || hasOtherTags) this.#namesIndex = next;
    if (isAnotherSet) this.#sort();
    this.#tell(changed);
    return true;
  }

  #entryOf(name: string, index: number, before: ServiceInstances | undefined, isWhole: boolean): ServiceInstances {
    const facts = this.#members.get(name) ?? [];
    const instances = facts.map((each, at) => {
      const instance = before?.instances[at];
      const isRead = isWhole || instance === undefined || this.#staleChecks.has(each.check);
      return isRead ? this.#instanceOf(each, name, instance) : instance;
    });
    const known = this.#isKnown(name, instances);
    const isSame =
      before?.instances.length === instances.length && instances.every((each, at) => each === before.instances[at]);
    return isSame && before.known === known ? before : { name, instances, index, known };
  }

  /**
   * Whether the instances that could take traffic are gone, and others have no result yet, such as after a reload with another
   * file or `hashKey`. A list of them would say that the service is down until the first of them has passed.
   */
  #isReplaced(service: string): boolean {
    const [members, before] = [this.#members.get(service) ?? [], this.#entries.get(service)];
    if (before?.known === true && !before.instances.some(({ state }) => isUsable(state))) return false; // it was down
    const isUp = members.some(({ check }) => isUsable(this.#stateOf(check)));
    return !isUp && members.some(({ check }) => !this.#hasResult(check));
  }

  #isKnown(name: string, instances: readonly ServiceInstance[]): boolean {
    if (this.#isIsolated) return false;
    if (instances.length === 0) return !this.#awaited.has(name);
    const hasStates = instances.some(({ state }) => state !== "unknown");
    if (this.#seen.has(name)) return hasStates;
    if (this.#awaited.has(name) || !instances.every(({ check }) => this.#hasResult(check))) return false;
    this.#seen.add(name);
    return hasStates;
  }

  /** One that the startup view does not wait for is not waited for here either. */
  #hasResult(check: string): boolean {
    const report = this.#deps.reader.check(check);
    return report !== undefined && (report.state !== "pending" || !report.startup || report.lastResultAt !== undefined);
  }

  #stateOf(check: string): InstanceState {
    return STATES[this.#deps.reader.check(check)?.state ?? "pending"];
  }

  /** The same object as before while nothing has changed. */
  #instanceOf(facts: InstanceFacts, service: string, before?: ServiceInstance): ServiceInstance {
    const { reader } = this.#deps;
    const report = reader.check(facts.check);
    const [state, reason, since] = [this.#stateOf(facts.check), report?.reason, report?.since ?? 0];
    const drained = reader.drained.has(facts.check) || reader.drained.has(service);
    const isSame =
      before !== undefined && before.state === state && before.drained === drained && isSameFacts(before, facts);
    return isSame ? before : { ...facts, state, drained, reason, since };
  }

  #sort(): void {
    const sorted = [...this.#entries].sort(([one], [other]) => (one < other ? -1 : 1));
    this.#entries.clear();
    for (const [name, entry] of sorted) this.#entries.set(name, entry);
  }

  #tell(changed: ReadonlySet<string>): void {
    for (const listener of [...this.#listeners]) listener(changed);
    for (const service of changed) for (const watcher of [...(this.#watchers.get(service) ?? [])]) watcher();
  }
}

function membersOf(
  instances: readonly InstanceFacts[],
  services: readonly string[],
): ReadonlyMap<string, readonly InstanceFacts[]> {
  const members = new Map<string, InstanceFacts[]>(services.map((name) => [name, []]));
  const sorted = [...instances].sort((one, other) => (one.check < other.check ? -1 : 1));
  for (const facts of sorted) for (const service of facts.services) members.get(service)?.push(facts);
  return members;
}
