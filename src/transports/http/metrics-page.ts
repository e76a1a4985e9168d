/**
 * The page that Prometheus scrapes, in the format that the client prefers.
 *
 *     Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5   --> OpenMetrics
 *     Accept: text/plain, a wildcard, none, or OpenMetrics of another version                   --> text format
 *
 * A client gets OpenMetrics only if it names that type, and prefers nothing else that it would get. Source: RFC 9110,
 * section 12.5.1, and the Accept headers of Prometheus 2 and 3.
 */
import type { ExpositionFormat } from "../../telemetry/exposition.js";
import { type MediaRange, parseAccept } from "./accept.js";
import { textHeaders } from "./answers.js";
import type { Page } from "./page-renderer.js";
import type { Snapshot } from "./snapshot.js";

/** What makes the page, piece by piece. */
export interface MetricsPage {
  lines(format: ExpositionFormat): Iterable<string>;
  /** What it needs of another thread: called for each request. Default: nothing. */
  readonly prepare?: (() => Promise<void>) | undefined;
}

/** The media type of each format. */
export const METRICS_CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The ranges that mean the text format, the most specific one first. */
const TEXT_RANGES: readonly string[] = ["text/plain", "text/*", "*/*"];

export function metricsPage(metrics: MetricsPage, accept: string | undefined, snapshot: () => Snapshot): Page {
  const format = negotiateFormat(accept);
  const headers = textHeaders({ "content-type": METRICS_CONTENT_TYPES[format], vary: "Accept" });
  return {
    name: "metrics",
    key: `metrics ${format}`,
    isVolatile: true,
    snapshot,
    pieces: () => metrics.lines(format),
    envelope: () => ({ status: 200, headers, before: "", after: "" }),
  };
}

/** The format that an `Accept` header asks for. */
export function negotiateFormat(accept: string | undefined): ExpositionFormat {
  if (accept?.toLowerCase().includes("openmetrics") !== true) return "text";
  const ranges = parseAccept(accept);
  const openMetrics = ranges.filter(({ type, version }) => {
    return type === "application/openmetrics-text" && (version === undefined || version === "1.0.0");
  });
  const quality = Math.max(0, ...openMetrics.map((range) => range.quality));
  return quality > 0 && quality >= textQuality(ranges) ? "openmetrics" : "text";
}

/** Of several ranges that match, the most specific one counts. */
function textQuality(ranges: readonly MediaRange[]): number {
  for (const range of TEXT_RANGES) {
    const matching = ranges.filter(({ type, version }) => type === range && (version ?? "0.0.4") === "0.0.4");
    if (matching.length > 0) return Math.max(...matching.map(({ quality }) => quality));
  }
  return 0;
}
