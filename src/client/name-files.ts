/**
 * The two files that say how this machine resolves names: `/etc/hosts` and `/etc/resolv.conf`.
 *
 * They are read for each name that is not in the cache: they are small, and in containers they change.
 */
import type { LookupAddress } from "node:dns";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";

/** How names are completed. Source: resolv.conf(5). */
export interface ResolverFile {
  /** Domains that are appended to a name. */
  readonly search: readonly string[];
  /** A name with at least so many dots is tried as it is first. */
  readonly ndots: number;
}

/** The names and addresses of `/etc/hosts`. */
export function readHosts(file = "/etc/hosts"): ReadonlyMap<string, readonly LookupAddress[]> {
  const hosts = new Map<string, LookupAddress[]>();
  for (const line of linesOf(file)) {
    const [address = "", ...names] = line.split(/\s+/);
    const family = isIP(address);
    if (family === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      hosts.set(key, [...(hosts.get(key) ?? []), { address, family }]);
    }
  }
  return hosts;
}

/** The settings of `/etc/resolv.conf`. The last `search` or `domain` line counts. */
export function readResolverFile(file = "/etc/resolv.conf"): ResolverFile {
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of linesOf(file)) {
    const [word, ...rest] = line.split(/\s+/);
    if (word === "search" || word === "domain")
      search = rest.map((domain) => domain.replace(/\.$/, "")).filter(Boolean);
    const dots = word === "options" ? rest.find((option) => option.startsWith("ndots:")) : undefined;
    if (dots !== undefined) ndots = Number(dots.slice("ndots:".length)) || 0;
  }
  return { search, ndots };
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
