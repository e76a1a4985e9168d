/** The API of the library changes only together with the page that describes it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./packed.js";

test("docs/api.md is the API of the build; after an intended change, run `npm run api` and commit the page", () => {
  const report = execFileSync(process.execPath, ["scripts/api-report.js"], { cwd: ROOT, encoding: "utf8" });
  assert.equal(readFileSync(join(ROOT, "docs/api.md"), "utf8"), report);
});
