/**
 * Rows as lines of a table with a given width.
 *
 *     SERVICE              STATUS       SINCE     CHANGES  REASON
 *     acme.orders          NOT_SERVING  09:20:03        3  connection-refused
 *
 * The name and the reason share what the other columns leave. In a narrow terminal, times have no seconds, and a column
 * that has no room is left out: changes first, then since. The beginning of a long name is left out, because names of one
 * package differ at their end.
 */
import type { ServiceRow } from "./service-rows.js";
import { fitted, tableText, widthOf } from "./text-width.js";

/** Columns below which texts are short. */
const NARROW_COLUMNS = 80;

const MIN_NAME = 16;
const MIN_REASON = 12;
const SPACE = "  ";

/** The widths of the columns; 0 for one that is left out. */
export interface TableLayout {
  readonly name: number;
  readonly status: number;
  readonly since: number;
  readonly changes: number;
  readonly reason: number;
  readonly isNarrow: boolean;
}

/** The layout of a table of these rows. */
export function layoutOf(rows: readonly ServiceRow[], columns: number): TableLayout {
  const isNarrow = columns < NARROW_COLUMNS;
  const longest = (lengthOf: (row: ServiceRow) => number, least: number) =>
    rows.reduce((most, row) => Math.max(most, lengthOf(row)), least);
  const natural = longest(({ title }) => widthOf(title), "SERVICE".length);
  // wide enough for the next status that is likely: the columns do not move then
  const status = Math.min(
    columns,
    longest((row) => statusText(row).length, "NOT_SERVING".length),
  );
  const naturalReason = longest((row) => reasonText(row).length, "REASON".length);
  let [since, changes] = isNarrow ? [5, 3] : [11, 7];
  const fixed = () => [status, since, changes].reduce((sum, width) => sum + (width === 0 ? 0 : width + 2), 2);
  const least = Math.min(natural, MIN_NAME) + Math.min(naturalReason, MIN_REASON);
  if (fixed() + least > columns) changes = 0;
  if (fixed() + least > columns) since = 0;
  const shared = Math.max(0, columns - fixed());
  const name = Math.min(natural, Math.max(shared - Math.min(naturalReason, MIN_REASON), Math.min(shared, MIN_NAME)));
  return { name, status, since, changes, reason: Math.max(0, shared - name), isNarrow };
}

/** The line with the titles of the columns. */
export function titleLine({ name, status, since, changes, reason, isNarrow }: TableLayout): string {
  const cells = [
    [name, fitted("SERVICE", name)],
    [status, fitted("STATUS", status)],
    [since, fitted("SINCE", since)],
    [changes, fitted(isNarrow ? "CHG" : "CHANGES", changes)],
    [reason, fitted("REASON", reason)],
  ] as const;
  return joined(cells);
}

/** One row as a line, in the width of the layout. `paint` adds the colour of the status. */
export function rowLine(row: ServiceRow, layout: TableLayout, now: number, paint: (text: string) => string): string {
  const { name, status, since, changes, reason, isNarrow } = layout;
  const cells = [
    [name, fitted(row.title, name, "start")],
    [status, paint(fitted(statusText(row), status))],
    [since, fitted(sinceText(row.since, now, isNarrow), since)],
    [changes, String(row.changes).padStart(changes)],
    [reason, fitted(reasonText(row), reason)],
  ] as const;
  return joined(cells);
}

function joined(cells: readonly (readonly [width: number, text: string])[]): string {
  return cells
    .filter(([width]) => width > 0)
    .map(([, text]) => text)
    .join(SPACE)
    .trimEnd();
}

/** A status that is not current is never shown as one that is. */
export function statusText({ status, isCurrent, degraded }: ServiceRow): string {
  if (status === undefined) return "?";
  const shown = tableText(status) + (degraded === true ? " degraded" : "");
  return isCurrent ? shown : `was ${shown}`;
}

export function reasonText({ reason, fault }: ServiceRow): string {
  return tableText(fault ?? reason ?? "");
}

const DAY_MS = 86_400_000;

/** A time in UTC: of today `09:20:03`, of another day `11-26 09:20`; in a narrow table `09:20` and `11-26`. */
export function sinceText(since: number | undefined, now: number, isNarrow: boolean): string {
  if (since === undefined || Number.isNaN(new Date(since).getTime())) return "";
  const text = new Date(since).toISOString();
  const isToday = Math.floor(since / DAY_MS) === Math.floor(now / DAY_MS);
  if (isNarrow) return isToday ? text.slice(11, 16) : text.slice(5, 10);
  return isToday ? text.slice(11, 19) : `${text.slice(5, 10)} ${text.slice(11, 16)}`;
}
