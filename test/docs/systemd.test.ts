/** docs/deploy/systemd.md: what can be read without a machine. test/interop/systemd runs its commands and configurations. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseConfig } from "../config/reading.js";
import { block } from "../interop/systemd/page.js";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

const UNIT = read("deploy/systemd/healthbridge.service");
const PAGE = read("docs/deploy/systemd.md");

test("each setting of the unit that the page explains is in the unit", () => {
  const [, table = ""] = /\| setting \| why \|\n([\s\S]*?)\n\n/.exec(PAGE) ?? [];
  const settings = [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = ""]) => [
    ...cell.matchAll(/`(\w+=[^`]*)`/g),
  ]);
  assert.ok(settings.length > 15);
  const lines = UNIT.split("\n");
  for (const [, setting = ""] of settings) assert.ok(lines.includes(setting), setting);
});

test("the package of the page is that of this version, and its script exists", () => {
  const { version, scripts } = JSON.parse(read("package.json"));
  const commands = block("package", "sh");
  assert.match(commands, new RegExp(`build/healthbridge_${version}_amd64\\.deb`));
  for (const [, name = ""] of commands.matchAll(/npm run (\w+)/g)) assert.ok(scripts[name] !== undefined, name);
});

test("the configuration of the package is valid, without a warning", () => {
  const { warnings, listen, control } = parseConfig("healthbridge.yaml", read("deploy/systemd/healthbridge.yaml"), {});
  assert.deepEqual([warnings, listen, control], [[], [":50051", ":8080"], "/run/healthbridge/healthbridge.sock"]);
});
