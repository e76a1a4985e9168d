/**
 * The values of counters and histograms as plain numbers: thousands of probes a second are counted here.
 */

/** Upper bounds of the histograms' buckets, in seconds. */
export const BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** One series of a counter. */
export interface Count {
  readonly labels: readonly string[];
  value: number;
}

/** A counter whose first label names an owner, such as a check. An owner's series go when the owner goes. */
export class Counts {
  readonly #owners = new Map<string, Map<string, Count>>();

  /** Adds one to the series with these values of the labels: the owner, and at most two more. */
  increment(owner: string, second?: string, third?: string): void {
    const key = third === undefined ? (second ?? "") : `${second} ${third}`;
    const count = this.#owners.get(owner)?.get(key) ?? this.#create(owner, key, [second, third]);
    count.value += 1;
  }

  /** Adds the counts of another object, as its `series` returns them. */
  addAll(counts: Iterable<Readonly<Count>>): void {
    for (const { labels, value } of counts) {
      const [owner = "", second, third] = labels;
      const key = third === undefined ? (second ?? "") : `${second} ${third}`;
      const count = this.#owners.get(owner)?.get(key) ?? this.#create(owner, key, [second, third]);
      count.value += value;
    }
  }

  /** Drops every series of an owner. */
  forget(owner: string): void {
    this.#owners.delete(owner);
  }

  *series(): IterableIterator<Readonly<Count>> {
    for (const counts of this.#owners.values()) yield* counts.values();
  }

  #create(owner: string, key: string, rest: readonly (string | undefined)[]): Count {
    const count = { labels: [owner, ...rest.filter((label) => label !== undefined)], value: 0 };
    const counts = this.#owners.get(owner) ?? new Map<string, Count>();
    this.#owners.set(owner, counts.set(key, count));
    return count;
  }
}

/** What a histogram of durations has counted. */
export interface DurationCounts {
  /** For each bound, how many were up to it and above the one before. Those above the last are in `count` alone. */
  readonly inBucket: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** A histogram of durations. */
export class Durations implements DurationCounts {
  readonly inBucket: number[] = BUCKETS_SECONDS.map(() => 0);
  count = 0;
  sumSeconds = 0;

  /** @param before measurements of another object, as plain data */
  constructor(before?: DurationCounts) {
    if (before === undefined) return;
    for (const [index, count] of before.inBucket.entries()) this.inBucket[index] = count;
    this.count = before.count;
    this.sumSeconds = before.sumSeconds;
  }

  observe(milliseconds: number): void {
    const seconds = milliseconds / 1_000;
    this.count += 1;
    this.sumSeconds += seconds;
    let bucket = 0;
    for (const bound of BUCKETS_SECONDS) {
      if (seconds <= bound) break;
      bucket += 1;
    }
    const before = this.inBucket[bucket];
    if (before !== undefined) this.inBucket[bucket] = before + 1;
  }
}
