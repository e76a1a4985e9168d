/** Each package that the single executable contains comes with the text of its licence. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { licencesOf } from "../../scripts/licences.js";
import { bundlePackages, EXECUTABLE_PACKAGES } from "../../scripts/sea/packages.js";

test("each package of the executable has a copyright notice and the text of its licence", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const texts = licencesOf(await bundlePackages(join(folder, "packages.cjs"))).split(/^-{80}$/m);
  for (const name of EXECUTABLE_PACKAGES) {
    const text = texts.find((each) => each.trim().startsWith(`${name} `)) ?? "";
    assert.match(text, /Copyright|Apache License/i, name);
    assert.match(text, /WITHOUT WARRANT/i, name);
  }
});
