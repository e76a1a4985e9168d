/**
 * Names made into addresses, for every connection that we open: what a name means is asked here and nowhere else.
 *
 *     name --> cache (TTL, 30 s at most) --> hosts file --> name servers, over the search domains --> the system, one at a time
 *                  ^                                              | none answers
 *                  '-- the last good answer, for 5 minutes <------'
 *
 * Node's own look-up runs in a pool of four threads: one slow name server queues every look-up of the process behind it
 * (nodejs#62599). So name servers are asked over sockets, and the system only for names that they don't know (it may
 * have further sources), one at a time.
 *
 * A dead name server is a fault of ours and says nothing of a target: it is told apart (`EAI_AGAIN`) from a name that
 * doesn't exist (`ENOTFOUND`).
 *
 * It is handed to `net.connect` as its `lookup`, so an address that is refused here is never connected to, whatever the
 * name meant a moment before (DNS rebinding).
 */
import { promises as dns, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { type Clock, systemClock } from "../core/clock.js";
import { isForbiddenAddress } from "./address-rule.js";
import { readHosts, readResolverFile } from "./name-files.js";

/** What finds the addresses of a name. */
export interface Resolver {
  /** For the option `lookup` of `net.connect` and `tls.connect`. */
  readonly lookup: LookupFunction;
  /** Whether an address may be probed. */
  permits(address: string): boolean;
}

/** How a resolver is made. */
export interface ResolverOptions {
  readonly clock: Clock;
  /** Allow link-local addresses, the metadata services of clouds among them. Default false. */
  readonly allowLinkLocal?: boolean | undefined;
  /** Name servers to ask instead of the system's. */
  readonly servers?: readonly string[] | undefined;
}

const MAX_TTL_MS = 30_000;
const UNKNOWN_TTL_MS = 1_000;
const LAST_GOOD_MS = 300_000;
const SERVER_TIMEOUT_MS = 2_000;
const SERVER_TRIES = 2;

/** What is known of a name. */
interface Entry {
  addresses: readonly LookupAddress[];
  freshUntil: number;
  goodUntil: number;
}

type Answer = { readonly addresses: readonly LookupAddress[]; readonly ttlMs: number } | "unknown" | "dead";

/** A resolver with a cache of its own. It holds no socket or timer between questions. */
export class NameResolver implements Resolver {
  readonly #options: ResolverOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<readonly LookupAddress[]>>();
  #system: Promise<unknown> = Promise.resolve();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  readonly lookup: LookupFunction = (name, { all, family }, callback) => {
    this.#resolve(name).then(
      (found) => {
        const wanted = family === 4 || family === 6 ? found.filter((each) => each.family === family) : found;
        const allowed = wanted.filter(({ address }) => this.permits(address));
        const [first] = allowed;
        if (first === undefined) callback(this.#nothing(name, wanted.length > 0), "");
        else if (all === true) callback(null, [...allowed]);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, ""),
    );
  };

  permits(address: string): boolean {
    return this.#options.allowLinkLocal === true || !isForbiddenAddress(address);
  }

  #nothing(name: string, isForbidden: boolean): NodeJS.ErrnoException {
    if (!isForbidden) return failure("ENOTFOUND", `the name ${name} has no address`);
    return failure("ERR_FORBIDDEN_ADDRESS", `the name ${name} deps a link-local address, which is not probed`);
  }

  /** Every address of a name: what is fresh, or what is being asked already. */
  #resolve(name: string): Promise<readonly LookupAddress[]> {
    const key = name.toLowerCase();
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.freshUntil > this.#options.clock.now()) return Promise.resolve(entry.addresses);
    const running = this.#running.get(key) ?? this.#ask(key).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  async #ask(name: string): Promise<readonly LookupAddress[]> {
    const answer = await this.#answerOf(name);
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
      goodUntil: now + LAST_GOOD_MS,
    });
    return addresses;
  }

  /** No name server answers: what the name meant a while ago is better than nothing. */
  #lastGood(name: string, now: number): readonly LookupAddress[] {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.goodUntil <= now) throw failure("EAI_AGAIN", `no name server answers for ${name}`);
    entry.freshUntil = now + UNKNOWN_TTL_MS;
    return entry.addresses;
  }

  async #answerOf(name: string): Promise<Answer> {
    const local = localAddresses(name);
    if (local.length > 0) return { addresses: local, ttlMs: MAX_TTL_MS };
    const { search, dotsOfWhole } = readResolverFile();
    const servers = new dns.Resolver({ timeout: SERVER_TIMEOUT_MS, tries: SERVER_TRIES });
    if (this.#options.servers !== undefined) servers.setServers(this.#options.servers);
    for (const candidate of candidatesOf(name, search, dotsOfWhole)) {
      const answer = await askServers(servers, candidate);
      if (answer !== "unknown") return answer;
    }
    return this.#options.servers === undefined ? this.#askSystem(name) : "unknown";
  }

  /** What else the system knows of (mDNS, say). Each question holds one of four threads, so there is one at a time. */
  #askSystem(name: string): Promise<Answer> {
    const asked = this.#system.then(async (): Promise<Answer> => {
      try {
        return { addresses: await dns.lookup(name, { all: true }), ttlMs: MAX_TTL_MS };
      } catch {
        return "unknown"; // the name servers have said so already
      }
    });
    this.#system = asked;
    return asked;
  }
}

/** A resolver of this machine. */
export function resolverFor(allowLinkLocal: boolean): Resolver {
  return new NameResolver({ clock: systemClock, allowLinkLocal });
}

/** The names to ask for, in order: as `resolv.conf(5)` has it. */
function candidatesOf(name: string, search: readonly string[], dotsOfWhole: number): readonly string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const within = search.map((domain) => `${name}.${domain}`);
  return name.split(".").length - 1 >= dotsOfWhole ? [name, ...within] : [...within, name];
}

/** What needs no name server: the hosts file, and `localhost` (RFC 6761, section 6.3). */
function localAddresses(name: string): readonly LookupAddress[] {
  const bare = name.replace(/\.$/, "");
  const found = readHosts().get(bare);
  if (found !== undefined) return found;
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
    return { addresses: records.map(({ address }) => ({ address, family })), ttlMs };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOTFOUND" || code === "ENODATA" || code === "EBADNAME" ? "unknown" : "dead";
  }
}

function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
