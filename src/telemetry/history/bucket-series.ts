/**
 * Buckets of one width for one service: how long it was in each state, and the latencies of its check.
 *
 *     credit, latency --> [ the bucket of now ] --its time is over--> chunk of 9 numbers a bucket, 2 bytes each
 *                                                                       ^ rows
 *     | serving | not serving | unknown | maintenance | probes | min | avg | max | p95 |
 *     '-------- tenths of a second ------------------'         '-- logarithmic, 0.03 % --'
 *
 * What is not in one of the four parts is a time without data. A bucket with several parts keeps them all. A bucket that
 * was stored before it was over (by an earlier process) is the sum of what is stored and of what is open.
 */
import {
  combineLatencies,
  decodeLatency,
  encodeLatency,
  LATENCY_FIELDS,
  type Latency,
  LatencyTally,
} from "./latency.js";

/** The parts of a bucket. */
export const PARTS = ["serving", "notServing", "unknown", "maintenance"] as const;

export type BucketPart = (typeof PARTS)[number];

/** Milliseconds of each part. */
export type PartTimes = Record<BucketPart, number>;

/** No time at all. */
export function noTimes(): PartTimes {
  return { serving: 0, notServing: 0, unknown: 0, maintenance: 0 };
}

/** Adds times to a sum, part by part: a loop over the names would take most of the time of a page. */
export function addTimes(sum: PartTimes, times: Readonly<PartTimes>): void {
  sum.serving += times.serving;
  sum.notServing += times.notServing;
  sum.unknown += times.unknown;
  sum.maintenance += times.maintenance;
}

export interface Bucket {
  /** Wall time of its start. */
  readonly at: number;
  /** Milliseconds of each part. */
  readonly parts: Readonly<Record<BucketPart, number>>;
  readonly latency: Latency | undefined;
}

/** The sizes of a series. */
export interface SeriesShape {
  readonly widthMs: number;
  readonly perChunk: number;
}

/** A bucket as it is written to a file: its number since 1970, the milliseconds of each part, and the stored latency. */
export type BucketRow = readonly number[];

const FIELDS = PARTS.length + LATENCY_FIELDS;
const MS_PER_UNIT = 100;

/** The numbers of a row. */
export const ROW_LENGTH = FIELDS + 1;

/** Estimated bytes of an array beside its elements, with its entry in a map. */
const ARRAY_BYTES = 300;

/** Estimated bytes of one chunk. */
export function chunkBytes({ perChunk }: SeriesShape): number {
  return perChunk * FIELDS * 2 + ARRAY_BYTES;
}

/** The bucket that is not over, as far as it is not stored. */
interface OpenBucket {
  readonly at: number;
  readonly partMs: number[];
  readonly tally: LatencyTally;
}

export class BucketSeries {
  readonly #shape: SeriesShape;
  /** By their start, the oldest first. */
  #chunks = new Map<number, Uint16Array>();
  #newestChunk = Number.NEGATIVE_INFINITY;
  #open: OpenBucket | undefined;

  constructor(shape: SeriesShape) {
    this.#shape = shape;
  }

  /** Estimated bytes of its chunks. */
  get bytes(): number {
    return this.#chunks.size * chunkBytes(this.#shape);
  }

  get isEmpty(): boolean {
    return this.#open === undefined && this.#chunks.size === 0;
  }

