/**
 * The latencies of one bucket of time.
 *
 *     add(ms) --> LatencyTally: number, sum, least, most, histogram --> Latency --> five numbers of 16 bits
 *
 * A stored latency is logarithmic: exact to 0.03 %, from 0 to an hour.
 */

/** Latencies of one bucket, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly min: number;
  readonly avg: number;
  readonly max: number;
  /** 95 % of the probes took at most so long. Up to 13 % too high, never above `max`. */
  readonly p95: number;
}

/** The numbers of a stored latency: its count, and the codes of min, avg, max and p95. All 0: there was no probe. */
export const LATENCY_FIELDS = 5;

const MAX_UINT16 = 65_535;

/** Steps of a stored latency for each factor of e: 1 h fits 16 bits. */
const STEPS_PER_E = 4_000;

/** Bins of the histogram for each factor of e. */
const BINS_PER_E = 8;
const BINS = 128;

export class LatencyTally {
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #bins: Uint16Array | undefined;

  add(ms: number): void {
    this.#count += 1;
    this.#sum += ms;
    this.#min = Math.min(this.#min, ms);
    this.#max = Math.max(this.#max, ms);
    this.#bins ??= new Uint16Array(BINS);
    const bin = Math.min(BINS - 1, Math.floor(Math.log1p(ms) * BINS_PER_E));
    this.#bins[bin] = Math.min(MAX_UINT16, (this.#bins[bin] ?? 0) + 1);
  }

  /** `undefined` when nothing was added. */
  get latency(): Latency | undefined {
    if (this.#count === 0) return undefined;
    const [count, min, max] = [this.#count, this.#min, this.#max];
    return { count, min, avg: this.#sum / count, max, p95: this.#p95() };
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

/** The latencies of two parts of one bucket together. The larger p95 counts: that of both cannot be known. */
export function combineLatencies(a: Latency | undefined, b: Latency | undefined): Latency | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const count = a.count + b.count;
  const avg = (a.avg * a.count + b.avg * b.count) / count;
  return { count, min: Math.min(a.min, b.min), avg, max: Math.max(a.max, b.max), p95: Math.max(a.p95, b.p95) };
}

export function encodeLatency(latency: Latency | undefined): readonly number[] {
  if (latency === undefined) return [0, 0, 0, 0, 0];
  const { count, min, avg, max, p95 } = latency;
  return [Math.min(MAX_UINT16, count), encodeMs(min), encodeMs(avg), encodeMs(max), encodeMs(p95)];
}

/** The latency whose fields begin at an index. */
export function decodeLatency(fields: Uint16Array, first: number): Latency | undefined {
  const [count = 0, min = 0, avg = 0] = [fields[first], fields[first + 1], fields[first + 2]];
  const [max = 0, p95 = 0] = [fields[first + 3], fields[first + 4]];
  if (count === 0) return undefined;
  return { count, min: decodeMs(min), avg: decodeMs(avg), max: decodeMs(max), p95: decodeMs(p95) };
}

function encodeMs(ms: number): number {
  return Math.min(MAX_UINT16, Math.round(Math.log1p(ms) * STEPS_PER_E));
}

function decodeMs(code: number): number {
  return Math.expm1(code / STEPS_PER_E);
}
