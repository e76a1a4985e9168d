/** docs/fleet.md: its file is valid with a secret, and its tables have the keys and defaults of the configuration. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { read } from "../config/reading.js";
import { configKeys } from "../support/config-table.js";
import { ALL_PAGES } from "./markdown.js";
import { path } from "./snippets.js";

const PAGE = readFileSync(path("docs/fleet.md"), "utf8");
const BLOCKS = ALL_PAGES.find((page) => page.path === "docs/fleet.md")?.blocks ?? [];
const FLEET_FILE = BLOCKS.find((block) => block.name === "fleet file")?.code ?? "";

/** A file of the page, with a secret of its own. */
function file(t: TestContext, code = FLEET_FILE, secretFile = "/run/secrets/fleet"): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const secret = join(folder, "secret");
  writeFileSync(secret, "0123456789abcdef", { mode: 0o600 });
  return code.replace(secretFile, secret);
}

describe("docs/fleet.md", () => {
  test("the file is valid with its secret, and refused without", (t) => {
    const { fleet, checks } = read(file(t), { FLEET_PASSWORD: "p" });
    assert.deepEqual([fleet?.name, fleet?.store.label], ["prod", "redis://redis:6379"]);
    assert.deepEqual(
      checks.map(({ name }) => [name, fleet?.sharing.get(name)]),
      ["orders", "shop"].map((name) => [name, { scope: "shared", copies: 2, agree: 2 }]),
    );
    const without = file(t).replace(/ {2}secretFile: .*\n/, "");
    assert.throws(() => read(without, { FLEET_PASSWORD: "p" }), /fleet: needs secretFile/);
  });

  test("one file makes three members on one machine, each with its own name, address and socket", (t) => {
    const { code = "" } = BLOCKS.find((block) => block.name === "fleet on one machine") ?? {};
    const text = file(t, code, "fleet-secret");
    const members = ["1", "2", "3"].map((N) => read(text, { N }));
    assert.deepEqual(
      members.map(({ fleet, control, checks }) => [
        fleet?.member,
        control,
        fleet?.sharing.get(checks[0]?.name ?? "")?.scope,
      ]),
      ["1", "2", "3"].map((n) => [`m${n}`, `/tmp/fleet-${n}.sock`, "shared"]),
    );
    assert.equal(new Set(members.map(({ listen }) => JSON.stringify(listen))).size, 3);
  });

  test("each key of a fleet and of its checks stands in a table", () => {
    const keys = configKeys().flatMap(([key]) => /^(?:fleet|checks\.NAME)\.(\w+)$/.exec(key)?.[1] ?? []);
    const ofFleet = configKeys()
      .filter(([key]) => /^fleet\.\w+$/.test(key))
      .map(([key]) => key.slice(6));
    for (const key of [...ofFleet, "scope", "copies", "agree"]) {
      assert.ok(keys.includes(key), key);
      assert.match(PAGE, new RegExp(`^\\| (?:\`\\w+\`, )*\`${key}\``, "m"), key);
    }
  });
});
