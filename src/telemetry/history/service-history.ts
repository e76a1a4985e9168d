/**
 * What the services were, for the last 24 h in buckets of 5 minutes and for `retainMs` in buckets of an hour.
 *
 *     transition, probe --> credit the time until now to the status of before --> two series of each service
 *     every 10 s         --> the same for all services
 *
 * All of it is in memory, within `maxBytes`. When the bound is reached, the oldest chunks of all services are dropped, so
 * that each service keeps its newest days. A new name for which the chunks of now would not fit gets no history, and
 * `refused` counts its changes.
 */
import type { Transition } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import { isView } from "../../core/service-name.js";
import { addTimes, type Bucket, type BucketPart, BucketSeries, chunkBytes, noTimes } from "./bucket-series.js";
import { Timeline } from "./timeline.js";

export interface ServiceHistoryOptions {
  readonly clock: Clock;
  /** Bytes of all services together, estimated. */
  readonly maxBytes: number;
  /** How long the buckets of an hour are kept, in milliseconds. */
  readonly retainMs: number;
}

/** The past of one service. */
export interface PastOfService {
  /** The range, in wall time: aligned to buckets, and not after now. */
  readonly from: number;
  readonly to: number;
  readonly bucketMs: number;
  readonly buckets: readonly Bucket[];
  /** Milliseconds of each part over the range. */
  readonly parts: Readonly<Record<BucketPart, number>>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const FINE = { widthMs: 5 * MINUTE_MS, perChunk: 72 } as const;
const HOURLY = { widthMs: HOUR_MS, perChunk: 24 } as const;

/** For so long the fine buckets are kept. */
const FINE_MS = DAY_MS;

const TICK_MS = 10_000;

const SERVICES_PER_TURN = 250;

/** Estimated bytes of a service beside its chunks: two open buckets with their histograms. */
const ENTRY_BYTES = 2_000;

/** The same with the chunks of now, which are never dropped. */
const MIN_BYTES = ENTRY_BYTES + chunkBytes(FINE) + chunkBytes(HOURLY);

interface ServiceRecord {
  part: BucketPart | undefined;
  creditedTo: number;
  readonly fine: BucketSeries;
  readonly hourly: BucketSeries;
}

export class ServiceHistory {
  readonly #options: ServiceHistoryOptions;
  readonly #timeline: Timeline;
  readonly #entries = new Map<string, ServiceRecord>();
  #isInMaintenance: (service: string) => boolean = () => false;
  #cancelTick: CancelTimer;
  #bytes = 0;
  #refused = 0;

  constructor(options: ServiceHistoryOptions) {
    this.#options = options;
    this.#timeline = new Timeline(options.clock);
    this.#cancelTick = this.#setTick();
  }

  /** Estimated bytes, at the last tick. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Status changes of names that have no history, because the memory is used up. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether a service is in maintenance is asked from now on whenever time is credited: at least every 10 s. */
  askMaintenance(isInMaintenance: (service: string) => boolean): void {
    this.#isInMaintenance = isInMaintenance;
  }

  /** Whether a service is in maintenance now. */
  isInMaintenance(service: string): boolean {
    return this.#isInMaintenance(service);
  }

  /** Takes a transition. Those of checks do not matter: each check is a service of its name. */
  add({ subject, name, to, reason }: Pick<Transition, "subject" | "name" | "to" | "reason">): void {
    if (subject === "service") this.setStatus(name, to, reason);
  }

  setStatus(name: string, status: string, reason?: string | undefined): void {
    if (isView(name)) return;
    const part = partOf(status, reason);
    this.#advance();
    const entry = this.#entries.get(name) ?? (part === undefined ? undefined : this.#create(name));
    if (entry === undefined) return;
    this.#credit(name, entry, this.#timeline.position);
    entry.part = part;
    entry.creditedTo = this.#timeline.position;
  }

  /** Takes the latency of one probe of a check. */
  addLatency(check: string, ms: number): void {
    const entry = this.#entries.get(check);
    if (entry === undefined) return;
    this.#advance();
    const { position } = this.#timeline;
    this.#credit(check, entry, position);
    entry.fine.addLatency(position, ms);
    entry.hourly.addLatency(position, ms);
  }

