/** What docs/ says equals the code: tables of keys and reasons, and every configuration. The pages of targets: test/docs. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { REASONS } from "../src/core/reasons.js";
import { parseConfig } from "./config/reading.js";
import { PROOFS } from "./proof/proofs.js";
import { appliedOf, configKeys } from "./support/config-table.js";
import { tableOf } from "./support/readme.js";

const read = (name: string) => readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8");
const CHECKS = read("checks.md");
const CONFIGURATION = read("configuration.md");

test("every key of the configuration is documented, with its meaning and when a change applies", () => {
  const expected = configKeys().map(([path, meaning]) => [`\`${path}\``, meaning, appliedOf(path)]);
  assert.deepEqual(tableOf(CONFIGURATION, "keys"), expected);
});

test("every reason is documented, with its meaning", () => {
  const expected = Object.entries(REASONS).map(([reason, meaning]) => [`\`${reason}\``, meaning]);
  assert.deepEqual(tableOf(CHECKS, "reasons"), expected);
});

test("every channel is documented", () => {
  const source = readFileSync(new URL("../src/core/channels.ts", import.meta.url), "utf8");
  const names = [...source.matchAll(/channel\("([^"]+)"\)/g)].map(([, name]) => `\`${name}\``);
  assert.deepEqual(
    tableOf(read("channels.md"), "channels").map(([name]) => name),
    names,
  );
});

test("every event of the log is documented", () => {
  const folders = ["cli", "daemon", "telemetry"].map((room) => new URL(`../src/${room}/`, import.meta.url));
  const source = folders
    .flatMap((folder) => {
      const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
      return files.map((file) => readFileSync(new URL(file, folder), "utf8"));
    })
    .join("\n");
  const written = [/\.write\("(?:info|warn|error)", "([a-z-]+)"/g, /\bevent: "([a-z-]+)"/g, /\bevent = "([a-z-]+)"/g];
  const events = new Set(
    written.flatMap((pattern) => [...source.matchAll(pattern)].map(([, event]) => `\`${event}\``)),
  );
  const rows = tableOf(read("logging.md"), "events").map(([event = ""]) => event);
  assert.deepEqual([...rows].sort(), [...events].sort());
});

test("every configuration in checks.md and configuration.md is valid", () => {
  const environment = { REDIS_PASSWORD: "x" };
  const texts = [CHECKS, CONFIGURATION].flatMap((text) => [...text.matchAll(/```yaml\n([\s\S]*?)```/g)]);
  assert.ok(texts.length >= 3);
  for (const [, text = ""] of texts) assert.ok(parseConfig("docs", text, environment).checks.length > 0, text);
});

test("every proof is documented, with what it proves", () => {
  const expected = Object.entries(PROOFS).map(([area, { proves }]) => [`\`${area}\``, plain(proves)]);
  const rows = tableOf(read("proofs.md"), "proofs").map(([area = "", proves = ""]) => [area, plain(proves)]);
  assert.deepEqual(rows, expected);
});

/** The text without links. */
const plain = (text: string) => text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
