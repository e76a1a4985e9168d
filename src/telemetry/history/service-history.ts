/**
 * What the services were, for the last 24 h in buckets of 5 minutes and for `retainMs` in buckets of an hour.
 *
 *     transition, probe --> credit the time until now to the status of before --> two series of each service
 *     every 10 s         --> the same for all services
 *
 * All of it is in memory, within the bounds of a `SeriesTable`. A new name that finds no room gets no history, and `refused`
 * counts its changes. A journal reads the rows of each service, and gives back those of earlier processes (`adopt`).
 */
import type { Transition } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import { isView } from "../../core/service-name.js";
import { addTimes, type Bucket, type BucketPart, type BucketRow, noTimes } from "./bucket-series.js";
import {
  createSeries,
  FINE,
  FINE_MS,
  HOURLY,
  SeriesTable,
  type ServiceSeries,
  type TableBounds,
} from "./series-table.js";
import { Timeline } from "./timeline.js";

export interface ServiceHistoryOptions extends TableBounds {
  readonly clock: Clock;
}

/** The rows of one service: see `BucketSeries.rows`. */
export interface SeriesRows {
  readonly fine: readonly BucketRow[];
  readonly hourly: readonly BucketRow[];
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

const TICK_MS = 10_000;

const SERVICES_PER_TURN = 250;

interface ServiceRecord extends ServiceSeries {
  part: BucketPart | undefined;
  creditedTo: number;
}

export class ServiceHistory {
  readonly #options: ServiceHistoryOptions;
  readonly #timeline: Timeline;
  readonly #table: SeriesTable<ServiceRecord>;
  /** The wall time of its start. */
  readonly startedAt: number;
  #isInMaintenance: (service: string) => boolean = () => false;
  #cancelTick: CancelTimer;
  #refused = 0;
  #corrections = 0;

  constructor(options: ServiceHistoryOptions) {
    this.#options = options;
    this.#timeline = new Timeline(options.clock);
    this.#table = new SeriesTable(options);
    this.startedAt = this.#timeline.position;
    this.#cancelTick = this.#setTick();
  }

  /** Estimated bytes, at the last tick. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** The bounds of its memory. */
  get bounds(): TableBounds {
    return this.#options;
  }

  /** The wall time up to which it is complete. */
  get position(): number {
    return this.#timeline.position;
  }

  /** How often a clock that was set back has made buckets untrue, which were dropped. */
  get corrections(): number {
    return this.#corrections;
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
    const entry = this.#table.get(name) ?? (part === undefined ? undefined : this.#create(name));
    if (entry === undefined) return;
    this.#credit(name, entry, this.#timeline.position);
    entry.part = part;
    entry.creditedTo = this.#timeline.position;
  }

  /** Takes the latency of one probe of a check. */
  addLatency(check: string, ms: number): void {
    const entry = this.#table.get(check);
    if (entry === undefined) return;
    this.#advance();
    const { position } = this.#timeline;
    this.#credit(check, entry, position);
    entry.fine.addLatency(position, ms);
    entry.hourly.addLatency(position, ms);
  }

  /** The past of a service from one wall time to another; `undefined` when nothing is known of it. */
  read(name: string, from: number, to: number): PastOfService | undefined {
    const entry = this.#table.get(name);
    if (entry === undefined) return undefined;
    this.#advance();
    const { position } = this.#timeline;
    this.#credit(name, entry, position);
    const isFine = from >= position - FINE_MS;
    const bucketMs = isFine ? FINE.widthMs : HOURLY.widthMs;
    const end = Math.min(to, position);
    const start = Math.floor(Math.max(from, position - this.#options.retainMs) / bucketMs) * bucketMs;
    const buckets = [...(isFine ? entry.fine : entry.hourly).read(start, end)];
    const parts = noTimes();
    for (const bucket of buckets) addTimes(parts, bucket.parts);
    return { from: start, to: Math.max(start, end), bucketMs, buckets, parts };
  }

  /** The services with a history. */
  *names(): IterableIterator<string> {
    for (const [name] of this.#table.entries()) yield name;
  }

  /** The rows of a service that end after a time, up to now. */
  rows(name: string, after: number): SeriesRows {
    const entry = this.#table.get(name);
    if (entry === undefined) return { fine: [], hourly: [] };
    this.#advance();
    this.#credit(name, entry, this.#timeline.position);
    return { fine: [...entry.fine.rows(after)], hourly: [...entry.hourly.rows(after)] };
  }

  /** Takes over what earlier processes have stored of a service. */
  adopt(name: string, { fine, hourly }: ServiceSeries): void {
    const entry = this.#table.get(name) ?? (this.#table.hasRoom ? this.#add(name) : undefined);
    entry?.fine.adopt(fine);
    entry?.hourly.adopt(hourly);
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
    this.#creditAll([...this.#table.entries()]);
  }

  /** Credits a part of the services in each turn: one turn for 10,000 would hold up answers. */
  #creditAll(entries: readonly (readonly [string, ServiceRecord])[]): void {
    const { position } = this.#timeline;
    for (const [name, entry] of entries.slice(0, SERVICES_PER_TURN)) this.#credit(name, entry, position);
    const rest = entries.slice(SERVICES_PER_TURN);
    if (rest.length === 0) this.#table.drop(position, ({ part }) => part !== undefined);
    else setImmediate(() => this.#creditAll(rest));
  }

  /** Goes to the present. After a jump of the wall clock, no service is credited with the time in between. */
  #advance(): void {
    const { creditedTo, now, dropFrom } = this.#timeline.advance();
    if (creditedTo === now && dropFrom === undefined) return;
    if (dropFrom !== undefined) this.#corrections += 1;
    for (const [name, entry] of this.#table.entries()) {
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
    if (this.#table.hasRoom) return this.#add(name);
    this.#refused += 1;
    return undefined;
  }

  #add(name: string): ServiceRecord {
    const entry = { part: undefined, creditedTo: this.#timeline.position, ...createSeries() };
    this.#table.set(name, entry);
    return entry;
  }
}

/** A drain of this server says nothing about a service. */
function partOf(status: string, reason: string | undefined): BucketPart | undefined {
  if (status === "SERVICE_UNKNOWN") return undefined;
  if (status === "UNKNOWN" || reason === "draining") return "unknown";
  return status === "SERVING" ? "serving" : "notServing";
}
