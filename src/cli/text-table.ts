/** Rows in columns and times, as the commands print them. */

/** The last time that a Date can have. */
const MAX_TIME_MS = 8.64e15;

/** A time in UTC, to the second: `2026-11-27T05:00:00Z`. */
export function time(ms: number): string {
  if (ms > MAX_TIME_MS) return "?";
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Rows in columns; none without rows. The last column is as long as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  // no spread: a daemon may have 100,000 rows
  const widths = head.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
