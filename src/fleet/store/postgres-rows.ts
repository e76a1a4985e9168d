/** What the rows of PostgreSQL say: another user may have written some of them. */
import { type LogEntry, type Run, StoreError } from "./store.js";

/** Sequence and head of the last row that was read, by run. */
export type Places = Readonly<Record<Run, readonly [sequence: number, head: string]>>;

/** Runs of which a place in the log is remembered: rows of a forgotten one are read again, and are known then. */
const MAX_PLACES = 1_000;

export type StoreRow = Readonly<Record<string, unknown>>;

/** Whether there is no row after these. */
export const isWhole = (rows: readonly StoreRow[], pageRows: number) =>
  rows.length < pageRows && Number(rows[0]?.found ?? 0) === rows.length;

export function positionAfter(places: Places, rows: readonly StoreRow[]): string {
  const next = new Map(Object.entries(places));
  for (const { run, sequence, head } of rows) {
    next.delete(textOf(run)); // the last ones are those that write
    next.set(textOf(run), [Number(sequence), textOf(head)]);
  }
  return JSON.stringify(Object.fromEntries([...next].slice(-MAX_PLACES)));
}

export function entryOf({ run, head, cells }: StoreRow): LogEntry {
  // what another user has written may be of any form
  const pairs = parsed(textOf(cells)).filter(isPair);
  return {
    run: textOf(run),
    head: textOf(head),
    cells: new Map(pairs.map(([check, cell]) => [check, cell ?? undefined])),
  };
}

function parsed(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isPair(value: unknown): value is [string, string | null] {
  return Array.isArray(value) && typeof value[0] === "string" && (value[1] === null || typeof value[1] === "string");
}

export function columnsOf(pairs: readonly (readonly [string, string])[]): [checks: string[], cells: string[]] {
  return [pairs.map(([check]) => check), pairs.map(([, cell]) => cell)];
}

export function textOf(value: unknown): string {
  if (typeof value !== "string") throw new StoreError("protocol", "the store answered with another type than expected");
  return value;
}
