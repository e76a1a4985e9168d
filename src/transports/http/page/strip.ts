/**
 * The past of a service in cells of equal length, and its drawings: pure.
 *
 *     buckets --> [ cell ][ cell ][ cell ] --runs of equal cells--> one line for each kind, with gaps between the cells
 *
 * A cell with several kinds of time has a kind of its own, so a short outage is not lost in it. The style draws each kind in
 * another colour, with another pattern and another height.
 */
import { percentText, spanText } from "../../../core/status-words.js";
import { addTimes, noTimes, type PartTimes } from "../../../telemetry/history/bucket-series.js";
import type { PastOfService } from "../../../telemetry/history/service-history.js";
import { UPTIMES, type Uptime } from "../history-range.js";
import { uptimeOf } from "../uptime.js";
import { type Html, html } from "./html.js";

/** Part of the time in a cell was an outage: `mixed`. `none`: no data. */
export type CellKind = "serving" | "down" | "mixed" | "unknown" | "maintenance" | "none";

const HOUR_MS = 3_600_000;

/** The length of a cell: a multiple of the history's buckets. */
const CELL_MS: Readonly<Record<Uptime, number>> = { "24h": HOUR_MS / 2, "7d": 3 * HOUR_MS, "30d": 12 * HOUR_MS };

export const RANGE_WORDS: Readonly<Record<Uptime, string>> = {
  "24h": "last 24 hours",
  "7d": "last 7 days",
  "30d": "last 30 days",
};

/** The cells of a range. */
export interface CellRange {
  readonly range: Uptime;
  /** Wall time, in milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly cellMs: number;
  readonly count: number;
}

/** The range that ends with the cell of now. */
export function cellRange(range: Uptime, now: number): CellRange {
  const cellMs = CELL_MS[range];
  const count = (UPTIMES[range] * HOUR_MS) / cellMs;
  const to = (Math.floor(now / cellMs) + 1) * cellMs;
  return { range, from: to - count * cellMs, to, cellMs, count };
}

/** The kind of each cell. */
export function cellsOf({ buckets }: Pick<PastOfService, "buckets">, { from, cellMs, count }: CellRange): CellKind[] {
  const sums = Array.from({ length: count }, noTimes);
  for (const { at, parts } of buckets) {
    const sum = sums[Math.floor((at - from) / cellMs)];
    if (sum !== undefined) addTimes(sum, parts);
  }
  return sums.map(kindOf);
}

/** A shorter time is not shown beside an outage. */
const MIN_UNKNOWN_MS = 1_000;

function kindOf({ serving, notServing, unknown, maintenance }: Readonly<PartTimes>): CellKind {
  // before its first result, a service is unknown for a moment
  const other = serving + maintenance + (unknown < MIN_UNKNOWN_MS ? 0 : unknown);
  if (notServing > 0) return other > 0 ? "mixed" : "down";
  if (maintenance > 0) return "maintenance";
  if (serving + unknown === 0) return "none";
  return unknown > serving ? "unknown" : "serving";
}

/** The length of a cell in the drawing, and its height. */
const CELL = 5;
const HEIGHT = 20;

/** Kinds that are drawn with a pattern of their name, which the page defines once. */
const PATTERNED: ReadonlySet<CellKind> = new Set(["mixed", "unknown", "maintenance"]);

/** Draws a strip. Its label says what it shows. */
export function drawStrip(cells: readonly CellKind[], label: string): Html {
  const lines = new Map<CellKind, string>();
  for (let at = 0; at < cells.length; ) {
    const kind = cells[at] ?? "none";
    let end = at + 1;
    while (end < cells.length && cells[end] === kind) end += 1;
    lines.set(kind, `${lines.get(kind) ?? ""}M${at * CELL} 10h${(end - at) * CELL}`);
    at = end;
  }
  const paths = [...lines].map(([kind, line]) => drawCells(kind, line));
  const width = cells.length * CELL;
  return html`<svg class="strip" role="img" aria-label="${label}" viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none">${paths}</svg>`;
}

/** Draws the cells of one kind along a line. */
export function drawCells(kind: CellKind, line: string): Html {
  const pattern = PATTERNED.has(kind) ? html` stroke="url(#${kind})"` : undefined;
  return html`<path class="${kind}"${pattern} d="${line}"/>`;
}

/** What a strip shows, in words: `orders, last 24 hours: 99.79 % serving, 1 outage of 3 min`. */
export function stripLabel(name: string, past: PastOfService | undefined, range: Uptime): string {
  return `${name}, ${RANGE_WORDS[range]}: ${past === undefined ? "no data" : summaryOf(past)}`;
}

/** A shorter time would be "0 s", as that of the start. An outage is always shown. */
const SHOWN_MS = 1_000;

export function summaryOf(past: PastOfService): string {
  const { parts } = past;
  const uptime = uptimeOf(past);
  const words = [
    uptime === undefined ? "no data" : `${percentText(uptime)} serving`,
    outageText(past),
    parts.unknown >= SHOWN_MS ? `unknown for ${spanText(parts.unknown)}` : "",
    parts.maintenance >= SHOWN_MS ? `in maintenance for ${spanText(parts.maintenance)}` : "",
  ];
  return words.filter((text) => text !== "").join(", ");
}

/** Outages in a row of buckets are one. */
function outageText({ buckets, bucketMs, parts: { notServing } }: PastOfService): string {
  let count = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  for (const { at, parts } of buckets) {
    if (parts.notServing === 0) continue;
    if (at > lastAt + bucketMs) count += 1;
    lastAt = at;
  }
  if (count === 0) return "";
  return count === 1 ? `1 outage of ${spanText(notServing)}` : `${count} outages, ${spanText(notServing)} in all`;
}
