/**
 * Looks the addresses of one name up.
 *
 *     hosts file --> name servers, over the search domains --> the system
 *
 *     A     --- answer -------+-- 50 ms --> reported          A and AAAA are two questions (RFC 8305, section 3)
 *     AAAA  ------------------+----------------- answer --> both are reported
 *
 * `dns.lookup` of Node runs in a pool of four threads: one slow name server blocks every look-up of the process
 * (nodejs/node#62599). So name servers are asked over sockets. The system may have other sources. It is asked only for
 * names that the name servers do not have, one at a time.
 */
import { promises as dns, type LookupAddress } from "node:dns";
import type { CancelTimer, Clock } from "../core/clock.js";
import { DnsError, type NameServer, type QueryOptions } from "./dns-attempt.js";
import { NAME_ERROR, type Question, type RecordType } from "./dns-message.js";
import { queryServers, ServerHistory } from "./dns-query.js";
import { HostsFile, type ResolverFile, readResolverFile } from "./name-files.js";

export const FAMILIES = [4, 6] as const;
type Family = (typeof FAMILIES)[number];

const TYPE_OF_FAMILY: Readonly<Record<Family, RecordType>> = { 4: "A", 6: "AAAA" };

/** The Resolution Delay of RFC 8305, section 3. */
const RESOLUTION_DELAY_MS = 50;

/**
 * A name that does not exist has no record of any type (RFC 8020). Some servers give this answer for A although the name has
 * an AAAA record (RFC 4074, section 4.2), so the answer for AAAA is awaited for so long.
 */
const NAME_ERROR_DELAY_MS = 200;

/** Addresses; `unknown` when the name has none, `dead` when no name server answers. */
export type Answer = GoodAnswer | "unknown" | "dead";

interface GoodAnswer {
  readonly addresses: readonly LookupAddress[];
  readonly ttlMs: number;
  /** The name that has these addresses, with its search domain, for another look-up of the same name. Default: as it was given. */
  readonly foundName?: string | undefined;
  /** No name server answers for one family, and it has no last good addresses: some may be missing. Default false. */
  readonly isPartial?: boolean;
}

/** The same for one question: `failing` when a server answered that it cannot answer. */
type ServerAnswer = Answer | "failing";

/** Gets the addresses of one family, while those of the other are not known yet. */
export type OnPartial = (addresses: readonly LookupAddress[]) => void;

/** A server of a service, as its SRV record names it (RFC 2782). */
export interface ServerRecord {
  /** Without a dot at the end. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
}

/** The time to live of what does not come from a name server. */
const LOCAL_TTL_MS = 30_000;

/** How long the system is asked, and how many names wait for it. */
const MAX_SYSTEM_MS = 1_500;
const MAX_SYSTEM_LOOKUPS = 32;

const DNS_PORT = 53;

/** The servers of a service. */
export interface FoundServers {
  readonly servers: readonly ServerRecord[];
  /** The name that has these records, with its search domain. */
  readonly foundName: string;
}

export interface NameLookupOptions {
  readonly clock: Clock;
  /** Name servers to ask instead of the system's: `ADDRESS` or `ADDRESS:PORT`. */
  readonly servers?: readonly string[] | undefined;
  /** Where the settings of the system are. Default `/etc/resolv.conf`. */
  readonly resolverFile?: string | undefined;
}

export class NameLookup {
  readonly #servers: readonly NameServer[] | undefined;
  readonly #resolverFile: string | undefined;
  readonly #clock: Clock;
  readonly #history: ServerHistory;
  readonly #hosts = new HostsFile();
  #system: Promise<unknown> = Promise.resolve();
  #systemLookups = 0;
  #lookups = 0;

  constructor({ clock, servers, resolverFile }: NameLookupOptions) {
    this.#clock = clock;
    this.#history = new ServerHistory(clock);
    this.#servers = servers?.map(parseNameServer);
    this.#resolverFile = resolverFile;
  }

