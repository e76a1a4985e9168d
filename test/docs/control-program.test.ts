/** docs/conformance-tool.md: its control program is one that `healthbridge conformance` can drive. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { run } from "../cli/program.js";
import { freePort } from "../support/free-port.js";
import { blocksOf } from "./pages.js";
import { path, SnippetFolder } from "./snippets.js";

const folder = new SnippetFolder();
after(() => folder.remove());

test("the control program of the page changes statuses, and every row on changes holds", async () => {
  const port = await freePort();
  const [code = ""] = blocksOf(readFileSync(path("docs/conformance-tool.md"), "utf8"), "js");
  const file = folder.write("server.mjs", code, { "127.0.0.1:50051": `127.0.0.1:${port}` });
  const control = `exec '${process.execPath}' --import tsx '${file}'`;
  const rows = ["set-check", "set-watch", "clear-check"].flatMap((id) => ["--only", id]);
  const { code: exit, stdout } = await run("conformance", `127.0.0.1:${port}`, "--control", control, ...rows);
  assert.equal(exit, 0, stdout);
  for (const row of ["set-check", "set-watch", "clear-check"]) assert.match(stdout, new RegExp(`^holds +${row}$`, "m"));
});
