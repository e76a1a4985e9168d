/**
 * Every number and every link leads somewhere: docs/conformance.md and the titles of the tests say the same, each known
 * fault that is cited is a section of docs/known-faults.md, and nothing points to a file outside of the repository.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { posix, sep } from "node:path";
import { test } from "node:test";

const ROOT = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

/** Files that a tool makes, or that others wrote. */
const NOT_OURS = /(?:^|\/)(?:node_modules|dist|results|\.cache|fixtures)\//;
const IS_TEXT = /\.(?:ts|js|json|md|yml|yaml|proto|go|java|cc|py|rs)$/;

/** The text files of the repository that a reader may open, relative to its root. */
const FILES: readonly string[] = ["src", "test", "bench", "docs", "deploy", "proto"]
  .flatMap((room) =>
    readdirSync(new URL(room, ROOT), { recursive: true, encoding: "utf8" }).map(
      (path) => `${room}/${path.split(sep).join("/")}`,
    ),
  )
  .concat("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "package.json", "esbuild.config.js")
  .filter((path) => IS_TEXT.test(path) && !NOT_OURS.test(path) && statSync(new URL(path, ROOT)).isFile());

const PAGE = "docs/conformance.md";
const FAULTS = "docs/known-faults.md";

/** These name rows without proving them: lists of what another implementation fails, or answers differently. */
const NAMES_ROWS_ONLY = [
  "test/citations.test.ts",
  "test/conformance/control.test.ts",
  "test/conformance/grpc-js-frames.test.ts",
  "test/conformance/handler.test.ts",
  "test/fuzz/wanted-differences.ts",
];

/** The numbers in the titles of a file: `... [A1, A2]`, or the first column of a table whose titles end with it. */
function numbersIn(path: string, text: string): ReadonlySet<string> {
  const atTheEnd = [...text.matchAll(/\[([A-C]\d+(?:, [A-C]\d+)*)\]["`]/g)].flatMap(([, list = ""]) =>
    list.split(", "),
  );
  const frames = path.startsWith("test/conformance/bad-frame") ? text.matchAll(/\brow: "(B\d+)"/g) : [];
  const rows = /\[B\$\{number\}\]`/.test(text) ? text.matchAll(/^\s*\[?(\d+),(?: "|$)/gm) : [];
  return new Set([
    ...atTheEnd,
    ...[...frames].map(([, number = ""]) => number),
    ...[...rows].map(([, number]) => `B${number}`),
  ]);
}

/** Each number in the titles of the tests, with the files that have it. */
const TITLES: ReadonlyMap<string, readonly string[]> = (() => {
  const files = new Map<string, readonly string[]>();
  for (const path of FILES.filter((each) => each.startsWith("test/") && !NAMES_ROWS_ONLY.includes(each)).sort())
    for (const number of numbersIn(path, read(path))) files.set(number, [...(files.get(number) ?? []), path]);
  return files;
})();

interface Row {
  readonly number: string;
  readonly isFailedByTheControl: boolean;
  readonly tests: string;
}

function rowsOf(page: string): readonly Row[] {
  return [...page.matchAll(/^\| ([A-C]\d+)( †)? \| .* \| (.*) \|$/gm)].map(([, number = "", dagger, tests = ""]) => ({
    number,
    isFailedByTheControl: dagger !== undefined,
    tests,
  }));
}

const linkTo = (path: string): string => `[${posix.basename(path)}](../${path})`;

/** What is wrong with the rows, given the titles. */
function faultsOf(rows: readonly Row[], titles: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const numbers = rows.map(({ number }) => number);
  const twice = numbers.filter((number, index) => numbers.indexOf(number) !== index);
  const unknown = [...titles].filter(([number]) => !numbers.includes(number));
  return [
    ...twice.map((number) => `${number} is there twice`),
    ...unknown.map(([number, files]) => `${number} is no row, but in a title of ${files.join(" and ")}`),
    ...rows.flatMap(({ number, tests }) => {
      const expected = titles.get(number)?.map(linkTo).join(", ");
      if (expected === undefined)
        return /^(?:planned|not yet tested)$/.test(tests) ? [] : [`${number}: no title has it, so "not yet tested"`];
      return tests === expected ? [] : [`${number}: the tests are ${expected}`];
    }),
  ];
}

test("docs/conformance.md has a row for each number in a title, with the files that test it", () => {
  const rows = rowsOf(read(PAGE));
  assert.ok(rows.length > 250 && TITLES.size > 230, `${rows.length} rows, ${TITLES.size} numbers`);
  assert.deepEqual(faultsOf(rows, TITLES), []);
});

test("it marks the rows that grpc-health-check is seen to fail", () => {
  const list = /const FAILS = \[([^\]]*)\]/.exec(read("test/conformance/control.test.ts"))?.[1] ?? "";
  const marked = rowsOf(read(PAGE)).filter(({ isFailedByTheControl }) => isFailedByTheControl);
  assert.deepEqual(
    marked.map(({ number }) => number),
    [...list.matchAll(/"(\w+)"/g)].map(([, number]) => number),
  );
});

test("a row without its test, a test without its row, a wrong file and a number twice are noticed", () => {
  const row = (number: string, tests: string): Row => ({ number, tests, isFailedByTheControl: false });
  const titles = new Map([["A1", ["test/a.test.ts"]]]);
  const good = row("A1", "[a.test.ts](../test/a.test.ts)");
  assert.deepEqual(faultsOf([good, row("A2", "planned")], titles), []);
  assert.equal(faultsOf([], titles).length, 1);
  assert.equal(faultsOf([good, row("A2", "[a.test.ts](../test/a.test.ts)")], titles).length, 1);
  assert.equal(faultsOf([row("A1", "planned")], titles).length, 1);
  assert.equal(faultsOf([row("A1", "[b.test.ts](../test/b.test.ts)")], titles).length, 1);
  assert.equal(faultsOf([good, good], titles).length, 1);
});

const OLD_TITLE = /["`][A-C]\d+(?:(?:, ?| |-)[A-C]\d+)*:? [a-z$]/;

test("a title begins with its sentence, and ends with its numbers", () => {
  const faults = FILES.filter((path) => path.startsWith("test/") && path !== "test/citations.test.ts").flatMap((path) =>
    read(path)
      .split("\n")
      .filter((line) => OLD_TITLE.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  assert.deepEqual(faults, []);
  for (const line of ['test("A1 a name', 'test("A1: a name', "`B9, B10: a name`", '"B61-B65 what is'])
    assert.match(line, OLD_TITLE);
  for (const line of ['test("a name [A1]"', 'row: "B17, A50"', '"gRFC A17: the wait'])
    assert.doesNotMatch(line, OLD_TITLE);
});

/** Pages of gRPC's own repository are cited as `doc/NAME.md`; ours are in `docs`. An address is a link. */
const IS_ELSEWHERE = /^(?:doc\/|\/\/)/;

/** These name pages in code: the test of the docs reads them by their name, and this one has examples. */
const NAMES_PAGES_IN_CODE = ["test/citations.test.ts", "test/docs.test.ts"];

/** The Markdown files that a text names and that are not in the repository: neither from its root nor beside the text. */
function missingPages(path: string, text: string): readonly string[] {
  return [...text.matchAll(/(?<![\w./-])[\w./-]*\w\.md\b(?!x)/g)]
    .map(([page]) => page)
    .filter((page) => !IS_ELSEWHERE.test(page))
    .filter((page) => {
      const beside = posix.join(posix.dirname(path), page);
      return ![page, beside].some((each) => !each.startsWith("..") && existsSync(new URL(each, ROOT)));
    });
}

test("every page that is named is in the repository, with its folder", () => {
  const faults = FILES.filter((path) => !NAMES_PAGES_IN_CODE.includes(path)).flatMap((path) =>
    missingPages(path, read(path)).map((page) => `${path}: ${page}`),
  );
  assert.deepEqual(faults, []);
  assert.deepEqual(missingPages("src/a/b.ts", "docs/conformance.md A16, and https://x.org/y.md"), []);
  assert.deepEqual(missingPages("src/a/b.ts", "part E of conformance.md, and ../notes/x.md"), [
    "conformance.md",
    "../notes/x.md",
  ]);
});

/** The numbers that headings of a page begin with. */
const sectionsOf = (page: string): ReadonlySet<string> =>
  new Set([...page.matchAll(/^#+ (\d+(?:\.\d+)?)\.? /gm)].map(([, number = ""]) => number));

test("every known fault that is cited is a section of docs/known-faults.md", () => {
  const sections = sectionsOf(read(FAULTS));
  const cited = FILES.filter((path) => path !== FAULTS).flatMap((path) =>
    [
      ...read(path).matchAll(/(?:known[- ]faults?|known-faults\.md,?) (\d+(?:\.\d+)?(?:(?:, | and )\d+(?:\.\d+)?)*)/g),
    ].flatMap(([, list = ""]) => list.split(/, | and /).map((number) => ({ path, number }))),
  );
  assert.ok(cited.length > 10 && sections.size > 15, `${cited.length} citations, ${sections.size} sections`);
  assert.deepEqual(
    cited.filter(({ number }) => !sections.has(number)),
    [],
  );
});

test("every row of docs/conformance.md that is cited is there", () => {
  const numbers = rowsOf(read(PAGE)).map(({ number }) => number);
  const cited = FILES.flatMap((path) =>
    [...read(path).matchAll(/(?:conformance\.md,?|\b[Rr]ows?) ([A-C]\d+(?:(?:, | and | to |-)[A-C]\d+)*)/g)].flatMap(
      ([, list = ""]) => list.split(/, | and | to |-/).map((number) => ({ path, number })),
    ),
  );
  assert.ok(cited.length >= 5, `${cited.length} citations`);
  assert.deepEqual(
    cited.filter(({ number }) => !numbers.includes(number)),
    [],
  );
});

/** The anchor that GitHub makes of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

test("every link in the docs leads to a file, and to a heading where it names one", () => {
  const pages = FILES.filter((path) => path.endsWith(".md"));
  const broken = pages.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(([link, file = "", anchor]) => {
      const target = file === "" ? path : posix.join(posix.dirname(path), file);
      if (!existsSync(new URL(target, ROOT))) return [`${path}: ${link}`];
      if (anchor === undefined) return [];
      const anchors = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));
      return anchors.includes(anchor) ? [] : [`${path}: ${link}`];
    }),
  );
  assert.ok(pages.length >= 8);
  assert.deepEqual(broken, []);
});
