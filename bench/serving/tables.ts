/** The tables of the report. A ratio is the figure of a contender divided by ours. */
import { OURS } from "../measuring/builds.js";
import { rounded } from "../measuring/figures.js";
import { type Goal, goalRows } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import type { Measured } from "./goals.js";
import { figureOf, type Result } from "./turns.js";

/** A column: header, figure and unit. */
type Column = readonly [head: string, figure: string, unit: string];

/** The whole report, as Markdown. */
export function reportText(measured: Measured, leftOut: readonly string[], goals: readonly Goal[]): string {
  const { checks, watches, manyWatchers, starts } = measured;
  const faults = Object.values(measured).flatMap((results: readonly Result[]) =>
    results.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`)),
  );
  return [
    section("Checks per second, and CPU time of the server per Check (in brackets: relative to healthbridge)", checks, [
      ["c=1 m=1", "one.perSecond", ""],
      ["CPU", "one.cpuMicros", " us"],
      ["c=50 m=1", "probers.perSecond", ""],
      ["CPU", "probers.cpuMicros", " us"],
      ["c=10 m=100", "many.perSecond", ""],
      ["CPU", "many.cpuMicros", " us"],
    ]),
    section("Under that load: memory, and the share of its core that the server used at c=50 m=1", checks, [
      ["RSS c=50 m=1", "probers.rssMb", " MB"],
      ["RSS c=10 m=100", "many.rssMb", " MB"],
      ["Core", "probers.coreShare", ""],
    ]),
    section("Latency of a Check at half load, on 50 connections", checks, [
      ["Half of own rate", "ownHalf.rate", ""],
      ["p50", "ownHalf.p50Us", " us"],
      ["p99", "ownHalf.p99Us", " us"],
      ["Half of grpc-go's rate", "markHalf.rate", ""],
      ["p50", "markHalf.p50Us", " us"],
      ["p99", "markHalf.p99Us", " us"],
    ]),
    section("Watchers: memory of each, and time until all have got a change", watches, [
      ["1,000 on 1,000", "thousand.rssKb", " KB"],
      ["change", "thousand.changeMs", " ms"],
      ["4,000 on 4,000", "fourThousand.rssKb", " KB"],
      ["change", "fourThousand.changeMs", " ms"],
      ["10,000 on 100", "shared.rssKb", " KB"],
      ["change", "shared.changeMs", " ms"],
    ]),
    section("50,000 watchers on 500 connections", manyWatchers, [
      ["RSS a watcher", "rssKb", " KB"],
      ["all established", "establishedMs", " ms"],
      ["change", "changeMs", " ms"],
      ["blocked, joining", "whileJoiningMs", " ms"],
      ["blocked, change", "longestBlockMs", " ms"],
    ]),
    section("Start", starts, [
      ["exec to first answer", "firstAnswerMs", " ms"],
      ["node -e 0", "nodeMs", " ms"],
    ]),
    list("Not measured", leftOut),
    list("Rounds that failed", faults),
    `\n## Goals\n\n${table(["Goal", "Measured", "Reached"], goalRows(goals))}`,
  ].join("");
}

function section(title: string, results: readonly Result[], columns: readonly Column[]): string {
  if (results.length === 0) return "";
  const rows = results.map(({ name }) => [name, ...columns.map((column) => cell(results, name, column))]);
  const head = ["Server", ...columns.map(([name]) => name)];
  return `\n## ${title}\n\n${table(head, rows)}\n`;
}

function cell(results: readonly Result[], name: string, [, figure, unit]: Column): string {
  const found = figureOf(results, name, figure);
  const ratio = found / figureOf(results, OURS, figure);
  const beside = name === OURS || Number.isNaN(ratio) ? "" : ` (${ratio.toFixed(2)})`;
  return Number.isNaN(found) ? "-" : `${rounded(found)}${unit}${beside}`;
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `\n## ${title}\n\n${lines.map((line) => `- ${line}\n`).join("")}`;
}
