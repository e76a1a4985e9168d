/** docs/page.md: its snippets do what the page says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SORT_WORDS } from "../../src/transports/http/page/page-query.js";
import { parseConfig } from "../config/reading.js";
import { eventually } from "../support/eventually.js";
import { blocksOf } from "./pages.js";
import { testSnippets } from "./running-snippets.js";
import { readPage } from "./snippets.js";

const PAGE = "../page";

testSnippets(PAGE, {
  async attach({ port, output }) {
    const open = async (accept: string) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { accept, connection: "close" } });
      return response.text();
    };
    await eventually(async () => (await open("*/*").catch(() => "")) === "application", `it serves: ${output()}`);
    assert.match(await open("text/html"), /data-name="orders" data-status="SERVING"/);
  },
});

test("the configuration of the page names the groups of its checks", () => {
  const [text = ""] = blocksOf(readPage(PAGE), "yaml");
  const { checks } = parseConfig("docs/page.md", text, {});
  assert.deepEqual(
    checks.map(({ name, options }) => [name, options.group]),
    [
      ["redis", "Storage"],
      ["postgres", "Storage"],
    ],
  );
});

test("every order of the overview is in the page", () => {
  const [, row = ""] = /^\| (`sort=.*?) \|/m.exec(readPage(PAGE)) ?? [];
  assert.deepEqual(
    [...row.matchAll(/`(?:sort=)?(\w+)`/g)].map(([, name]) => name),
    Object.keys(SORT_WORDS),
  );
});
