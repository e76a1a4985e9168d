/**
 * One metric with all its series, as pieces of text, in either format of Prometheus.
 *
 *     text format 0.0.4                        OpenMetrics 1.0.0
 *     # HELP hits_total help text              # HELP hits help text      \, line feed and here also " are escaped
 *     # TYPE hits_total counter                # TYPE hits counter        the family has no suffix, the sample has it
 *     hits_total{label="value"} 1              hits_total{label="value"} 1
 *     wait_seconds_bucket{le="1"} 1            wait_seconds_bucket{le="1.0"} 1
 *                                              # UNIT wait_seconds seconds
 *                                              # EOF
 *
 * Sources: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format", and
 * prometheus.io/docs/specs/om/open_metrics_spec.
 */
import { printable } from "../core/printable.js";
import { BUCKETS_SECONDS, type DurationCounts } from "./counts.js";
import type { MetricRow } from "./metric-table.js";

/** A format of the page. */
export type ExpositionFormat = "text" | "openmetrics";

/** One series of a metric: the values of its labels in the order of the table, and what it holds. */
export interface Series {
  readonly labels: readonly string[];
  readonly value: number | DurationCounts;
}

/** Writes a metric: a piece for its head, and one for each series. */
export function* writeMetric(
  row: MetricRow,
  series: Iterable<Series>,
  format: ExpositionFormat = "text",
): IterableIterator<string> {
  const { name } = row;
  yield format === "text" ? textHead(row) : openMetricsHead(row);
  for (const { labels, value } of series) {
    const text = labelsText(row.labels, labels);
    yield typeof value === "number" ? sampleLine(name, text, value) : histogramLines(name, text, value, BOUNDS[format]);
  }
}

function textHead({ name, help, type }: MetricRow): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
}

function openMetricsHead({ name, help, type }: MetricRow): string {
  const isInfo = name.endsWith("_info");
  const family = isInfo || type === "counter" ? name.replace(/_(?:info|total)$/, "") : name;
  const [, unit] = /_(seconds|bytes)$/.exec(family) ?? [];
  const unitLine = unit === undefined ? "" : `# UNIT ${family} ${unit}\n`;
  const helpText = escapeHelp(help).replaceAll('"', '\\"');
  return `# HELP ${family} ${helpText}\n# TYPE ${family} ${isInfo ? "info" : type}\n${unitLine}`;
}

function histogramLines(name: string, labels: string, durations: DurationCounts, bounds: readonly string[]): string {
  const prefix = labels === "" ? `${name}_bucket{` : `${name}_bucket{${labels},`;
  let text = "";
  let count = 0;
  for (let index = 0; index < bounds.length; index += 1) {
    count += durations.inBucket[index] ?? 0;
    text += `${prefix}${bounds[index]} ${count}\n`;
  }
  text += `${prefix}le="+Inf"} ${durations.count}\n`;
  text += sampleLine(`${name}_sum`, labels, durations.sumSeconds);
  return text + sampleLine(`${name}_count`, labels, durations.count);
}

/** The last label of a bucket's line. OpenMetrics wants a decimal point in each. */
const BOUNDS: Readonly<Record<ExpositionFormat, readonly string[]>> = {
  text: BUCKETS_SECONDS.map((bound) => `le="${bound}"}`),
  openmetrics: BUCKETS_SECONDS.map((bound) => `le="${Number.isInteger(bound) ? bound.toFixed(1) : bound}"}`),
};

function sampleLine(name: string, labels: string, value: number): string {
  return labels === "" ? `${name} ${formatValue(value)}\n` : `${name}{${labels}} ${formatValue(value)}\n`;
}

function labelsText(names: readonly string[], values: readonly string[]): string {
  let text = "";
  for (let index = 0; index < names.length; index += 1)
    text += `${index === 0 ? "" : ","}${names[index]}="${escapeLabel(values[index] ?? "")}"`;
  return text;
}

/** A number as Go's `ParseFloat` reads it. */
function formatValue(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(label: string): string {
  // a line feed has an escape of its own
  const value = /[\n\t]/.test(label) ? label.replace(/[^\n\t]+/g, printable) : printable(label);
  if (!/["\\\n]/.test(value)) return value;
  return escapeHelp(value).replaceAll('"', '\\"');
}
