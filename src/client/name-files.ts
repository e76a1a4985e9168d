/**
 * The two files that say what a name means on this machine: `/etc/hosts` and `/etc/resolv.conf`.
 *
 * They are read at each question that the cache can't answer: they are small, and in containers they change.
 */
import type { LookupAddress } from "node:dns";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";

/** How names are completed. Source: resolv.conf(5). */
export interface ResolverFile {
  /** Domains that a name may stand in. */
  readonly search: readonly string[];
  /** A name with so many dots is asked for as it is first (`ndots`). */
  readonly dotsOfWhole: number;
}

/** What `/etc/hosts` says. */
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

/** How `/etc/resolv.conf` completes names. The last `search` or `domain` line counts. */
export function readResolverFile(file = "/etc/resolv.conf"): ResolverFile {
  let search: readonly string[] = [];
  let dotsOfWhole = 1;
  for (const line of linesOf(file)) {
    const [word, ...rest] = line.split(/\s+/);
    if (word === "search" || word === "domain")
      search = rest.map((domain) => domain.replace(/\.$/, "")).filter(Boolean);
    const dots = word === "options" ? rest.find((option) => option.startsWith("ndots:")) : undefined;
    if (dots !== undefined) dotsOfWhole = Number(dots.slice("ndots:".length)) || 0;
  }
  return { search, dotsOfWhole };
}

/** The lines of a file without comments; none where there is no file. */
function linesOf(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return []; // a machine without such a file has nothing to say there
  }
  return text
    .split("\n")
    .map((line) => line.replace(/[#;].*$/, "").trim())
    .filter((line) => line !== "");
}
