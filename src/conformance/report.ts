/** The report of a run as plain data: the form of `--json`. */
import type { RowGroup, Severity, Source } from "./row.js";
import type { RowResult } from "./run.js";

/** One row. What is not known is null. */
export interface RowReport {
  readonly id: string;
  readonly group: RowGroup;
  readonly rule: string;
  readonly severity: Severity;
  readonly source: Source;
  readonly verdict: "holds" | "breaks" | "not-tried";
  /** What was sent, expected and received if the row is broken; otherwise null. */
  readonly sent: string | null;
  readonly expected: string | null;
  readonly received: string | null;
  /** Why the row was not tried. */
  readonly why: string | null;
  readonly durationMs: number;
}

export interface ConformanceReport {
  readonly address: string;
  /** The service that the rows asked for; null when none was known. */
  readonly service: string | null;
  readonly summary: { readonly holds: number; readonly breaks: number; readonly notTried: number };
  readonly durationMs: number;
  readonly rows: readonly RowReport[];
}

export function rowReport({ row, verdict, durationMs }: RowResult): RowReport {
  const { id, group, rule, severity, source } = row;
  const { sent, expected, received } =
    verdict.kind === "breaks" ? verdict : { sent: null, expected: null, received: null };
  const why = verdict.kind === "not-tried" ? verdict.why : null;
  const rounded = Math.round(durationMs);
  return {
    id,
    group,
    rule,
    severity,
    source,
    verdict: verdict.kind,
    sent,
    expected,
    received,
    why,
    durationMs: rounded,
  };
}

export function conformanceReport(
  address: string,
  service: string | undefined,
  run: { readonly results: readonly RowResult[]; readonly durationMs: number },
): ConformanceReport {
  const rows = run.results.map(rowReport);
  const count = (verdict: RowReport["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
  const summary = { holds: count("holds"), breaks: count("breaks"), notTried: count("not-tried") };
  return { address, service: service ?? null, summary, durationMs: Math.round(run.durationMs), rows };
}
