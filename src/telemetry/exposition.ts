/**
 * Prometheus' text format 0.0.4: one metric with all its series, as pieces of text.
 *
 *     # HELP name help text                    help: \ and line feed are escaped
 *     # TYPE name gauge
 *     name{label="value",other="value"} 1.5    values of labels: " as well
 *
 * Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
 */
import { printable } from "../core/printable.js";
import { BUCKETS_SECONDS, type Durations } from "./counts.js";
import type { MetricRow } from "./metric-table.js";

/** One series of a metric: the values of its labels in the order of the table, and what it holds. */
export interface Series {
  readonly labels: readonly string[];
  readonly value: number | Durations;
}

/** Writes a metric: a piece for its head, and one for each series. */
export function* writeMetric(row: MetricRow, series: Iterable<Series>): IterableIterator<string> {
  const { name, help, type } = row;
  yield `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  for (const { labels, value } of series) {
    const text = labelsText(row.labels, labels);
    yield typeof value === "number" ? sampleLine(name, text, value) : histogramLines(name, text, value);
  }
}

function histogramLines(name: string, labels: string, durations: Durations): string {
  const prefix = labels === "" ? `${name}_bucket{` : `${name}_bucket{${labels},`;
  let text = "";
  let count = 0;
  for (let index = 0; index < BOUNDS.length; index += 1) {
    count += durations.inBucket[index] ?? 0;
    text += `${prefix}${BOUNDS[index]} ${count}\n`;
  }
  text += `${prefix}le="+Inf"} ${durations.count}\n`;
  text += sampleLine(`${name}_sum`, labels, durations.sumSeconds);
  return text + sampleLine(`${name}_count`, labels, durations.count);
}

/** The last label of a bucket's line. */
const BOUNDS: readonly string[] = BUCKETS_SECONDS.map((bound) => `le="${bound}"}`);

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
