import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { PAGE_ASSETS } from "../../../../src/transports/http/page/assets.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test("the script has at most 24 KiB", () => {
  assert.ok(PAGE_ASSETS.script.text.length <= 24 * 1_024, `${PAGE_ASSETS.script.text.length} characters`);
});

test("the script and the style in the server are those of src/page (npm run build writes them)", () => {
  const folder = mkdtempSync(join(tmpdir(), "page-assets-"));
  try {
    const out = join(folder, "assets.ts");
    execFileSync(process.execPath, [here("../../../../scripts/page-assets.js"), out], { stdio: "pipe" });
    const committed = readFileSync(here("../../../../src/transports/http/page/assets.ts"), "utf8");
    assert.equal(committed, readFileSync(out, "utf8"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
