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
import type { StatusReader } from "../registry/ports.js";
import {
  type InstanceFacts,
  type InstanceState,
  type InstanceTable,
  isSameFacts,
  isSameText,
  isUsable,
  membersOf,
  positionOf,
  type ServiceInstance,
  type ServiceInstances,
  stateOf,
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
  /** What the next round reads: of each service the positions of its instances, or all of them. */
  #stale = new Map<string, Set<number> | "all">();
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
        if (message.subject === "check") this.#markCheck(message.name);
        else if (this.#entries.has(message.name)) this.#mark(message.name, "all");
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
    // the list of names may be told from now on, also where no entry has changed
    if (!this.#roundOfAll() && wasAwaiting && !this.isAwaiting) this.#tell(new Set());
  }

  /** Reads every state again: after a change without a transition, such as the drain of an instance that fails. */
  refresh(): void {
    this.#roundOfAll();
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

  #markCheck(check: string): void {
    for (const service of this.#facts.get(check)?.services ?? []) {
      const position = positionOf(check, this.#members.get(service) ?? []);
      if (position !== undefined) this.#mark(service, position);
    }
  }

  #mark(service: string, position: number | "all"): void {
    const before = this.#stale.get(service) ?? new Set();
    this.#stale.set(service, before === "all" || position === "all" ? "all" : before.add(position));
    this.#cancelRound ??= this.#deps.clock.setTimer(GATHER_MS, () => this.#round());
  }

  /** Reads every instance. Returns whether an entry has changed. */
  #roundOfAll(): boolean {
    this.#stale = new Map([...this.#members.keys()].map((name) => [name, "all"]));
    const gone = [...this.#entries.keys()].filter((name) => !this.#members.has(name));
    for (const name of gone) this.#entries.delete(name);
    return this.#round(gone);
  }

  /** @param gone services that have been removed. Returns whether an entry has changed. */
  #round(gone: readonly string[] = []): boolean {
    this.#cancelRound?.();
    this.#cancelRound = undefined;
    const stale = this.#stale;
    this.#stale = new Map();
    const changed = new Set(gone);
    const next = this.#index + 1;
    let isAnotherSet = gone.length > 0;
    let hasOtherTags = false;
    for (const [name, positions] of stale) {
      const before = this.#entries.get(name);
      const entry = this.#entryOf(name, next, before, positions);
      if (entry === before) continue;
      if (before === undefined) isAnotherSet = true;
      else hasOtherTags ||= before.facts !== entry.facts && !isSameText(tagsOf(before), tagsOf(entry));
      this.#entries.set(name, entry);
      changed.add(name);
    }
    if (changed.size === 0) return false;
    this.#index = next;
    if (isAnotherSet || hasOtherTags) this.#namesIndex = next;
    if (isAnotherSet) this.#sort();
    this.#tell(changed);
    return true;
  }

  #entryOf(
    name: string,
    index: number,
    before: ServiceInstances | undefined,
    positions: ReadonlySet<number> | "all",
  ): ServiceInstances {
    const members = this.#members.get(name) ?? [];
    const isWhole = before === undefined || positions === "all";
    // the same list while its content is the same: readers keep what they have made of it
    const facts = isWhole ? members : before.facts;
    const instances = isWhole
      ? facts.map((each, at) => this.#instanceOf(each, name, before?.instances[at]))
      : [...before.instances];
    if (!isWhole)
      for (const at of positions) {
        const each = members[at];
        if (each !== undefined) instances[at] = this.#instanceOf(each, name, instances[at]);
      }
    const known = this.#isKnown(name, instances);
    const isSame =
      before?.instances.length === instances.length && instances.every((each, at) => each === before.instances[at]);
    return isSame && before.known === known ? before : { name, instances, facts, index, known };
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
    return stateOf(this.#deps.reader.check(check));
  }

  /** The same object as before while nothing has changed. */
  #instanceOf(facts: InstanceFacts, service: string, before?: ServiceInstance): ServiceInstance {
    const { reader } = this.#deps;
    const report = reader.check(facts.check);
    const [state, reason, since] = [this.#stateOf(facts.check), report?.reason, report?.since ?? 0];
    const drained = reader.drained.has(facts.check) || reader.drained.has(service);
    const isSame =
      before !== undefined && before.state === state && before.drained === drained && isSameFacts(before, facts);
    if (isSame) return before;
    // field by field: a copy of `facts` with more fields takes five times the memory, for 100,000 instances 50 MB
    const { check, services, host, port, address, tags, meta, weight } = facts;
    return { check, services, host, port, address, tags, meta, weight, state, drained, reason, since };
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
