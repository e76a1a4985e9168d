/**
 * The two series of each service, within a bound of memory.
 *
 *     name --> | fine: 5 min, for 24 h | hourly: for `retainMs` |
 *
 * When the bound is reached, the oldest chunks of all services are dropped, so that each service keeps its newest days. A
 * new name for which the chunks of now would not fit is not added.
 */
import { BucketSeries, chunkBytes } from "./bucket-series.js";

export interface TableBounds {
  /** Bytes of all services together, estimated. */
  readonly maxBytes: number;
  /** How long the buckets of an hour are kept, in milliseconds. */
  readonly retainMs: number;
}

export interface ServiceSeries {
  readonly fine: BucketSeries;
  readonly hourly: BucketSeries;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export const FINE = { widthMs: 5 * MINUTE_MS, perChunk: 72 } as const;
export const HOURLY = { widthMs: HOUR_MS, perChunk: 24 } as const;

/** For so long the fine buckets are kept. */
export const FINE_MS = DAY_MS + FINE.widthMs;

/** Estimated bytes of a service beside its chunks: two open buckets with their histograms. */
const ENTRY_BYTES = 2_000;

/** The same with the chunks of now, which are never dropped. */
const MIN_BYTES = ENTRY_BYTES + chunkBytes(FINE) + chunkBytes(HOURLY);

export function createSeries(): ServiceSeries {
  return { fine: new BucketSeries(FINE), hourly: new BucketSeries(HOURLY) };
}

export class SeriesTable<Entry extends ServiceSeries> {
  readonly #bounds: TableBounds;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
  }

  /** Estimated bytes, at the last `drop`. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasRoom(): boolean {
    return (this.#entries.size + 1) * MIN_BYTES <= this.#bounds.maxBytes;
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  set(name: string, entry: Entry): void {
    this.#entries.set(name, entry);
    this.#bytes += ENTRY_BYTES;
  }

  entries(): IterableIterator<[string, Entry]> {
    return this.#entries.entries();
  }

  /** Drops what is too old, and then the oldest days until the rest is within the bound. */
  drop(now: number, isUsed: (entry: Entry) => boolean): void {
    for (const [name, entry] of this.#entries) {
      entry.fine.dropBefore(now - FINE_MS);
      entry.hourly.dropBefore(now - this.#bounds.retainMs);
      if (isUsed(entry)) continue;
      entry.fine.finish(now);
      entry.hourly.finish(now);
      if (entry.fine.isEmpty && entry.hourly.isEmpty) this.#entries.delete(name);
    }
    this.#measure();
    while (this.#bytes > this.#bounds.maxBytes) {
      const oldest = this.#oldestEnd();
      if (oldest > now) return;
      for (const { fine, hourly } of this.#entries.values()) {
        fine.dropBefore(oldest);
        hourly.dropBefore(oldest);
      }
      this.#measure();
    }
  }

  #measure(): void {
    let bytes = 0;
    for (const { fine, hourly } of this.#entries.values()) bytes += ENTRY_BYTES + fine.bytes + hourly.bytes;
    this.#bytes = bytes;
  }

  #oldestEnd(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { fine, hourly } of this.#entries.values()) oldest = Math.min(oldest, fine.oldestEnd, hourly.oldestEnd);
    return oldest;
  }
}
