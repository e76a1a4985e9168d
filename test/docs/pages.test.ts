/** The pages of the kinds of targets, and the page of the reasons, say what the code says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REASONS } from "../../src/core/reasons.js";
import { SCHEMES } from "../../src/probers/schemes.js";
import { configKeys } from "../support/config-table.js";
import { tableOf } from "../support/readme.js";
import { PAGES } from "./pages.js";

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

/** Options that a page has beside those of its schemes' probers. */
const FURTHER_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  flower: ["forgetAfter"],
  exec: ["exec", "expect"],
  function: [],
  heartbeat: ["heartbeat"],
};

/** The keys of one check in the configuration, with their defaults. */
const KEYS: ReadonlyMap<string, string | undefined> = new Map(
  configKeys()
    .filter(([path]) => path.startsWith("checks.NAME."))
    .map(([path, meaning]) => [path.slice("checks.NAME.".length), /Default:? (.*)\.$/.exec(meaning)?.[1]]),
);

const withoutTicks = (cell: string | undefined) => (cell ?? "").replaceAll("`", "");

/** The rows of the table of options of a page; none where it has no table. */
function optionsOf(text: string): readonly (readonly [option: string, fallback: string])[] {
  if (!text.includes("<!-- table: options -->")) return [];
  return tableOf(text, "options").map(([option, fallback]) => [withoutTicks(option), withoutTicks(fallback)]);
}

function reasonsOf(text: string): readonly string[] {
  return [...text.matchAll(/<!-- table: ([\w-]+) -->/g)]
    .filter(([, name = ""]) => name.startsWith("reasons"))
    .flatMap(([, name = ""]) => tableOf(text, name).map(([reason]) => withoutTicks(reason)));
}

test("every scheme has one page, and no page names another scheme", () => {
  assert.deepEqual(PAGES.flatMap(({ schemes }) => schemes).sort(), Object.keys(SCHEMES).sort());
});

test("the page of the targets links to every page, with its schemes", () => {
  const index = read("docs/targets.md");
  for (const { name, schemes } of PAGES) {
    const link = `(targets/${name}.md)`;
    const row = index.split("\n").find((line) => line.includes(link));
    assert.ok(row !== undefined, `${name} is linked`);
    for (const scheme of schemes) assert.ok(row.includes(`\`${scheme}\``), `${name}: the row names ${scheme}`);
  }
});

for (const { name, text, schemes } of PAGES) {
  test(`docs/targets/${name}.md has exactly the options of its schemes, with their defaults`, () => {
    const known: Readonly<Record<string, { readonly options: readonly string[] }>> = SCHEMES;
    const ofSchemes = schemes.flatMap((scheme) => known[scheme]?.options ?? []);
    const rows = optionsOf(text);
    const top = rows.map(([option]) => option).filter((option) => !option.includes("."));
    assert.deepEqual([...top].sort(), [...new Set([...ofSchemes, ...(FURTHER_OPTIONS[name] ?? [])])].sort());
    assert.equal(new Set(rows.map(([option]) => option)).size, rows.length, "no option twice");
    if (top.includes("tls")) {
      const ofTls = (options: Iterable<string>) => [...options].filter((option) => option.startsWith("tls.")).sort();
      assert.deepEqual(ofTls(rows.map(([option]) => option)), ofTls(KEYS.keys()), "every option of tls");
    }
    for (const [option, fallback] of rows) {
      assert.ok(KEYS.has(option), `${option} is a key of a check`);
      const expected = KEYS.get(option);
      if (expected === undefined) assert.notEqual(fallback, "", `${option} has a default`);
      else assert.equal(fallback, expected, `the default of ${option}`);
    }
  });

  test(`docs/targets/${name}.md has its parts, and reasons that exist`, () => {
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    const expected = ["When it passes", "Options", "Reasons", "Limits", "Examples"];
    assert.deepEqual(
      headings.filter((heading) => expected.includes(heading ?? "")),
      expected,
    );
    const reasons = reasonsOf(text);
    assert.deepEqual(
      reasons.filter((reason) => !Object.hasOwn(REASONS, reason)),
      [],
    );
  });
}

test("every key inside an option of a check stands on a page", () => {
  const documented = new Set(PAGES.flatMap(({ text }) => optionsOf(text).map(([option]) => option)));
  const isOfInstances = (key: string) => /^(?:instances|policy)\./.test(key);
  const inside = [...KEYS.keys()].filter((key) => key.includes(".") && key !== "expect.maxLatency");
  const nested = inside.filter((key) => !isOfInstances(key));
  assert.ok(nested.length > 10);
  assert.deepEqual(
    nested.filter((key) => !documented.has(key)),
    [],
  );
  assert.match(read("docs/targets.md"), /`expect\.maxLatency`/, "the option of every check");
  for (const key of inside.filter(isOfInstances)) {
    const word = key.slice(key.indexOf(".") + 1);
    assert.ok(new RegExp(`[\`{ ]${word}[:\`]`).test(read("docs/instances.md")), key);
  }
});

/** These are about the check or healthbridge, and no target gives them. */
const NOT_OF_TARGETS = ["prober-isolated", "partial", "stale", "pending", "initial", "changed"];

test("every reason of a target stands on a page or in a common table", () => {
  const documented = new Set([...PAGES.flatMap(({ text }) => reasonsOf(text)), ...reasonsOf(read("docs/targets.md"))]);
  const missing = Object.keys(REASONS).filter((reason) => !documented.has(reason));
  assert.deepEqual(missing.sort(), [...NOT_OF_TARGETS].sort());
});

test("docs/troubleshooting.md has every reason, with its meaning, how to see more, and what to change", () => {
  const page = read("docs/troubleshooting.md");
  const sections = [...page.matchAll(/^### `(.*)`\n\n(.*)\n\n([\s\S]*?)(?=\n##|$(?![\s\S]))/gm)];
  const meanings = Object.fromEntries(sections.map(([, code = "", meaning]) => [code, meaning]));
  const expected = Object.entries(REASONS).map(([code, text]) => [
    code,
    `${text.charAt(0).toUpperCase()}${text.slice(1)}.`,
  ]);
  assert.deepEqual(meanings, Object.fromEntries(expected));
  assert.equal(sections.length, expected.length, "no reason twice");
  for (const [, code, , body = ""] of sections)
    assert.deepEqual(
      [...body.matchAll(/^- \*\*([^*]+)\*\*: \S/gm)].map(([, part]) => part),
      ["Means", "See more", "Change"],
      code,
    );
});
