/**
 * What the journal of the history stores, as records of a journal.
 *
 *     {"type":"transition","key":"mjq2k8a1c7xz-58","value":{"at":1767225600000,"subject":"service","name":"orders",...}}
 *     {"type":"buckets","key":"orders","value":{"fine":[[5890752,300000,0,0,0,30,3153,4265,8834,5928]],"hourly":[]}}
 *                                                      '-- a row: see `BucketSeries.rows`
 *
 * A row replaces what an earlier record says of its bucket. A record of a type or a form that is not known is skipped:
 * another version may have written it.
 */
import { isView, serviceNameFault } from "../../core/service-name.js";
import type { JournalRecord } from "../journal-lines.js";
import { type BucketRow, PARTS, ROW_LENGTH } from "./bucket-series.js";
import type { SeriesRows } from "./service-history.js";
import { type EpochTransition, eventId, parseEventId } from "./transition-history.js";

const TRANSITION = "transition";
const BUCKETS = "buckets";

/** Rows of one record: a damaged one costs little. */
const MAX_ROWS = 72;

const MAX_UINT16 = 65_535;

/** Texts of a transition beside its name: states and reason codes. */
const MAX_TEXT_CHARACTERS = 200;

export type HistoryEntry =
  | { readonly kind: "transition"; readonly entry: EpochTransition }
  | { readonly kind: "buckets"; readonly name: string; readonly rows: SeriesRows };

export function transitionRecord({ epoch, transition }: EpochTransition): JournalRecord {
  const { sequence, ...value } = transition;
  return { type: TRANSITION, key: eventId(epoch, sequence), value };
}

/** The records of the rows of a service; none without rows. */
export function* bucketRecords(name: string, { fine, hourly }: SeriesRows): IterableIterator<JournalRecord> {
  for (let first = 0; first < Math.max(fine.length, hourly.length); first += MAX_ROWS) {
    const rowsFrom = (rows: readonly BucketRow[]) => rows.slice(first, first + MAX_ROWS);
    yield { type: BUCKETS, key: name, value: { fine: rowsFrom(fine), hourly: rowsFrom(hourly) } };
  }
}

/** Reads a record; `undefined` for one that is not known. */
export function parseHistoryRecord({ type, key, value }: JournalRecord): HistoryEntry | undefined {
  const fields = fieldsOf(value);
  if (fields === undefined) return undefined;
  if (type === TRANSITION) return parseTransition(key, fields);
  return type === BUCKETS ? parseBuckets(key, fields) : undefined;
}

type StoredValue = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): StoredValue | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function parseTransition(key: string, fields: StoredValue): HistoryEntry | undefined {
  const { epoch, sequence = 0 } = parseEventId(key) ?? {};
  const { at, subject, name, from, to, degraded, reason } = fields;
  if (epoch === undefined || (subject !== "service" && subject !== "check")) return undefined;
  if (typeof at !== "number" || !Number.isSafeInteger(Math.floor(at)) || at < 0) return undefined;
  if (typeof name !== "string" || !isText(from) || !isText(to) || typeof degraded !== "boolean") return undefined;
  const isName = isView(name) || serviceNameFault(name) === undefined;
  if (!isName || (reason !== undefined && !isText(reason))) return undefined;
  return {
    kind: "transition",
    entry: { epoch, transition: { sequence, at, subject, name, from, to, degraded, reason } },
  };
}

function parseBuckets(name: string, { fine, hourly }: StoredValue): HistoryEntry | undefined {
  if (serviceNameFault(name) !== undefined) return undefined;
  return { kind: "buckets", name, rows: { fine: rowsOf(fine), hourly: rowsOf(hourly) } };
}

function rowsOf(value: unknown): readonly BucketRow[] {
  return Array.isArray(value) ? value.filter(isRow) : [];
}

/** Milliseconds above the width of the bucket are cut where the row is used. */
function isRow(row: unknown): row is BucketRow {
  if (!Array.isArray(row) || row.length !== ROW_LENGTH) return false;
  for (const [index, field] of row.entries()) {
    if (!Number.isSafeInteger(field) || field < 0) return false;
    if (index > PARTS.length && field > MAX_UINT16) return false;
  }
  return true;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT_CHARACTERS;
}