  /**
   * The addresses of a name. Those of `lastGood` stay good in a family that no name server answers for.
   * @throws an error of this machine: no descriptor is free
   */
  async find(name: string, lastGood: readonly LookupAddress[], onPartial: OnPartial): Promise<Answer> {
    const local = localAddresses(name, this.#hosts);
    if (local.length > 0) return { addresses: local, ttlMs: LOCAL_TTL_MS };
    const file = readResolverFile(this.#resolverFile);
    const options = { ...systemServers(file, this.#servers, this.#lookups++), clock: this.#clock };
    let isServerFailing = false;
    for (const candidate of candidatesOf(name, file)) {
      const answer = merge(await this.#askServers(candidate, options, onPartial), lastGood);
      if (answer === "failing")
        isServerFailing = true; // glibc goes on to the next domain
      else if (answer === "dead") return answer;
      else if (answer !== "unknown") return { ...answer, foundName: `${candidate}.` };
    }
    if (isServerFailing) return "dead";
    return this.#servers === undefined ? this.#askSystem(name) : "unknown";
  }

  /**
   * The servers of a service, from its SRV records. The hosts file and the system have none. A record with the host `.` says
   * that there is no such service.
   * @throws an error of this machine: no descriptor is free
   */
  async findServers(name: string): Promise<FoundServers | "unknown" | "dead"> {
    const file = readResolverFile(this.#resolverFile);
    const options = { ...systemServers(file, this.#servers, this.#lookups++), clock: this.#clock };
    let isServerFailing = false;
    for (const candidate of candidatesOf(name, file)) {
      try {
        const { records } = await queryServers({ name: candidate, type: "SRV" }, options, this.#history);
        const servers = records.map(({ text }) => serverOf(text)).filter(({ host }) => host !== ".");
        if (servers.length > 0) return { servers, foundName: `${candidate}.` };
      } catch (error) {
        const answer = answerOf(error);
        if (answer === "dead") return answer;
        if (answer === "failing") isServerFailing = true;
      }
    }
    return isServerFailing ? "dead" : "unknown";
  }

  /** Asks for both families. */
  async #askServers(name: string, options: QueryOptions, onPartial: OnPartial): Promise<readonly ServerAnswer[]> {
    let isOver = false;
    const absence = new AbortController();
    const early: LookupAddress[] = [];
    const ask = async (family: Family) => {
      const answer = await this.#askFamily({ name, type: TYPE_OF_FAMILY[family] }, options, absence);
      if (typeof answer !== "object") return answer;
      early.push(...answer.addresses);
      this.#clock.setTimer(RESOLUTION_DELAY_MS, () => {
        if (!isOver) onPartial([...early]);
      });
      return answer;
    };
    const answers = await Promise.all(FAMILIES.map(ask));
    isOver = true;
    return answers;
  }

  async #askFamily(question: Question, options: QueryOptions, absence: AbortController): Promise<ServerAnswer> {
    try {
      const { code, records } = await queryServers(question, options, this.#history, absence.signal);
      if (code === NAME_ERROR && question.type === "A")
        this.#clock.setTimer(NAME_ERROR_DELAY_MS, () => absence.abort());
      if (records.length === 0) return "unknown";
      const family = question.type === "A" ? 4 : 6;
      return {
        addresses: records.map(({ text }) => ({ address: text, family })),
        ttlMs: Math.min(...records.map(({ ttlMs }) => ttlMs)),
      };
    } catch (error) {
      return answerOf(error);
    }
  }

  /**
   * Other sources of the system, such as mDNS. A look-up occupies one of Node's four threads, so there is one at a time. One
   * that takes long leaves it at what the name servers have said.
   */
  #askSystem(name: string): Promise<Answer> {
    if (this.#systemLookups >= MAX_SYSTEM_LOOKUPS) return Promise.resolve("unknown");
    this.#systemLookups += 1;
    const answer = this.#system.then(async (): Promise<Answer> => {
      try {
        return { addresses: await dns.lookup(name, { all: true }), ttlMs: LOCAL_TTL_MS };
      } catch {
        return "unknown";
      } finally {
        this.#systemLookups -= 1;
      }
    });
    this.#system = answer;
    let cancel: CancelTimer = () => {};
    const late = new Promise<Answer>((resolve) => {
      cancel = this.#clock.setTimer(MAX_SYSTEM_MS, () => resolve("unknown"));
    });
    return Promise.race([answer, late]).finally(() => cancel());
  }
}

/** The servers of the system, or those given, in the order in which this look-up asks them. */
export function systemServers(
  { servers, timeoutMs, attempts, rotate, useTcp }: ResolverFile,
  given: readonly NameServer[] | undefined,
  lookups: number,
): Omit<QueryOptions, "clock"> {
  const all = given ?? servers.map((address) => ({ address, port: DNS_PORT }));
  const first = rotate ? lookups % all.length : 0;
  return { servers: [...all.slice(first), ...all.slice(0, first)], timeoutMs, attempts, useTcp };
}

/** The answer of both families. */
function merge(answers: readonly ServerAnswer[], lastGood: readonly LookupAddress[]): ServerAnswer {
  const good = answers.filter((answer) => typeof answer === "object");
  if (good.length === 0) return (["dead", "failing"] as const).find((each) => answers.includes(each)) ?? "unknown";
  const addresses = answers.flatMap((answer, index) => {
    if (typeof answer === "object") return answer.addresses;
    return answer === "unknown" ? [] : lastGood.filter(({ family }) => family === FAMILIES[index]);
  });
  const isPartial = answers.some(
    (answer, index) =>
      (answer === "dead" || answer === "failing") && lastGood.every(({ family }) => family !== FAMILIES[index]),
  );
  return { addresses, ttlMs: Math.min(...good.map(({ ttlMs }) => ttlMs)), isPartial };
}

/** A server as `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. */
function parseNameServer(text: string): NameServer {
  const [, bracketed, plain = text, port = DNS_PORT] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  return { address: bracketed ?? plain, port: Number(port) };
}

/** What an error says about a question. @throws an error of this machine */
function answerOf(error: unknown): Exclude<ServerAnswer, object> {
  if (!(error instanceof DnsError)) return requireServerFault(error);
  if (error.code === "EBADNAME" || error.code === "ECANCELLED") return "unknown";
  return error.code === "ESERVFAIL" ? "failing" : "dead";
}

/** The text of an SRV record: `PRIORITY WEIGHT PORT HOST`. */
function serverOf(text: string): ServerRecord {
  const [, weight = "", port = "", host = ""] = text.split(" ");
  return { host, port: Number(port), weight: Number(weight) };
}

/** No descriptor is free: that is no fault of a name server. @throws the error */
function requireServerFault(error: unknown): "dead" {
  if (error instanceof Error && "code" in error && LOCAL_FAULTS.has(error.code)) throw error;
  return "dead";
}

const LOCAL_FAULTS: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** The names to try, in the order of `resolv.conf(5)`. */
function candidatesOf(name: string, { search, ndots }: ResolverFile): readonly string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const within = search.map((domain) => `${name}.${domain}`);
  return name.split(".").length - 1 >= ndots ? [name, ...within] : [...within, name];
}

/** Addresses that need no name server: those of the hosts file, and of `localhost` (RFC 6761, section 6.3). */
function localAddresses(name: string, hosts: HostsFile): readonly LookupAddress[] {
  const bare = name.replace(/\.$/, "");
  const addresses = hosts.addressesOf(bare);
  if (addresses !== undefined) return addresses;
  if (bare !== "localhost" && !bare.endsWith(".localhost")) return [];
  return [
    { address: "127.0.0.1", family: 4 },
    { address: "::1", family: 6 },
  ];
}
