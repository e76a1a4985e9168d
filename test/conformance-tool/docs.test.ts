/** docs/conformance-tool.md has every row, as the table of the tool has it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { GROUPS, ROWS } from "../../src/conformance/table.js";
import { tableOf } from "../support/readme.js";

const PAGE = readFileSync(new URL("../../docs/conformance-tool.md", import.meta.url), "utf8");

for (const [group, title] of Object.entries(GROUPS))
  test(`the table of ${title} has exactly the rows of the tool`, () => {
    assert.ok(PAGE.includes(`### ${title}\n`));
    const expected = ROWS.filter((row) => row.group === group).map(({ id, rule, severity, source, needsControl }) => [
      `\`${id}\`${needsControl === true ? " (control)" : ""}`,
      severity,
      rule,
      `[${source.title}](${source.url})`,
    ]);
    assert.deepEqual(tableOf(PAGE, `rows-${group}`), expected);
  });

test("every row has an id of its own, a whole sentence and a source with an address", () => {
  assert.equal(new Set(ROWS.map(({ id }) => id)).size, ROWS.length);
  for (const { id, rule, source } of ROWS) {
    assert.match(id, /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/);
    assert.match(rule, /^[A-Z].*\.$/, id);
    assert.match(source.url, /^https:\/\/(?:github\.com\/grpc|www\.rfc-editor\.org|protobuf\.dev)\//, id);
  }
});

test("the rows that the page names exist", () => {
  const [, broken = ""] = PAGE.split("## What servers break");
  const named = [...(broken.split("## Rows")[0]?.matchAll(/`([a-z0-9-]+)`/g) ?? [])].map(([, id]) => id ?? "");
  const known = ROWS.map(({ id }) => id);
  assert.ok(named.length > 10);
  for (const id of named.filter((each) => each !== "addToServer")) assert.ok(known.includes(id), id);
});
