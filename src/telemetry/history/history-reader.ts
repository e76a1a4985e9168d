/**
 * Reads the files of the history into series and transitions, in pieces: each one is a turn of the event loop.
 *
 *     file --256 KiB--> lines --> records --> series of each service (within the bounds of the history)
 *                         |             '---> the newest transitions
 *                         '--> damaged or torn: counted, and skipped
 *
 * What a file says of the time after the start of this process was written under a clock that was ahead: it is skipped.
 */
import { open } from "node:fs/promises";
import { publish } from "../../core/channels.js";
import { decodeJournal } from "../journal-lines.js";
import { parseHistoryRecord } from "./history-records.js";
import { createSeries, SeriesTable, type ServiceSeries, type TableBounds } from "./series-table.js";
import type { SeriesRows } from "./service-history.js";
import { type EpochTransition, eventId, MAX_TRANSITIONS } from "./transition-history.js";

const PIECE_BYTES = 262_144;

/** A longer line is not ours. */
const MAX_LINE_BYTES = 65_536;

/** The bound of the memory is applied after so many records. */
const RECORDS_PER_DROP = 1_000;

export interface ReaderOptions {
  readonly instance: string;
  readonly bounds: TableBounds;
  /** The wall time of the start of this process. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
}

export class HistoryReader {
  readonly #options: ReaderOptions;
  readonly series: SeriesTable<ServiceSeries>;
  /** By their IDs, the oldest first. A base and a log may have the same one. */
  readonly #transitions = new Map<string, EpochTransition>();
  #records = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.series = new SeriesTable(options.bounds);
  }

  get transitions(): readonly EpochTransition[] {
    return [...this.#transitions.values()];
  }

  /** Reads a file to its end, and publishes what was damaged in it. */
  async read(path: string): Promise<void> {
    const { signal, instance } = this.#options;
    const handle = await open(path, "r");
    const before = this.#records;
    let [rest, damagedLines] = [Buffer.alloc(0), 0];
    try {
      for (;;) {
        const piece = Buffer.allocUnsafe(PIECE_BYTES);
        const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES);
        signal.throwIfAborted();
        if (bytesRead === 0) break;
        const bytes = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
        const text = decodeJournal(bytes);
        for (const record of text.records) this.#take(parseHistoryRecord(record));
        damagedLines += text.damagedLines;
        const isTooLong = text.tornBytes > MAX_LINE_BYTES;
        rest = isTooLong ? Buffer.alloc(0) : bytes.subarray(bytes.length - text.tornBytes);
        if (isTooLong) damagedLines += 1;
      }
    } finally {
      await handle.close();
    }
    this.#drop();
    const damage = { damagedLines, tornBytes: rest.length, records: this.#records - before };
    if (damagedLines > 0 || rest.length > 0) publish("journal-damaged", { instance, file: path, ...damage });
  }

  #take(found: ReturnType<typeof parseHistoryRecord>): void {
    if (found === undefined) return;
    this.#records += 1;
    if (found.kind === "buckets") this.#takeRows(found.name, found.rows);
    else this.#takeTransition(found.entry);
    if (this.#records % RECORDS_PER_DROP === 0) this.#drop();
  }

  #takeRows(name: string, { fine, hourly }: SeriesRows): void {
    let entry = this.series.get(name);
    if (entry === undefined) {
      if (!this.series.hasRoom) return;
      entry = createSeries();
      this.series.set(name, entry);
    }
    const { startedAt } = this.#options;
    for (const row of fine) entry.fine.putRow(row, startedAt);
    for (const row of hourly) entry.hourly.putRow(row, startedAt);
  }

  #takeTransition(entry: EpochTransition): void {
    const { startedAt, bounds } = this.#options;
    const { sequence, at } = entry.transition;
    if (at > startedAt || at < startedAt - bounds.retainMs) return;
    this.#transitions.set(eventId(entry.epoch, sequence), entry);
    const [oldest] = this.#transitions.keys();
    if (this.#transitions.size > MAX_TRANSITIONS && oldest !== undefined) this.#transitions.delete(oldest);
  }

  #drop(): void {
    this.series.drop(this.#options.startedAt, () => false);
  }
}
