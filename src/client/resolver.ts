/**
 * Resolves the names of all targets.
 *
 *     name --> cache (TTL, 30 s at most) --> hosts file --> name servers, over the search domains --> the system, one at a time
 *                  ^                                              | none answers
 *                  '-- the last good answer, for 5 minutes <------'
 *
 * `dns.lookup` of Node runs in a pool of four threads: one slow name server blocks every look-up of the process
 * (nodejs/node#62599). So name servers are asked over sockets. The system may have other sources. It is asked only for
 * names that the name servers do not have, one at a time.
 *
 * A dead name server says nothing about a target: its error (`EAI_AGAIN`) differs from that of a name that does not exist
 * (`ENOTFOUND`).
 *
 * `lookup` is passed to `net.connect`. So healthbridge never connects to an address that is refused here, whatever the
 * name resolved to before (DNS rebinding).
 */
import { promises as dns, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { type Clock, systemClock } from "../core/clock.js";
import { isForbiddenAddress } from "./forbidden-addresses.js";
import { readHosts, readResolverFile } from "./name-files.js";
import type { Trace } from "./trace.js";

/** Finds the addresses of a name. */
export interface Resolver {
  /** For the option `lookup` of `net.connect` and `tls.connect`. */
  readonly lookup: LookupFunction;
  /** Whether an address may be probed. */
  permits(address: string): boolean;
  /** Receives each step of the connections that are made with it: only for `healthbridge test`. */
  readonly trace?: Trace | undefined;
}

export interface ResolverOptions {
  readonly clock: Clock;
  /** Allow link-local addresses and the metadata services of clouds. Default false. */
  readonly allowLinkLocal?: boolean | undefined;
  /** Name servers to ask instead of the system's. */
  readonly servers?: readonly string[] | undefined;
  /** Names that are looked up at the same time: each needs sockets. Default 256. */
  readonly maxLookups?: number | undefined;
  readonly trace?: Trace | undefined;
}

const MAX_TTL_MS = 30_000;
const UNKNOWN_TTL_MS = 1_000;
const LAST_GOOD_TTL_MS = 300_000;
const SERVER_TIMEOUT_MS = 2_000;
const SERVER_TRIES = 2;
const DEFAULT_MAX_LOOKUPS = 256;

/** Addresses of a name that are used: a hostile name server could name thousands, for each probe to try in turn. */
const MAX_ADDRESSES = 16;

/** A name in the cache. */
interface CacheEntry {
  addresses: readonly LookupAddress[];
  freshUntil: number;
  /** Used until then while no name server answers. */
  goodUntil: number;
}

type Answer = { readonly addresses: readonly LookupAddress[]; readonly ttlMs: number } | "unknown" | "dead";

/** A resolver with its own cache. It holds no socket and no timer between two look-ups. */
export class NameResolver implements Resolver {
  readonly trace: Trace | undefined;
  readonly #options: ResolverOptions;
  readonly #entries = new Map<string, CacheEntry>();
  readonly #running = new Map<string, Promise<readonly LookupAddress[]>>();
  #system: Promise<unknown> = Promise.resolve();
  #lookups = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.trace = options.trace;
  }

  readonly lookup: LookupFunction = (name, { all, family }, callback) => {
    this.#resolve(name).then(
      (addresses) => {
        const wanted = family === 4 || family === 6 ? addresses.filter((each) => each.family === family) : addresses;
        const allowed = wanted.filter(({ address }) => this.permits(address));
        const [first] = allowed;
        if (first === undefined) callback(noAddress(name, wanted.length > 0), "");
        else if (all === true) callback(null, [...allowed]);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, ""),
    );
  };

  permits(address: string): boolean {
    return this.#options.allowLinkLocal === true || !isForbiddenAddress(address);
  }

  /** Every address of a name: from the cache, or from a look-up, which is shared while it runs. */
  #resolve(name: string): Promise<readonly LookupAddress[]> {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.freshUntil > this.#options.clock.now()) return Promise.resolve(entry.addresses);
    const running = this.#running.get(key) ?? this.#lookUp(key).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  async #lookUp(name: string): Promise<readonly LookupAddress[]> {
    const { maxLookups = DEFAULT_MAX_LOOKUPS } = this.#options;
    while (this.#lookups >= maxLookups) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    this.#lookups += 1;
    try {
      return this.#keep(name, await this.#answerOf(name));
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
      this.#entries.set(name, { addresses: [], freshUntil: now + UNKNOWN_TTL_MS, goodUntil: now });
      return [];
    }
    const { addresses, ttlMs } = answer;
    this.#entries.set(name, {
      addresses,
      freshUntil: now + Math.min(ttlMs, MAX_TTL_MS),
      goodUntil: now + LAST_GOOD_TTL_MS,
    });
    return addresses;
  }

  /** While no name server answers, the last addresses of the name are used. */
  #lastGood(name: string, now: number): readonly LookupAddress[] {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.goodUntil <= now) throw failure("EAI_AGAIN", `no name server answers for ${name}`);
    entry.freshUntil = now + UNKNOWN_TTL_MS;
    return entry.addresses;
  }

  async #answerOf(name: string): Promise<Answer> {
    const local = localAddresses(name);
    if (local.length > 0) return { addresses: local, ttlMs: MAX_TTL_MS };
    const { search, ndots } = readResolverFile();
    const servers = new dns.Resolver({ timeout: SERVER_TIMEOUT_MS, tries: SERVER_TRIES });
    if (this.#options.servers !== undefined) servers.setServers(this.#options.servers);
    for (const candidate of candidatesOf(name, search, ndots)) {
      const answer = await askServers(servers, candidate);
      if (answer !== "unknown") return answer;
    }
    return this.#options.servers === undefined ? this.#askSystem(name) : "unknown";
  }

  /** Other sources of the system, such as mDNS. A look-up occupies one of Node's four threads, so there is one at a time. */
  #askSystem(name: string): Promise<Answer> {
    const answer = this.#system.then(async (): Promise<Answer> => {
      try {
        return { addresses: await dns.lookup(name, { all: true }), ttlMs: MAX_TTL_MS };
      } catch {
        return "unknown"; // as the name servers have said
      }
    });
    this.#system = answer;
    return answer;
  }
}

