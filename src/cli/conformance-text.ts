/**
 * The report of `healthbridge conformance` as text: a line for each row that holds or was not tried, and all that is known
 * of a breach.
 *
 *     breaks     watch-unknown  must
 *                Watch of a service that the server does not know sends SERVICE_UNKNOWN, and the stream stays open.
 *                sent       Watch of healthbridge.conformance.watch-unknown
 *                expected   SERVICE_UNKNOWN, and the stream stays open
 *                received   grpc-status 5 NOT_FOUND "unknown service"
 *                source     grpc/health/v1/health.proto, https://github.com/grpc/...
 */
import { styleText } from "node:util";
import type { ConformanceReport, RowReport } from "../conformance/report.js";
import type { ConformanceRow } from "../conformance/row.js";
import { GROUPS } from "../conformance/table.js";
import { printable } from "../core/printable.js";

const STYLES = { holds: "green", breaks: "red", "not-tried": "yellow" } as const;

const WORDS: Readonly<Record<RowReport["verdict"], string>> = {
  holds: "holds",
  breaks: "breaks",
  "not-tried": "not tried",
};

const INDENT = " ".repeat(11);

/** One row, and the title of its group before the first. */
export function rowText(row: RowReport, isFirstOfGroup: boolean, colour: boolean): string {
  const word = WORDS[row.verdict].padEnd(INDENT.length - 1);
  const shown = colour ? styleText(STYLES[row.verdict], word, { validateStream: false }) : word;
  const title = isFirstOfGroup ? [`${GROUPS[row.group]}`] : [];
  const lines = [...title, `${shown} ${row.id}${tailOf(row)}`, ...breachLines(row)];
  return `${lines.join("\n")}\n`;
}

function tailOf({ verdict, severity, why }: RowReport): string {
  if (verdict === "breaks") return `  ${severity}`;
  return why === null ? "" : `: ${printable(why)}`;
}

function breachLines({ verdict, rule, sent, expected, received, source }: RowReport): readonly string[] {
  if (verdict !== "breaks") return [];
  const fields = [
    ["sent", sent],
    ["expected", expected],
    ["received", received],
    ["source", `${source.title}, ${source.url}`],
  ] as const;
  return [
    `${INDENT}${rule}`,
    ...fields.map(([name, value]) => `${INDENT}${name.padEnd(10)} ${printable(value ?? "")}`),
  ];
}

export function summaryText({ summary, durationMs }: ConformanceReport): string {
  const { holds, breaks, notTried } = summary;
  return `${holds} hold, ${breaks} break, ${notTried} not tried (${(durationMs / 1000).toFixed(1)} s)\n`;
}

/** The table of rows, for `--list-rows`. */
export function listText(rows: readonly ConformanceRow[]): string {
  const width = Math.max(...rows.map(({ id }) => id.length));
  const lines = rows.map(({ id, severity, rule, needsControl }) => {
    return `${id.padEnd(width)}  ${severity.padEnd(6)}  ${rule}${needsControl === true ? " (--control)" : ""}`;
  });
  return `${lines.join("\n")}\n`;
}
