/**
 * The addresses of a source over time: pure.
 *
 *     in a good answer       at once
 *     missing in a good one, and in the next good one, at least one refresh interval later       removed
 *     no good answer         nothing changes
 *
 * Name servers rotate their records, and a rolling update swaps files: one answer without an address does not prove that it is gone.
 */
import { formatHostPort } from "../core/host-port.js";
import type { FoundAddress } from "./source.js";

interface KnownAddress {
  readonly address: FoundAddress;
  /** Monotonic time of the first good answer without the address; `undefined`: the last one has it. */
  missingSince: number | undefined;
}

export class AddressSet {
  /** How long an address stays that is missing, in milliseconds. */
  refreshMs: number;
  readonly #entries = new Map<string, KnownAddress>();
  #addresses: readonly FoundAddress[] = [];
  /** The last good answer, if it has every address. */
  #whole: readonly FoundAddress[] | undefined;

  constructor(refreshMs: number) {
    this.refreshMs = refreshMs;
  }

  /** Sorted. Another list after each change; an address that has not changed is the same object. */
  get addresses(): readonly FoundAddress[] {
    return this.#addresses;
  }

  /** Takes a good answer. Returns whether the addresses have changed. */
  take(answer: readonly FoundAddress[], now: number): boolean {
    if (answer === this.#whole) return false;
    let hasChanged = false;
    const found = new Set<string>();
    for (const address of answer) {
      const key = formatHostPort(address.host, address.port);
      if (found.has(key)) continue; // the first of several counts
      found.add(key);
      const known = this.#entries.get(key);
      const isKnown = known !== undefined && isSame(known.address, address);
      if (!isKnown) hasChanged = true;
      this.#entries.set(key, { address: isKnown ? known.address : address, missingSince: undefined });
    }
    for (const [key, entry] of this.#entries) {
      if (found.has(key)) continue;
      entry.missingSince ??= now;
      if (entry.missingSince === now || now - entry.missingSince < this.refreshMs) continue;
      this.#entries.delete(key);
      hasChanged = true;
    }
    if (hasChanged) this.#addresses = this.#sorted();
    this.#whole = found.size === this.#entries.size ? answer : undefined;
    return hasChanged;
  }

  #sorted(): readonly FoundAddress[] {
    const keys = [...this.#entries.keys()].sort();
    return keys.flatMap((key) => this.#entries.get(key)?.address ?? []);
  }
}

/** Whether two descriptions of an address are the same: 10,000 are compared in one step. */
function isSame(one: FoundAddress, other: FoundAddress): boolean {
  if (one === other) return true;
  if (one.weight !== other.weight || one.tags.join() !== other.tags.join()) return false;
  const names = Object.keys(one.meta);
  const isOfSameLength = names.length === Object.keys(other.meta).length;
  return isOfSameLength && names.every((name) => one.meta[name] === other.meta[name]);
}
