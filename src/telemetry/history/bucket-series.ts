/**
 * Buckets of one width for one service: how long it was in each state, and the latencies of its check.
 *
 *     credit, latency --> [ the bucket of now ] --its time is over--> chunk of 9 numbers a bucket, 2 bytes each
 *
 *     | serving | not serving | unknown | maintenance | probes | min | avg | max | p95 |
 *     '-------- tenths of a second ------------------'         '-- logarithmic, 0.03 % --'
 *
 * What is not in one of the four parts is a time without data. A bucket with several parts keeps them all.
 */

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

/** Latencies of one bucket, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly min: number;
  readonly avg: number;
  readonly max: number;
  /** 95 % of the probes took at most so long. Up to 13 % too high, never above `max`. */
  readonly p95: number;
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

const FIELDS = 9;
const MS_PER_UNIT = 100;
const MAX_UINT16 = 65_535;

/** Steps of a stored latency for each factor of e: 1 h fits 16 bits. */
const LATENCY_STEPS = 4_000;

/** Bins of the histogram for each factor of e. */
const BINS_PER_E = 8;
const BINS = 128;

/** Estimated bytes of an array beside its elements, with its entry in a map. */
const ARRAY_BYTES = 300;

/** Estimated bytes of one chunk. */
export function chunkBytes({ perChunk }: SeriesShape): number {
  return perChunk * FIELDS * 2 + ARRAY_BYTES;
}

/** The bucket that is not over. */
class OpenBucket {
  readonly at: number;
  readonly partMs: number[] = [0, 0, 0, 0];
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #bins: Uint16Array | undefined;

  constructor(at: number) {
    this.at = at;
  }

  addLatency(ms: number): void {
    this.#count += 1;
    this.#sum += ms;
    this.#min = Math.min(this.#min, ms);
    this.#max = Math.max(this.#max, ms);
    this.#bins ??= new Uint16Array(BINS);
    const bin = Math.min(BINS - 1, Math.floor(Math.log1p(ms) * BINS_PER_E));
    this.#bins[bin] = Math.min(MAX_UINT16, (this.#bins[bin] ?? 0) + 1);
  }

  get latency(): Latency | undefined {
    if (this.#count === 0) return undefined;
    const [count, min, max] = [this.#count, this.#min, this.#max];
    return { count, min, avg: this.#sum / count, max, p95: this.#p95() };
  }

  get bucket(): Bucket {
    return { at: this.at, parts: partsOf((index) => this.partMs[index] ?? 0), latency: this.latency };
  }

  #p95(): number {
    const bins = this.#bins ?? new Uint16Array();
    let left = Math.ceil(bins.reduce((sum, count) => sum + count, 0) * 0.95);
    for (const [bin, count] of bins.entries()) {
      left -= count;
      if (left <= 0) return Math.min(this.#max, Math.expm1((bin + 1) / BINS_PER_E));
    }
    return this.#max;
  }
}

export class BucketSeries {
  readonly #shape: SeriesShape;
  readonly #chunks = new Map<number, Uint16Array>();
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
    this.#openAt(at).addLatency(ms);
  }

  /** The buckets that overlap a range, the oldest first; those without data are left out. */
  *read(from: number, to: number): IterableIterator<Bucket> {
    const { widthMs } = this.#shape;
    for (let at = this.#startOf(from); at < to; at += widthMs) {
      const bucket = this.#open?.at === at ? this.#open.bucket : this.#stored(at);
      if (bucket !== undefined) yield bucket;
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
    this.#open = new OpenBucket(start);
    return this.#open;
  }

  #chunkStart(time: number): number {
    const chunkMs = this.#shape.widthMs * this.#shape.perChunk;
    return Math.floor(time / chunkMs) * chunkMs;
  }

  #store({ at, partMs, latency }: OpenBucket): void {
    const start = this.#chunkStart(at);
    const chunk = this.#chunks.get(start) ?? new Uint16Array(this.#shape.perChunk * FIELDS);
    this.#chunks.set(start, chunk);
    const units = partMs.map((ms) => Math.round(ms / MS_PER_UNIT));
    const latencies = latency ? [latency.min, latency.avg, latency.max, latency.p95].map(encodeLatency) : [];
    const count = Math.min(MAX_UINT16, latency?.count ?? 0);
    chunk.set([...units, count, ...latencies], ((at - start) / this.#shape.widthMs) * FIELDS);
  }

  /** A page reads a million buckets: their fields are read one by one, without an array between. */
  #stored(at: number): Bucket | undefined {
    const start = this.#chunkStart(at);
    const chunk = this.#chunks.get(start);
    if (chunk === undefined) return undefined;
    const first = ((at - start) / this.#shape.widthMs) * FIELDS;
    const [serving = 0, notServing = 0] = [chunk[first], chunk[first + 1]];
    const [unknown = 0, maintenance = 0, count = 0] = [chunk[first + 2], chunk[first + 3], chunk[first + 4]];
    if (serving + notServing + unknown + maintenance + count === 0) return undefined;
    const parts = {
      serving: serving * MS_PER_UNIT,
      notServing: notServing * MS_PER_UNIT,
      unknown: unknown * MS_PER_UNIT,
      maintenance: maintenance * MS_PER_UNIT,
    };
    return { at, parts, latency: count === 0 ? undefined : latencyAt(chunk, first + 4) };
  }
}

/** The latency of a stored bucket, whose fields begin with their count. */
function latencyAt(chunk: Uint16Array, first: number): Latency {
  const [count = 0, min = 0, avg = 0] = [chunk[first], chunk[first + 1], chunk[first + 2]];
  const [max = 0, p95 = 0] = [chunk[first + 3], chunk[first + 4]];
  return {
    count,
    min: decodeLatency(min),
    avg: decodeLatency(avg),
    max: decodeLatency(max),
    p95: decodeLatency(p95),
  };
}

function partsOf(read: (index: number) => number): Readonly<Record<BucketPart, number>> {
  return { serving: read(0), notServing: read(1), unknown: read(2), maintenance: read(3) };
}

function encodeLatency(ms: number): number {
  return Math.min(MAX_UINT16, Math.round(Math.log1p(ms) * LATENCY_STEPS));
}

function decodeLatency(code: number): number {
  return Math.expm1(code / LATENCY_STEPS);
}