/** A resolver that asks as this machine is configured. */
export function resolverFor(allowLinkLocal: boolean): Resolver {
  return new NameResolver({ clock: systemClock, allowLinkLocal });
}

/** The names to try, in the order of `resolv.conf(5)`. */
function candidatesOf(name: string, search: readonly string[], ndots: number): readonly string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const within = search.map((domain) => `${name}.${domain}`);
  return name.split(".").length - 1 >= ndots ? [name, ...within] : [...within, name];
}

/** Addresses that need no name server: those of the hosts file, and of `localhost` (RFC 6761, section 6.3). */
function localAddresses(name: string): readonly LookupAddress[] {
  const bare = name.replace(/\.$/, "");
  const addresses = readHosts().get(bare);
  if (addresses !== undefined) return addresses;
  if (bare !== "localhost" && !bare.endsWith(".localhost")) return [];
  return [
    { address: "127.0.0.1", family: 4 },
    { address: "::1", family: 6 },
  ];
}

async function askServers(servers: dns.Resolver, name: string): Promise<Answer> {
  const [ipv4, ipv6] = await Promise.all([
    askOne(() => servers.resolve4(name, { ttl: true }), 4),
    askOne(() => servers.resolve6(name, { ttl: true }), 6),
  ]);
  const good = [ipv4, ipv6].filter((answer) => typeof answer === "object");
  if (good.length > 0)
    return {
      addresses: good.flatMap(({ addresses }) => addresses),
      ttlMs: Math.min(...good.map(({ ttlMs }) => ttlMs)),
    };
  return ipv4 === "dead" || ipv6 === "dead" ? "dead" : "unknown";
}

async function askOne(ask: () => Promise<readonly { address: string; ttl: number }[]>, family: 4 | 6): Promise<Answer> {
  try {
    const records = await ask();
    if (records.length === 0) return "unknown";
    const ttlMs = Math.min(...records.map(({ ttl }) => ttl * 1000));
    const addresses = records.slice(0, MAX_ADDRESSES).map(({ address }) => ({ address, family }));
    return { addresses, ttlMs };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOTFOUND" || code === "ENODATA" || code === "EBADNAME" ? "unknown" : "dead";
  }
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