  /** The past of a service from one wall time to another; `undefined` when nothing is known of it. */
  read(name: string, from: number, to: number): PastOfService | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    this.#advance();
    const { position } = this.#timeline;
    this.#credit(name, entry, position);
    const isFine = from >= position - FINE_MS - FINE.widthMs;
    const bucketMs = isFine ? FINE.widthMs : HOURLY.widthMs;
    const end = Math.min(to, position);
    const start = Math.floor(Math.max(from, position - this.#options.retainMs) / bucketMs) * bucketMs;
    const buckets = [...(isFine ? entry.fine : entry.hourly).read(start, end)];
    const parts = noTimes();
    for (const bucket of buckets) addTimes(parts, bucket.parts);
    return { from: start, to: Math.max(start, end), bucketMs, buckets, parts };
  }

  close(): void {
    this.#cancelTick();
  }

  #setTick(): CancelTimer {
    return this.#options.clock.setTimer(TICK_MS, () => {
      this.#cancelTick = this.#setTick();
      this.#tick();
    });
  }

  #tick(): void {
    this.#advance();
    this.#creditAll([...this.#entries]);
  }

  /** Credits a part of the services in each turn: one turn for 10,000 would hold up answers. */
  #creditAll(entries: readonly (readonly [string, ServiceRecord])[]): void {
    const { position } = this.#timeline;
    for (const [name, entry] of entries.slice(0, SERVICES_PER_TURN)) this.#credit(name, entry, position);
    const rest = entries.slice(SERVICES_PER_TURN);
    if (rest.length === 0) this.#drop(position);
    else setImmediate(() => this.#creditAll(rest));
  }

  /** Goes to the present. After a jump of the wall clock, no service is credited with the time in between. */
  #advance(): void {
    const { creditedTo, now, dropFrom } = this.#timeline.advance();
    if (creditedTo === now && dropFrom === undefined) return;
    for (const [name, entry] of this.#entries) {
      this.#credit(name, entry, creditedTo);
      if (dropFrom !== undefined) for (const series of [entry.fine, entry.hourly]) series.dropFrom(dropFrom);
      if (entry.part !== undefined) entry.creditedTo = now;
    }
  }

  #credit(name: string, entry: ServiceRecord, to: number): void {
    const from = entry.creditedTo;
    if (entry.part === undefined || from >= to) return;
    entry.creditedTo = to;
    const part = this.#isInMaintenance(name) ? "maintenance" : entry.part;
    entry.fine.credit(part, from, to);
    entry.hourly.credit(part, from, to);
  }

  #create(name: string): ServiceRecord | undefined {
    if ((this.#entries.size + 1) * MIN_BYTES > this.#options.maxBytes) {
      this.#refused += 1;
      return undefined;
    }
    const creditedTo = this.#timeline.position;
    const entry = { part: undefined, creditedTo, fine: new BucketSeries(FINE), hourly: new BucketSeries(HOURLY) };
    this.#entries.set(name, entry);
    this.#bytes += ENTRY_BYTES;
    return entry;
  }

  /** Drops what is too old, and then the oldest days until the rest is within the bound. */
  #drop(now: number): void {
    const { retainMs, maxBytes } = this.#options;
    for (const [name, entry] of this.#entries) {
      entry.fine.dropBefore(now - FINE_MS - FINE.widthMs);
      entry.hourly.dropBefore(now - retainMs);
      if (entry.part !== undefined) continue;
      entry.fine.finish(now);
      entry.hourly.finish(now);
      if (entry.fine.isEmpty && entry.hourly.isEmpty) this.#entries.delete(name);
    }
    this.#measure();
    while (this.#bytes > maxBytes) {
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

/** A drain of this server says nothing about a service. */
function partOf(status: string, reason: string | undefined): BucketPart | undefined {
  if (status === "SERVICE_UNKNOWN") return undefined;
  if (status === "UNKNOWN" || reason === "draining") return "unknown";
  return status === "SERVING" ? "serving" : "notServing";
}
