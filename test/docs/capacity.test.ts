/** docs/capacity.md: its tables are those of the bench, and what it says of them agrees with their figures. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHECK_CASES, checksTable } from "../../bench/capacity/checks.js";
import { DEFAULT_LIST_LIMIT, HISTORY_LIMITS } from "../../src/core/option.js";
import { DEFAULT_MAX_WATCHERS } from "../../src/transports/grpc/health-service.js";
import { path } from "./snippets.js";

const PAGE = readFileSync(path("docs/capacity.md"), "utf8");

/** The rows of a table of figures, as texts of cells. */
function figures(name: string): readonly (readonly string[])[] {
  const [, found = ""] = new RegExp(`<!-- figures: ${name} -->\\n((?:\\|.*\\n)+)`).exec(PAGE) ?? [];
  const rows = found.trim().split("\n");
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

const numberOf = (cell = "") => Number(cell.replaceAll(",", ""));

test("the table of checks is one of the bench, with a figure for each of its cases", () => {
  const head = checksTable(new Map()).split("\n")[0];
  const [found = [], , ...rows] = figures("checks");
  assert.deepEqual(
    found,
    head
      ?.slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
  const cells = rows.flatMap((row) => row.slice(2)).filter((cell) => cell !== "-");
  // the row without checks has the same figures for each scheme
  assert.equal(cells.length, 2 * (CHECK_CASES.length - 1 + 4));
});

test("a check and a probe need what the page says", () => {
  const [none = [], , , , many = []] = figures("checks").slice(2);
  const [checks, perSecond] = [numberOf(many[0]), numberOf(many[1])];
  for (const [column, name] of [
    [2, "http"],
    [4, "grpc"],
    [6, "tcp"],
  ] as const) {
    const kb = ((numberOf(many[column]) - numberOf(none[column])) * 1_000) / checks;
    assert.ok(kb > 10 && kb < 60, `${name}: ${kb} KB of a check`);
    const ms = numberOf(many[column + 1]) / perSecond;
    assert.ok(ms > 0.03 && ms < 0.6, `${name}: ${ms} ms of a probe`);
  }
});

test("a watcher and a request need what the page says", () => {
  const [, , one = [], , shared = []] = figures("watchers");
  assert.ok(numberOf(one[2]) < 25 && numberOf(shared[2]) < 16, "KB of a stream");
  const cpuUs = new Map(figures("requests").map(([name = "", us]) => [name, numberOf(us)]));
  assert.ok((cpuUs.get("a new connection for `GET /healthcheck`") ?? Number.NaN) < 1_000);
  assert.ok((cpuUs.get("the same with TLS") ?? Number.NaN) < 5_000);
  assert.ok((cpuUs.get("`/metrics`, 1,000 checks") ?? Number.NaN) < 15_000);
});

test("the limits are those of the code", () => {
  const number = (value: number) => value.toLocaleString("en");
  assert.ok(PAGE.includes(`| services in a \`List\` | ${number(DEFAULT_LIST_LIMIT)} |`));
  assert.ok(PAGE.includes(`| \`Watch\` streams | ${number(DEFAULT_MAX_WATCHERS)} |`));
  assert.ok(PAGE.includes(`| history in memory | ${HISTORY_LIMITS.defaultMemoryMb} MB |`));
});