  /** Stores the open bucket if its time is over: nothing more may come. */
  finish(now: number): void {
    if (this.#open === undefined || this.#open.at + this.#shape.widthMs > now) return;
    this.#store(this.#open);
    this.#open = undefined;
  }

  /** The end of its oldest chunk; infinite without one. */
  get oldestEnd(): number {
    const [oldest = Number.POSITIVE_INFINITY] = this.#chunks.keys();
    return oldest + this.#shape.widthMs * this.#shape.perChunk;
  }

  /** Adds a time in one state. Times must be added in their order. */
  credit(part: BucketPart, from: number, to: number): void {
    const { widthMs } = this.#shape;
    for (let at = from; at < to; ) {
      const open = this.#openAt(at);
      const end = Math.min(to, open.at + widthMs);
      const index = PARTS.indexOf(part);
      open.partMs[index] = (open.partMs[index] ?? 0) + end - at;
      at = end;
    }
  }

  addLatency(at: number, ms: number): void {
    this.#openAt(at).tally.add(ms);
  }

  /** The buckets that overlap a range, the oldest first; those without data are left out. */
  *read(from: number, to: number): IterableIterator<Bucket> {
    const { widthMs } = this.#shape;
    for (let at = this.#startOf(from); at < to; at += widthMs) {
      const bucket = this.#bucketAt(at);
      if (bucket !== undefined) yield bucket;
    }
  }

  /** The rows of the buckets that end after a time, the open one last. */
  *rows(after: number): IterableIterator<BucketRow> {
    const { widthMs, perChunk } = this.#shape;
    const open = this.#open && this.#bucketAt(this.#open.at);
    for (const [start, chunk] of this.#chunks) {
      const first = Math.max(0, Math.floor((after - start) / widthMs));
      for (let slot = first; slot < perChunk; slot += 1) {
        const fields = chunk.subarray(slot * FIELDS, (slot + 1) * FIELDS);
        const at = start + slot * widthMs;
        if (at === open?.at || fields.every((field) => field === 0)) continue;
        const unit = (index: number) => (index < PARTS.length ? MS_PER_UNIT : 1);
        yield [at / widthMs, ...Array.from(fields, (field, index) => field * unit(index))];
      }
    }
    if (open !== undefined && open.at + widthMs > after) yield this.#rowOf(open);
  }

  /** Stores a row in place of what is stored of its bucket, as far as it is before a time. */
  putRow(row: BucketRow, before: number): void {
    const { widthMs } = this.#shape;
    const at = (row[0] ?? 0) * widthMs;
    if (at >= before) return;
    const [chunk, first] = this.#slotAt(at);
    // more than the time until then is never counted, and what is serving is cut first
    let room = Math.min(widthMs, before - at);
    for (let field = FIELDS - 1; field >= 0; field -= 1) {
      const value = row[field + 1] ?? 0;
      const counted = field < PARTS.length ? Math.min(value, room) : value;
      if (field < PARTS.length) room -= counted;
      chunk[first + field] = field < PARTS.length ? Math.floor(counted / MS_PER_UNIT) : counted;
    }
  }

  /** Adds what another series, which is not used any more, has stored. */
  adopt(other: BucketSeries): void {
    for (const [start, chunk] of other.#chunks) {
      const own = this.#chunks.get(start);
      this.#setChunk(start, chunk);
      if (own === undefined) continue;
      for (let slot = 0; slot < this.#shape.perChunk; slot += 1) {
        const bucket = bucketOf(start + slot * this.#shape.widthMs, own, slot * FIELDS);
        if (bucket !== undefined) this.#add(bucket);
      }
    }
  }

  /** Drops the chunks that end before a time. */
  dropBefore(time: number): void {
    const { widthMs, perChunk } = this.#shape;
    for (const start of this.#chunks.keys()) {
      if (start + widthMs * perChunk > time) return;
      this.#chunks.delete(start);
    }
  }

  /** Drops every bucket that ends after a time. */
  dropFrom(time: number): void {
    const { widthMs, perChunk } = this.#shape;
    if (this.#open !== undefined && this.#open.at + widthMs > time) this.#open = undefined;
    for (const [start, chunk] of this.#chunks) {
      const firstDropped = Math.max(0, Math.floor((time - start) / widthMs));
      if (firstDropped === 0) this.#chunks.delete(start);
      else if (firstDropped < perChunk) chunk.fill(0, firstDropped * FIELDS);
    }
  }

  #startOf(time: number): number {
    return Math.floor(time / this.#shape.widthMs) * this.#shape.widthMs;
  }

  #openAt(time: number): OpenBucket {
    const start = this.#startOf(time);
    if (this.#open?.at === start) return this.#open;
    if (this.#open !== undefined) this.#store(this.#open);
    this.#open = { at: start, partMs: [0, 0, 0, 0], tally: new LatencyTally() };
    return this.#open;
  }

  #chunkStart(time: number): number {
    const chunkMs = this.#shape.widthMs * this.#shape.perChunk;
    return Math.floor(time / chunkMs) * chunkMs;
  }

  #setChunk(start: number, chunk: Uint16Array): void {
    this.#chunks.set(start, chunk);
    if (start < this.#newestChunk) this.#chunks = new Map([...this.#chunks].sort(([a], [b]) => a - b));
    this.#newestChunk = Math.max(this.#newestChunk, start);
  }

  #store({ at, partMs, tally }: OpenBucket): void {
    this.#add({ at, parts: partsOf((index) => partMs[index] ?? 0), latency: tally.latency });
  }

  #add(bucket: Bucket): void {
    const { parts, latency } = combineBuckets(this.#stored(bucket.at), bucket);
    const [chunk, first] = this.#slotAt(bucket.at);
    chunk.set([...PARTS.map((part) => Math.round(parts[part] / MS_PER_UNIT)), ...encodeLatency(latency)], first);
  }

  /** The chunk of a bucket, and the index of its first field. */
  #slotAt(at: number): readonly [chunk: Uint16Array, first: number] {
    const start = this.#chunkStart(at);
    let chunk = this.#chunks.get(start);
    if (chunk === undefined) {
      chunk = new Uint16Array(this.#shape.perChunk * FIELDS);
      this.#setChunk(start, chunk);
    }
    return [chunk, ((at - start) / this.#shape.widthMs) * FIELDS];
  }

  #bucketAt(at: number): Bucket | undefined {
    const stored = this.#stored(at);
    if (this.#open?.at !== at) return stored;
    const { partMs, tally } = this.#open;
    return combineBuckets(stored, { at, parts: partsOf((index) => partMs[index] ?? 0), latency: tally.latency });
  }

  #stored(at: number): Bucket | undefined {
    const start = this.#chunkStart(at);
    const chunk = this.#chunks.get(start);
    return chunk && bucketOf(at, chunk, ((at - start) / this.#shape.widthMs) * FIELDS);
  }

  #rowOf({ at, parts, latency }: Bucket): BucketRow {
    return [at / this.#shape.widthMs, ...PARTS.map((part) => Math.floor(parts[part])), ...encodeLatency(latency)];
  }
}

/** A page reads a million buckets: their fields are read one by one, without an array between. */
function bucketOf(at: number, chunk: Uint16Array, first: number): Bucket | undefined {
  const [serving = 0, notServing = 0] = [chunk[first], chunk[first + 1]];
  const [unknown = 0, maintenance = 0] = [chunk[first + 2], chunk[first + 3]];
  const latency = decodeLatency(chunk, first + PARTS.length);
  if (serving + notServing + unknown + maintenance === 0 && latency === undefined) return undefined;
  const parts = {
    serving: serving * MS_PER_UNIT,
    notServing: notServing * MS_PER_UNIT,
    unknown: unknown * MS_PER_UNIT,
    maintenance: maintenance * MS_PER_UNIT,
  };
  return { at, parts, latency };
}

function partsOf(read: (index: number) => number): Readonly<Record<BucketPart, number>> {
  return { serving: read(0), notServing: read(1), unknown: read(2), maintenance: read(3) };
}

function combineBuckets(a: Bucket | undefined, b: Bucket): Bucket {
  if (a === undefined) return b;
  const parts = partsOf((index) => {
    const part = PARTS[index] ?? "serving";
    return a.parts[part] + b.parts[part];
  });
  return { at: b.at, parts, latency: combineLatencies(a.latency, b.latency) };
}
