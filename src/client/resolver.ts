/**
 * Resolves the names of all targets.
 *
 *     name --> cache (TTL, 30 s at most) --> look-up, one for all that ask for the name
 *                  ^                            | no name server answers
 *                  '-- the last good answer, for 5 minutes
 *
 * A dead name server says nothing about a target: its error (`EAI_AGAIN`) differs from that of a name that does not exist
 * (`ENOTFOUND`).
 *
 * healthbridge connects only to addresses that come from here. So it never connects to an address that is refused here,
 * whatever the name resolved to before (DNS rebinding).
 */
import type { LookupAddress } from "node:dns";
import { type Clock, systemClock } from "../core/clock.js";
import { isForbiddenAddress } from "./forbidden-addresses.js";
import { type Answer, FAMILIES, NameLookup } from "./name-lookup.js";
import type { Trace } from "./trace.js";

/** Receives the addresses of a name, or an error. Never called before `resolve` returns. */
export interface AddressListener {
  /** All addresses that are known, at least one. It is called again when there are more, unless `isComplete`. */
  onAddresses(addresses: readonly LookupAddress[], isComplete: boolean): void;
  /** Called once, last: `ENOTFOUND`, `EAI_AGAIN`, `ERR_FORBIDDEN_ADDRESS`, or an error of this machine. */
  onError(error: Error): void;
}

/** Finds the addresses of a name. */
export interface Resolver {
  /** Finds the addresses of a name. Returns a function that ends the wait. It does not keep the process alive. */
  resolve(name: string, listener: AddressListener): () => void;
  /**
   * Whether an address is no longer one of a name. It answers at once, by the last answer of the name servers, and has
   * an answer renewed whose time to live is over. False for a name without any address: that may be a fault of DNS.
   */
  hasMoved(name: string, address: string): boolean;
  /** Whether an address may be probed. */
  permits(address: string): boolean;
  /** Takes a descriptor for one more connection attempt, beside the first one of a probe. False when none is free. */
  takeAttempt(): boolean;
  releaseAttempt(): void;
  /** Times the attempts of connections that are made with it. */
  readonly clock: Clock;
  /** Receives each step of the connections that are made with it: only for `healthbridge test`. */
  readonly trace?: Trace | undefined;
}

export interface ResolverOptions {
  readonly clock: Clock;
  /** Allow link-local addresses and the metadata services of clouds. Default false. */
  readonly allowLinkLocal?: boolean | undefined;
  /** Name servers to ask instead of the system's: `ADDRESS` or `ADDRESS:PORT`. */
  readonly servers?: readonly string[] | undefined;
  /** Names that are looked up at the same time: each needs sockets. Default 256. */
  readonly maxLookups?: number | undefined;
  /** Further connection attempts at the same time, for targets with several addresses. Default 256. */
  readonly maxAttempts?: number | undefined;
  /** Where the settings of the system are. Default `/etc/resolv.conf`. */
  readonly resolverFile?: string | undefined;
  readonly trace?: Trace | undefined;
}

const MAX_TTL_MS = 30_000;
const UNKNOWN_TTL_MS = 1_000;
const LAST_GOOD_TTL_MS = 300_000;
/** The addresses of a kept connection's name are looked up again at most so often. */
const MIN_REFRESH_MS = 1_000;
const DEFAULT_MAX_LOOKUPS = 256;
const DEFAULT_MAX_ATTEMPTS = 256;

/** Addresses of a name that are used: a hostile name server could name thousands, for each probe to try in turn. */
const MAX_ADDRESSES = 16;

/** Addresses of a name that are kept, to know whether one has moved. */
const MAX_KEPT_ADDRESSES = 256;

/** Names in the cache. Those of a configuration are fewer, but configurations change. */
const MAX_ENTRIES = 20_000;

/** A name in the cache. */
interface CacheEntry {
  readonly addresses: readonly LookupAddress[];
  readonly freshUntil: number;
  /** Used until then while no name server answers. */
  readonly goodUntil: number;
  /** Not looked up again before, for a kept connection. */
  readonly refreshAt: number;
}

/** A look-up that runs. */
interface Lookup {
  readonly listeners: Set<AddressListener>;
  /** What is known before the end. */
  partial: readonly LookupAddress[];
}

