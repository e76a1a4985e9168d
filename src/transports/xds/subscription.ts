/**
 * What one stream has asked for of one type, and what it was sent. No input and no output: a stream asks for the next response.
 *
 *     request --> names --> unsent names --.
 *     catalog changed ------------^        +--> next response, at most 64 KiB beyond its last resource --> nonce
 *
 * `cds` and `lds` are whole in each response: what is absent does not exist. `eds` and `rds` have what has changed.
 *
 * Sources: envoy docs/root/api-docs/xds_protocol.rst; go-control-plane pkg/server/sotw/v3 and pkg/server/stream/v3.
 */
import { MAX_SERVICE_NAME_BYTES } from "../../core/service-name.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { ClientKind } from "./endpoints.js";
import type { NameList } from "./request.js";
import type { Resource, ResourceCache, ResourceType } from "./resources.js";

/** A response of `eds` or `rds` ends after the resource that reaches this size. A client that does not read costs one response. */
const MAX_PART_BYTES = 64 * 1024;

/** The name that stands for all. */
const WILDCARD = "*";

/** The version of a resource that was not sent. */
const UNSENT = 0;

export class Subscription {
  readonly type: ResourceType;
  /** The nonce of the last response; empty before the first. */
  nonce = "";
  readonly #catalog: InstanceCatalog;
  readonly #resources: ResourceCache;
  /** The names that were asked for, or that were sent for a wildcard, each with the version that was sent. */
  #names: Map<string, number> = new Map();
  #isWildcard = false;
  /** The client has sent names. From then on an empty list subscribes to none; before, it subscribes to all (legacy wildcard). */
  #hasNamed = false;
  /** Names to look at. */
  readonly #due = new Set<string>();
  /** A response of a whole type is due, even without a resource. */
  #isDue = false;
  /** The names of the last request that was no stale one. */
  #asked: NameList | undefined;
  /** The names of a stale request, until the next change. */
  #stale: NameList | undefined;

  constructor(type: ResourceType, catalog: InstanceCatalog, resources: ResourceCache) {
    this.type = type;
    this.#catalog = catalog;
    this.#resources = resources;
  }

  /** Number of names that are kept. */
  get size(): number {
    return this.#names.size + (this.#stale?.length ?? 0);
  }

  /** Whether these are the names of the last request that was not stale. */
  hasAskedFor(list: NameList): boolean {
    return this.#asked?.isSame(list) ?? false;
  }

  /** Takes the names of a request. Only those that were not asked for before are due. */
  ask(list: NameList): void {
    this.#stale = undefined;
    if (this.hasAskedFor(list)) return;
    this.#asked = list.copy();
    const names = list.decode() ?? [];
    if (names.length > 0) this.#hasNamed = true;
    if (names.includes(WILDCARD) || !this.#hasNamed) this.#askAll();
    else this.#askFor(names);
  }

  /**
   * Takes the names of a request with an old nonce. It is not answered, but its names hold from the next change on. Else a
   * client that is always one response behind, while services flap, would never get what it asks for.
   */
  askStale(list: NameList): void {
    this.#stale = this.hasAskedFor(list) ? undefined : list.copy();
  }

  /** The entries of some services have changed. */
  change(changed: ReadonlySet<string>): void {
    if (this.#stale !== undefined) this.ask(this.#stale);
    if (!this.#isWildcard && this.#names.size < changed.size) {
      for (const name of this.#names.keys()) if (changed.has(name)) this.#due.add(name);
    } else for (const name of changed) if (this.#isWildcard || this.#names.has(name)) this.#due.add(name);
  }

  /** The resources of the next response; `undefined` when nothing is due. */
  next(kind: ClientKind): readonly Buffer[] | undefined {
    return this.#isWhole ? this.#nextWhole(kind) : this.#nextPart(kind);
  }

  get #isWhole(): boolean {
    return this.type === "cds" || this.type === "lds";
  }

  #askAll(): void {
    if (this.#isWildcard) return;
    this.#isWildcard = true;
    this.#isDue = true;
    for (const { name } of this.#catalog.services()) this.#due.add(name);
  }

  #askFor(names: readonly string[]): void {
    this.#isWildcard = false;
    const before = this.#names;
    this.#names = new Map();
    for (const asked of names) {
      // a longer name is no service: it is not kept
      if (this.#names.has(asked) || Buffer.byteLength(asked) > MAX_SERVICE_NAME_BYTES) continue;
      const name = this.#catalog.service(asked)?.name ?? asked; // one string for all streams
      const sent = before.get(name);
      this.#names.set(name, sent ?? UNSENT);
      if (sent !== undefined) continue;
      this.#due.add(name);
      this.#isDue = true;
    }
  }

  #nextWhole(kind: ClientKind): readonly Buffer[] | undefined {
    for (const name of this.#due) this.#isDue ||= this.#exists(name, kind) !== (this.#sentOf(name) !== UNSENT);
    this.#due.clear();
    if (!this.#isDue) return undefined;
    this.#isDue = false;
    const listed = this.#isWildcard ? this.#allNames() : [...this.#names.keys()];
    this.#names = new Map();
    const found: Buffer[] = [];
    for (const name of listed) {
      const resource = this.#resources.get(this.type, name, kind);
      this.#names.set(name, typeof resource === "string" ? UNSENT : resource.version);
      if (typeof resource !== "string") found.push(resource.bytes);
    }
    return found;
  }

  #nextPart(kind: ClientKind): readonly Buffer[] | undefined {
    const found: Buffer[] = [];
    let size = 0;
    for (const name of this.#due) {
      this.#due.delete(name);
      const resource = this.#unsent(name, kind);
      if (resource === undefined) continue;
      found.push(resource.bytes);
      size += resource.bytes.length;
      if (size >= MAX_PART_BYTES) break;
    }
    return found.length > 0 ? found : undefined;
  }

  /** The resource of a name, if the client does not have it. It counts as sent. */
  #unsent(name: string, kind: ClientKind): Resource | undefined {
    if (!this.#isWildcard && !this.#names.has(name)) return undefined;
    const sent = this.#sentOf(name);
    const resource = this.#resources.get(this.type, name, kind);
    if (resource === "held") return undefined;
    if (resource === "absent") {
      if (this.#isWildcard) this.#names.delete(name);
      else this.#names.set(name, UNSENT);
      // the client would keep the last instances of a service that is not configured any more
      return sent !== UNSENT && this.type === "eds" ? this.#resources.empty(name) : undefined;
    }
    this.#names.set(name, resource.version);
    return resource.version === sent ? undefined : resource;
  }

  #sentOf(name: string): number {
    return this.#names.get(name) ?? UNSENT;
  }

  #exists(name: string, kind: ClientKind): boolean {
    if (this.#isWildcard && this.type === "lds") return false;
    return typeof this.#resources.get(this.type, name, kind) !== "string";
  }

  /** An ApiListener is for a gRPC client that asks for it by name; a proxy would refuse it. */
  #allNames(): readonly string[] {
    return this.type === "lds" ? [] : [...this.#catalog.services()].map(({ name }) => name);
  }
}
