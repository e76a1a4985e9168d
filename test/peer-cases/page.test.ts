/** docs/peer-cases.md and the titles of the tests of peers' cases say the same. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

/** Tests of which each number is a row of the page. */
const FILES: readonly string[] = [
  ...readdirSync(new URL("test/peer-cases", ROOT)).map((file) => `test/peer-cases/${file}`),
  ...readdirSync(new URL("test/interop", ROOT))
    .filter((file) => file.startsWith("peer-suites"))
    .map((file) => `test/interop/${file}`),
  ...["discovery", "xds"].flatMap((room) =>
    readdirSync(new URL(`test/transports/${room}`, ROOT)).map((file) => `test/transports/${room}/${file}`),
  ),
].filter((path) => path.endsWith(".test.ts") && !path.endsWith("/page.test.ts"));

/** The numbers at the end of the titles of a test. */
const numbersIn = (text: string): readonly string[] =>
  [...text.matchAll(/\[([A-Z]+\d+(?:, [A-Z]+\d+)*)\]["`]/g)].flatMap(([, list = ""]) => list.split(", "));

interface Row {
  readonly number: string;
  readonly file: string;
}

const rowsOf = (page: string): readonly Row[] =>
  [...page.matchAll(/^\| ([A-Z]+\d+) \| .* \| \[([\w.-]+)\]\(\.\.\/(.*)\) \|$/gm)].map(
    ([row, number = "", name = "", file = ""]) => {
      assert.equal(posix.basename(file), name, row);
      return { number, file };
    },
  );

/** What is wrong with the rows, given the numbers of each file. */
function faultsOf(rows: readonly Row[], numbers: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const known = rows.map(({ number }) => number);
  return [
    ...known.filter((number, at) => known.indexOf(number) !== at).map((number) => `${number} is there twice`),
    ...rows
      .filter(({ number, file }) => !numbers.get(file)?.includes(number))
      .map(({ number, file }) => `${number}: no title in ${file}`),
    ...[...numbers].flatMap(([file, list]) =>
      list.filter((number) => !known.includes(number)).map((number) => `${number} of ${file} is no row`),
    ),
  ];
}

test("each case has a row with the test that holds it, and each number in a title is a case", () => {
  const page = read("docs/peer-cases.md");
  const rows = rowsOf(page);
  assert.equal(rows.length, page.match(/^\| [A-Z]+\d+ \|/gm)?.length, "each row ends with a link to its test");
  assert.ok(rows.length >= 45, `${rows.length} rows`);
  assert.deepEqual(faultsOf(rows, new Map(FILES.map((path) => [path, numbersIn(read(path))]))), []);
});

test("a row without its test, a test without its row and a number twice are noticed", () => {
  const numbers = new Map([["a.test.ts", ["G1"]]]);
  const [good, other] = [
    { number: "G1", file: "a.test.ts" },
    { number: "G2", file: "a.test.ts" },
  ];
  assert.deepEqual(faultsOf([good], numbers), []);
  for (const rows of [[], [good, good], [good, other], [{ ...good, file: "b.test.ts" }]])
    assert.equal(faultsOf(rows, numbers).length, 1);
});