/** A resolver with its own cache. It holds no socket and no timer between two look-ups. */
export class NameResolver implements Resolver {
  readonly clock: Clock;
  readonly trace: Trace | undefined;
  readonly #options: ResolverOptions;
  readonly #names: NameLookup;
  readonly #entries = new Map<string, CacheEntry>();
  readonly #running = new Map<string, Lookup>();
  #lookups = 0;
  #attempts = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.trace = options.trace;
    this.#names = new NameLookup(options);
  }

  resolve(name: string, listener: AddressListener): () => void {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.freshUntil > this.#options.clock.now()) {
      let isWanted = true;
      queueMicrotask(() => isWanted && this.#report(key, entry.addresses, true, [listener]));
      return () => {
        isWanted = false;
      };
    }
    const lookup = this.#running.get(key) ?? this.#start(key);
    lookup.listeners.add(listener);
    if (lookup.partial.length > 0)
      queueMicrotask(() => {
        if (lookup.listeners.has(listener)) this.#report(key, lookup.partial, false, [listener]);
      });
    return () => void lookup.listeners.delete(listener);
  }

  hasMoved(name: string, address: string): boolean {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    const isDue = entry === undefined || entry.refreshAt <= this.#options.clock.now();
    if (isDue && !this.#running.has(key)) this.#start(key);
    if (entry === undefined || entry.addresses.length === 0) return false;
    return !entry.addresses.some((each) => each.address === address);
  }

  permits(address: string): boolean {
    return this.#options.allowLinkLocal === true || !isForbiddenAddress(address);
  }

  takeAttempt(): boolean {
    if (this.#attempts >= (this.#options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS)) return false;
    this.#attempts += 1;
    return true;
  }

  releaseAttempt(): void {
    this.#attempts -= 1;
  }

  /** Reports addresses that may be probed, or that there is none. */
  #report(
    name: string,
    addresses: readonly LookupAddress[],
    isComplete: boolean,
    listeners: Iterable<AddressListener>,
  ): void {
    const permitted = addresses.filter(({ address }) => this.permits(address));
    const used = FAMILIES.flatMap((family) =>
      permitted.filter((each) => each.family === family).slice(0, MAX_ADDRESSES),
    );
    for (const listener of [...listeners]) {
      if (used.length > 0) listener.onAddresses(used, isComplete);
      else if (isComplete) listener.onError(noAddress(name, addresses.length > 0));
    }
  }

  /** Starts a look-up, which all that ask for the name share. */
  #start(name: string): Lookup {
    const lookup: Lookup = { listeners: new Set(), partial: [] };
    this.#running.set(name, lookup);
    this.#lookUp(name, lookup).then(
      (addresses) => {
        this.#running.delete(name);
        this.#report(name, addresses, true, lookup.listeners);
      },
      (error) => {
        this.#running.delete(name);
        for (const listener of [...lookup.listeners]) listener.onError(error);
      },
    );
    return lookup;
  }

  async #lookUp(name: string, lookup: Lookup): Promise<readonly LookupAddress[]> {
    const { maxLookups = DEFAULT_MAX_LOOKUPS } = this.#options;
    while (this.#lookups >= maxLookups) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    this.#lookups += 1;
    try {
      const entry = this.#entries.get(name);
      const isGood = entry !== undefined && entry.goodUntil > this.#options.clock.now();
      const answer = await this.#names.find(name, isGood ? entry.addresses : [], (addresses) => {
        lookup.partial = addresses;
        this.#report(name, addresses, false, lookup.listeners);
      });
      return this.#keep(name, answer);
    } finally {
      this.#lookups -= 1;
      const [next] = this.#waiting;
      if (next !== undefined) this.#waiting.delete(next);
      next?.();
    }
  }

  #keep(name: string, answer: Answer): readonly LookupAddress[] {
    const now = this.#options.clock.now();
    if (answer === "dead") return this.#lastGood(name, now);
    if (answer === "unknown") {
      this.#store(name, { addresses: [], freshUntil: now + UNKNOWN_TTL_MS, goodUntil: now });
      return [];
    }
    const { ttlMs } = answer;
    const addresses = answer.addresses.slice(0, MAX_KEPT_ADDRESSES);
    this.#store(name, { addresses, freshUntil: now + Math.min(ttlMs, MAX_TTL_MS), goodUntil: now + LAST_GOOD_TTL_MS });
    return addresses;
  }

  /** While no name server answers, the last addresses of the name are used. */
  #lastGood(name: string, now: number): readonly LookupAddress[] {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.goodUntil <= now) throw failure("EAI_AGAIN", `no name server answers for ${name}`);
    this.#store(name, { ...entry, freshUntil: now + UNKNOWN_TTL_MS });
    return entry.addresses;
  }

  #store(name: string, entry: Omit<CacheEntry, "refreshAt">): void {
    this.#entries.delete(name); // so that the entries are ordered by age
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= MAX_ENTRIES) this.#entries.delete(oldest);
    const refreshAt = Math.max(entry.freshUntil, this.#options.clock.now() + MIN_REFRESH_MS);
    this.#entries.set(name, { ...entry, refreshAt });
  }
}

/** A resolver that asks as this machine is configured. */
export function resolverFor(allowLinkLocal: boolean): Resolver {
  return new NameResolver({ clock: systemClock, allowLinkLocal });
}

function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

function noAddress(name: string, isForbidden: boolean): NodeJS.ErrnoException {
  if (!isForbidden) return failure("ENOTFOUND", `the name ${name} has no address`);
  return failure(
    "ERR_FORBIDDEN_ADDRESS",
    `the name ${name} has only addresses that are link-local or a cloud's metadata service, which are not probed`,
  );
}
