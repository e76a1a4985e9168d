/**
 * Latencies as drawings: a small line in a row, and the chart of a service's page. Pure.
 *
 *     buckets with latencies --> points, none where there is no latency --> a path with gaps
 */
import { latencyText } from "../../../core/status-words.js";
import type { Bucket } from "../../../telemetry/history/bucket-series.js";
import { type Html, html } from "./html.js";
import type { CellRange } from "./strip.js";

/** Cells of a strip for each point of the small line. */
const CELLS_PER_POINT = 2;

/** The distance of two points of the small line, and its height. */
const STEP = 4;
const SPARK_HEIGHT = 20;

const CHART = { width: 600, height: 120 } as const;

type Value = "avg" | "p95";

/** The small line of average latencies; `undefined` when there are none. */
export function drawSpark(buckets: readonly Bucket[], range: CellRange): Html | undefined {
  const count = range.count / CELLS_PER_POINT;
  const values = averages(buckets, { ...range, count, cellMs: range.cellMs * CELLS_PER_POINT }, "avg");
  const highest = highestOf(values);
  if (highest === undefined) return undefined;
  // the line stays below the top: its shape matters, and not its height
  const yOf = (value: number) => Math.round(SPARK_HEIGHT - 2 - (value / (highest * 1.25)) * (SPARK_HEIGHT - 4));
  const line = pathOf(values, { step: STEP, yOf });
  return html`<svg class="spark" aria-hidden="true" viewBox="0 0 ${(count - 1) * STEP} ${SPARK_HEIGHT}"><path d="${line}"/></svg>`;
}

/** A drawing, and what it shows in words. */
export interface Chart {
  readonly drawing: Html;
  readonly label: string;
}

/** The chart of a service: average and p95 of each cell, with the highest value as the scale. */
export function drawChart(buckets: readonly Bucket[], range: CellRange): Chart | undefined {
  const [averageLine, p95Line] = [averages(buckets, range, "avg"), averages(buckets, range, "p95")];
  const highest = highestOf(p95Line);
  if (highest === undefined) return undefined;
  const { width, height } = CHART;
  const scale = {
    step: width / (range.count - 1),
    yOf: (value: number) => Math.round(height - (value / highest) * (height - 8)),
  };
  const label = `average ${latencyText(mean(averageLine))}; 95 % of the probes took at most ${latencyText(highest)} (dotted)`;
  const lines = html`<path class="p95" d="${pathOf(p95Line, scale)}"/><path class="avg" d="${pathOf(averageLine, scale)}"/>`;
  const drawing = html`<svg class="chart" role="img" aria-label="Latency: ${label}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none">${lines}</svg>`;
  return { drawing, label };
}

/** The value of each cell, weighted by its probes. */
function averages(
  buckets: readonly Bucket[],
  { from, cellMs, count }: CellRange,
  field: Value,
): (number | undefined)[] {
  const sums = Array.from({ length: count }, () => ({ sum: 0, count: 0 }));
  for (const { at, latency } of buckets) {
    const cell = sums[Math.floor((at - from) / cellMs)];
    if (latency === undefined || cell === undefined) continue;
    cell.sum += latency[field] * latency.count;
    cell.count += latency.count;
  }
  return sums.map(({ sum, count }) => (count === 0 ? undefined : sum / count));
}

function highestOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function mean(values: readonly (number | undefined)[]): number {
  const known = values.filter((value) => value !== undefined);
  return known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
}

/** A line through the known values. A value between two gaps is a dot. */
function pathOf(
  values: readonly (number | undefined)[],
  { step, yOf }: { readonly step: number; readonly yOf: (value: number) => number },
): string {
  let path = "";
  let last: { readonly x: number; readonly y: number } | undefined;
  for (const [index, value] of values.entries()) {
    const point = value === undefined ? undefined : { x: Math.round(index * step), y: yOf(value) };
    // the command `l` is implied between its points
    if (point !== undefined && last === undefined) path += `M${point.x} ${point.y}l0 0`;
    else if (point !== undefined && last !== undefined) path += ` ${point.x - last.x} ${point.y - last.y}`;
    last = point;
  }
  return path.replaceAll(" -", "-");
}
