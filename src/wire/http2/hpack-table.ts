/**
 * The two tables that HPACK's indices point into (RFC 7541, section 2.3).
 *
 *     index   1 ... 61 | 62 ... 62 + n - 1
 *             static   | dynamic, the newest first
 */

/** Names and values of the static table, by turns (Appendix A). */
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
export const STATIC_ENTRIES = STATIC.length / 2;

/** Octets that an entry counts beside its name and value (section 4.1). */
export const ENTRY_OVERHEAD = 32;

/** Octets that the dynamic table may hold: the default of SETTINGS_HEADER_TABLE_SIZE, and we say no other. */
export const TABLE_OCTETS = 4_096;

/** The index of the first entry of the static table with a name; 0 when there is none. */
export function staticIndexOf(name: string): number {
  for (let index = 0; index < STATIC.length; index += 2) if (STATIC[index] === name) return index / 2 + 1;
  return 0;
}

export class HpackTable {
  /** Names and values by turns, the oldest first. */
  readonly #dynamic: string[] = [];
  #octets = 0;
  #limit = TABLE_OCTETS;
  #version = 0;

  /** Changes whenever an index may mean something else than before. */
  get version(): number {
    return this.#version;
  }

  /** The name of an entry; `undefined` for an index without one. */
  name(index: number): string | undefined {
    return this.#at(index, 0);
  }

  /** The value of an entry; `undefined` for an index without one. */
  value(index: number): string | undefined {
    return this.#at(index, 1);
  }

  /** Adds an entry, and drops the oldest to make room; one that is larger than the table empties it (section 4.4). */
  add(name: string, value: string): void {
    const octets = name.length + value.length + ENTRY_OVERHEAD;
    this.#version += 1;
    this.#shrinkTo(this.#limit - octets);
    if (octets > this.#limit) return;
    this.#dynamic.push(name, value);
    this.#octets += octets;
  }

  /** Sets the size that the encoder has chosen; false when that is more than it may choose (section 6.3). */
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
