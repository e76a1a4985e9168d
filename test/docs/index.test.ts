/** docs/index.md leads to every page, every link leads somewhere, and every page says what it is for. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ALL_PAGES, type Link } from "./markdown.js";
import { path } from "./snippets.js";

const INDEX = "docs/index.md";
const PAGES = ALL_PAGES.filter((page) => page.path !== INDEX);
const BY_PATH = new Map(ALL_PAGES.map((page) => [page.path, page]));

const pagesLinkedFrom = (page: string): readonly string[] =>
  (BY_PATH.get(page)?.links ?? []).map(({ target }) => target).filter((target) => BY_PATH.has(target));

test("docs/index.md names every page, so that each is two clicks away from the README", () => {
  assert.ok(pagesLinkedFrom("README.md").includes(INDEX), "the README links to docs/index.md");
  const linked = pagesLinkedFrom(INDEX);
  const missing = PAGES.filter((page) => !linked.includes(page.path)).map((page) => page.path);
  assert.deepEqual(missing, [], "write a line for these pages in the fitting section of docs/index.md");
});

test("docs/index.md names a page in one section: the order of its lines is that of the site", () => {
  const text = readFileSync(path(INDEX), "utf8").slice(readFileSync(path(INDEX), "utf8").indexOf("\n## "));
  const linked = [...text.matchAll(/\]\(([^)]*)\)/g)].map(([, target]) => target);
  assert.deepEqual(
    linked.filter((target, index) => linked.indexOf(target) !== index),
    [],
  );
});

test("every link leads to a file, and to a heading of its page", () => {
  const isDead = ({ target, anchor }: Link) => {
    if (/^[a-z]+:/.test(target)) return false;
    return !existsSync(path(target)) || (anchor !== "" && BY_PATH.get(target)?.anchors.has(anchor) === false);
  };
  const links = ALL_PAGES.flatMap((page) => page.links);
  assert.ok(links.length > 500);
  assert.deepEqual(links.filter(isDead), []);
});

test("every page begins with a title of its own, and a sentence that says what it is for", () => {
  const titles = ALL_PAGES.map(({ title }) => title);
  assert.deepEqual(
    ALL_PAGES.filter(({ title }, index) => title === "" || titles.indexOf(title) !== index).map((page) => page.path),
    [],
  );
  const isSentence = (text: string) => /^[\w`[].{20,}?[.:](?: |$)/.test(text);
  assert.deepEqual(
    ALL_PAGES.filter(({ opening }) => !isSentence(opening)).map((page) => `${page.path}: ${page.opening.slice(0, 60)}`),
    [],
    "begin these pages with a sentence, not with a table, a list or a heading",
  );
});
