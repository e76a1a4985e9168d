/**
 * The two files that say how this machine resolves names: `/etc/hosts` and `/etc/resolv.conf`.
 *
 * They are looked at for each name that is not in the cache: in containers they change.
 */
import type { LookupAddress } from "node:dns";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";

/** How names are resolved. Source: resolv.conf(5). */
export interface ResolverFile {
  /** Addresses of name servers, in the order in which they are asked. Default: this machine. */
  readonly servers: readonly string[];
  /** Domains that are appended to a name. Default: the domain of this machine's name, if it has one. */
  readonly search: readonly string[];
  /** A name with at least so many dots is tried as it is first. Default 1, at most 15. */
  readonly ndots: number;
  /** How long the answer of a server is awaited. Default 5 s, at most 30 s. */
  readonly timeoutMs: number;
  /** How often each server is asked. Default 2, at most 5. */
  readonly attempts: number;
  /** Each query begins with another server. */
  readonly rotate: boolean;
  /** Ask over TCP only. */
  readonly useTcp: boolean;
}

/** The limits of glibc: resolv.h. */
const MAX_SERVERS = 3;
const MAX_NDOTS = 15;
const MAX_TIMEOUT_SECONDS = 30;
const MAX_ATTEMPTS = 5;

/** The names and addresses of `/etc/hosts`. */
export function readHosts(file = "/etc/hosts"): ReadonlyMap<string, readonly LookupAddress[]> {
  const hosts = new Map<string, LookupAddress[]>();
  for (const line of linesOf(file)) {
    const [address = "", ...names] = line.split(/\s+/);
    const family = isIP(address);
    if (family === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const addresses = hosts.get(key);
      if (addresses === undefined) hosts.set(key, [{ address, family }]);
      else addresses.push({ address, family });
    }
  }
  return hosts;
}

/** The names of a hosts file. It is read again when it has changed. */
export class HostsFile {
  readonly #file: string;
  #version = "";
  #hosts: ReadonlyMap<string, readonly LookupAddress[]> = new Map();

  constructor(file = "/etc/hosts") {
    this.#file = file;
  }

  /** The addresses of a name in lower case. */
  addressesOf(name: string): readonly LookupAddress[] | undefined {
    const version = versionOf(this.#file);
    if (version !== this.#version) {
      this.#hosts = version === "" ? new Map() : readHosts(this.#file);
      this.#version = version;
    }
    return this.#hosts.get(name);
  }
}

function versionOf(file: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(":");
  } catch {
    return ""; // without the file there are no names
  }
}

/** The settings of `/etc/resolv.conf`. The last `search` or `domain` line counts, and the last of each option. */
export function readResolverFile(file = "/etc/resolv.conf", machine = hostname()): ResolverFile {
  const lines = linesOf(file).map((line) => line.split(/\s+/));
  const servers = lines.flatMap(([word, address = ""]) =>
    word === "nameserver" && isIP(address) > 0 ? [address] : [],
  );
  const [word, ...domains] = lines.findLast(([word]) => word === "search" || word === "domain") ?? [];
  const options = lines.flatMap(([word, ...rest]) => (word === "options" ? rest : []));
  return {
    servers: servers.length === 0 ? ["127.0.0.1"] : servers.slice(0, MAX_SERVERS),
    search: (word === undefined
      ? [machine.replace(/^[^.]*\.?/, "")]
      : domains.slice(0, word === "domain" ? 1 : undefined)
    )
      .map((domain) => domain.replace(/\.$/, "").toLowerCase())
      .filter(Boolean),
    ndots: numberOf(options, "ndots", { otherwise: 1, min: 0, max: MAX_NDOTS }),
    timeoutMs: numberOf(options, "timeout", { otherwise: 5, min: 1, max: MAX_TIMEOUT_SECONDS }) * 1_000,
    attempts: numberOf(options, "attempts", { otherwise: 2, min: 1, max: MAX_ATTEMPTS }),
    rotate: options.includes("rotate"),
    useTcp: options.includes("use-vc") || options.includes("usevc"),
  };
}

interface Range {
  readonly otherwise: number;
  readonly min: number;
  readonly max: number;
}

/** The value of an option such as `timeout:1`: the last one, within its range. */
function numberOf(options: readonly string[], name: string, { otherwise, min, max }: Range): number {
  const option = options.findLast((each) => each.startsWith(`${name}:`));
  const value = Number.parseInt(option?.slice(name.length + 1) ?? "", 10);
  return Number.isNaN(value) ? otherwise : Math.min(max, Math.max(min, value));
}

const OUT_OF_DESCRIPTORS: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** The lines of a file without comments; none where there is no file. */
function linesOf(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    // without descriptors, a name of the hosts file would seem unknown
    if (OUT_OF_DESCRIPTORS.has(Object(error).code)) throw error;
    return []; // without the file there are no lines
  }
  return text
    .split("\n")
    .map((line) => line.replace(/[#;].*$/, "").trim())
    .filter((line) => line !== "");
}
