/**
 * The static and the dynamic table of HPACK (RFC 7541, section 2.3).
 *
 *     index   1 ... 61 | 62 ... 62 + n - 1
 *             static   | dynamic, the newest first
 */

/** Alternating names and values of the static table (Appendix A). */
// biome-ignore format: a table, one entry a pair
const STATIC: readonly string[] = [
  ":authority", "", ":method", "GET", ":method", "POST", ":path", "/", ":path", "/index.html",
  ":scheme", "http", ":scheme", "https", ":status", "200", ":status", "204", ":status", "206",
  ":status", "304", ":status", "400", ":status", "404", ":status", "500", "accept-charset", "",
  "accept-encoding", "gzip, deflate", "accept-language", "", "accept-ranges", "", "accept", "",
  "access-control-allow-origin", "", "age", "", "allow", "", "authorization", "", "cache-control", "",
  "content-disposition", "", "content-encoding", "", "content-language", "", "content-length", "",
  "content-location", "", "content-range", "", "content-type", "", "cookie", "", "date", "", "etag", "",
  "expect", "", "expires", "", "from", "", "host", "", "if-match", "", "if-modified-since", "",
  "if-none-match", "", "if-range", "", "if-unmodified-since", "", "last-modified", "", "link", "",
  "location", "", "max-forwards", "", "proxy-authenticate", "", "proxy-authorization", "", "range", "",
  "referer", "", "refresh", "", "retry-after", "", "server", "", "set-cookie", "",
  "strict-transport-security", "", "transfer-encoding", "", "user-agent", "", "vary", "", "via", "",
  "www-authenticate", "",
];

/** Entries of the static table. */
const STATIC_ENTRIES = STATIC.length / 2;

/** Octets that an entry counts in addition to its name and value (section 4.1). */
export const ENTRY_OVERHEAD = 32;

/** The size of the dynamic table in octets: the default of SETTINGS_HEADER_TABLE_SIZE, which healthbridge keeps. */
export const TABLE_OCTETS = 4_096;

/** The first index of a name in the static table; 0 when the table does not have it. */
export function staticIndexOf(name: string): number {
  for (let index = 0; index < STATIC.length; index += 2) if (STATIC[index] === name) return index / 2 + 1;
  return 0;
}

export class HpackTable {
  /** Alternating names and values, the oldest first. */
  readonly #dynamic: string[] = [];
  #octets = 0;
  #limit = TABLE_OCTETS;
  #version = 0;

  /** Changes when an index may have another entry than before. */
  get version(): number {
    return this.#version;
  }

  /** The name at an index; `undefined` outside the tables. */
  name(index: number): string | undefined {
    return this.#at(index, 0);
  }

  /** The value at an index; `undefined` outside the tables. */
  value(index: number): string | undefined {
    return this.#at(index, 1);
  }

  /** Adds an entry and evicts the oldest. An entry larger than the table empties it (section 4.4). */
  add(name: string, value: string): void {
    const octets = name.length + value.length + ENTRY_OVERHEAD;
    this.#version += 1;
    this.#shrinkTo(this.#limit - octets);
    if (octets > this.#limit) return;
    this.#dynamic.push(name, value);
    this.#octets += octets;
  }

  /** Sets the size that the peer's encoder uses; false above the limit (section 6.3). */
  resize(octets: number): boolean {
    if (octets > TABLE_OCTETS) return false;
    this.#version += 1;
    this.#limit = octets;
    this.#shrinkTo(octets);
    return true;
  }

  #at(index: number, part: 0 | 1): string | undefined {
    if (index <= STATIC_ENTRIES) return STATIC[(index - 1) * 2 + part];
    return this.#dynamic[this.#dynamic.length - (index - STATIC_ENTRIES) * 2 + part];
  }

  #shrinkTo(octets: number): void {
    let dropped = 0;
    while (this.#octets > Math.max(octets, 0)) {
      const name = this.#dynamic[dropped] ?? "";
      const value = this.#dynamic[dropped + 1] ?? "";
      this.#octets -= name.length + value.length + ENTRY_OVERHEAD;
      dropped += 2;
    }
    if (dropped > 0) this.#dynamic.splice(0, dropped);
  }
}
