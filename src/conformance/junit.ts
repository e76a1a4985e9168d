/**
 * The report as JUnit XML: a test suite for each group, a test case for each row, a breach as a failure, and a row that was
 * not tried as skipped. Source: the schema that Jenkins, GitLab and GitHub's actions read (testmoapp/junitxml).
 */
import { printable } from "../core/printable.js";
import type { ConformanceReport, RowReport } from "./report.js";
import { GROUPS } from "./table.js";

export function junitXml(report: ConformanceReport): string {
  const suites = Object.entries(GROUPS).flatMap(([group, title]) => {
    const rows = report.rows.filter((row) => row.group === group);
    return rows.length === 0 ? [] : suiteLines(title, rows);
  });
  const { holds, breaks, notTried } = report.summary;
  const counts = countsOf(holds + breaks + notTried, breaks, notTried);
  const name = `${attribute("name", `conformance of ${report.address}`)}`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${name} ${counts} ${seconds(report.durationMs)}>`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

/** The report of a run in which no row could be tried. */
export function junitErrorXml(address: string, why: string): string {
  const name = attribute("name", `conformance of ${address}`);
  const counts = 'tests="1" failures="0" errors="1" skipped="0" time="0.000"';
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${name} ${counts}>`,
    `  <testsuite name="Connection" ${counts}>`,
    `    <testcase name="connection" classname="conformance" time="0.000"><error ${attribute("message", why)}/></testcase>`,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function suiteLines(title: string, rows: readonly RowReport[]): readonly string[] {
  const count = (verdict: RowReport["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
  const totalMs = rows.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return [
    `  <testsuite ${attribute("name", title)} ${countsOf(rows.length, count("breaks"), count("not-tried"))} ${seconds(totalMs)}>`,
    ...rows.map(caseLine),
    "  </testsuite>",
  ];
}

function countsOf(tests: number, failures: number, skipped: number): string {
  return `tests="${tests}" failures="${failures}" errors="0" skipped="${skipped}"`;
}

function caseLine(row: RowReport): string {
  const head = `    <testcase ${attribute("name", row.id)} ${attribute("classname", `conformance.${row.group}`)} ${seconds(row.durationMs)}`;
  switch (row.verdict) {
    case "holds":
      return `${head}/>`;
    case "not-tried":
      return `${head}><skipped ${attribute("message", row.why ?? "")}/></testcase>`;
    case "breaks":
      return `${head}><failure ${attribute("message", row.rule)} ${attribute("type", row.severity)}>${text(failureText(row))}</failure></testcase>`;
    default:
      return row.verdict satisfies never;
  }
}

function failureText({ sent, expected, received, source }: RowReport): string {
  return `sent: ${sent}\nexpected: ${expected}\nreceived: ${received}\nsource: ${source.title}, ${source.url}`;
}

function seconds(ms: number): string {
  return `time="${(ms / 1000).toFixed(3)}"`;
}

function attribute(name: string, value: string): string {
  return `${name}="${text(printable(value)).replaceAll('"', "&quot;")}"`;
}

/** XML 1.0 has no place for control characters, escaped or not: `printable` has replaced them. */
function text(value: string): string {
  const lines = value.split("\n").map(printable).join("\n");
  return lines
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/[\ud800-\udfff\ufffe\uffff]/g, "\ufffd");
}
