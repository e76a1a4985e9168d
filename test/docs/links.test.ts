/** Every link within the repository leads to a file, and to a heading of it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, test } from "node:test";
import { path } from "./snippets.js";

const PAGES = [
  ...readdirSync(path(".")).filter((name) => name.endsWith(".md")),
  "bench/README.md",
  ...readdirSync(path("docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The text without code: a link in it is an example. */
const prose = (text: string) =>
  text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, " "));

/** The identifier that a heading gets: lower case, without punctuation, blanks as hyphens. */
const idOf = (heading: string) =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

function headingsOf(file: string): ReadonlySet<string> {
  const text = readFileSync(path(file), "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");
  const ids = new Set<string>();
  for (const [, heading = ""] of text.matchAll(/^#{1,6} (.+)$/gm)) {
    const id = idOf(heading);
    let unique = id;
    for (let count = 1; ids.has(unique); count += 1) unique = `${id}-${count}`;
    ids.add(unique);
  }
  return ids;
}

/** What is wrong with the links of one page. */
function brokenLinks(page: string, text: string): readonly string[] {
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return [];
    const [file = "", heading] = link.split("#");
    const target = file === "" ? page : normalize(join(dirname(page), file));
    if (!existsSync(path(target))) return [`${link}: no such file`];
    if (heading === undefined || statSync(path(target)).isDirectory()) return [];
    return headingsOf(target).has(heading) ? [] : [`${link}: no such heading`];
  });
}

describe("every link leads to a file and a heading", () => {
  for (const page of PAGES)
    test(page, () => {
      assert.deepEqual(brokenLinks(page, readFileSync(path(page), "utf8")), []);
    });

  test("a broken link is found", () => {
    const text = "[a](docs/nothing.md) [b](README.md#nothing) [c](#nothing) [d](docs/http2.md)";
    assert.equal(brokenLinks("README.md", text).length, 3);
    assert.deepEqual(brokenLinks("README.md", "[a](README.md#checks) [b](docs/http2.md#limits) `[c](x.md)`"), []);
  });
});
