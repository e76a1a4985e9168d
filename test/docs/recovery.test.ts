/** docs/recovery.md: its configurations are valid, its script refuses hostile names, and what it names exists. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { formatDuration } from "../../src/core/duration.js";
import { RECOVERY_DEFAULTS } from "../../src/hooks/recovery-rules.js";
import { METRICS } from "../../src/telemetry/metric-table.js";
import { parseConfig } from "../config/reading.js";
import { blocksOf } from "./pages.js";

const page = readFileSync(new URL("../../docs/recovery.md", import.meta.url), "utf8");

test("each configuration is valid, without a warning", () => {
  const configurations = blocksOf(page, "yaml").filter((text) => text.startsWith("allowExec:"));
  assert.equal(configurations.length, 4);
  for (const text of configurations) {
    const { recovery, warnings } = parseConfig("docs/recovery.md", text, { FLOWER_PASSWORD: "x" });
    assert.ok(recovery.length > 0);
    assert.deepEqual(warnings, []);
  }
});

test("the defaults are those of the code", () => {
  const rows = [...page.matchAll(/\| `(\w+)`, ([\w.]+) \|/g)].map(([, key, value]) => [key, value]);
  const { afterMs, cooldownMs, maxRuns, windowMs, maxFailing, maxShare } = RECOVERY_DEFAULTS;
  assert.deepEqual(Object.fromEntries(rows), {
    after: formatDuration(afterMs),
    cooldown: formatDuration(cooldownMs),
    maxRuns: String(maxRuns),
    window: formatDuration(windowMs),
    maxFailing: String(maxFailing),
    maxShare: String(maxShare),
  });
});

test("the script restarts the unit of a worker, and refuses any other name", (t) => {
  const [script = ""] = blocksOf(page, "sh");
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "restart-worker"), script, { mode: 0o700 });
  writeFileSync(join(folder, "systemctl"), '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o700 });
  const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
  const run = (service: string) => {
    try {
      return execFileSync(join(folder, "restart-worker"), {
        env: { ...env, HEALTHBRIDGE_SERVICE: service },
        encoding: "utf8",
      });
    } catch {
      return "refused";
    }
  };
  assert.equal(run("celery.worker/mail@host-1"), "restart|celery-worker@mail.service|");
  for (const name of ["--now@host-1", "../x@h", "$(id)@h", "a b@h", "@host-1", "a;reboot@h", "*@h", "ä@h"])
    assert.equal(run(`celery.worker/${name}`), "refused", name);
});

test("each metric and each event of the page exists", () => {
  const metrics: readonly string[] = Object.values(METRICS).map(({ name }) => name);
  const named = [...page.matchAll(/\bhealthbridge_\w+/g)].map(([name]) => name);
  assert.ok(named.length >= 4);
  for (const name of named) assert.ok(metrics.includes(name), name);
  const logging = readFileSync(new URL("../../docs/logging.md", import.meta.url), "utf8");
  const events = [...page.matchAll(/^\| `(recovery-[\w-]+)`/gm)].map(([, event]) => event);
  assert.equal(events.length, 6);
  for (const event of events) assert.ok(logging.includes(`| \`${event}\` |`), event);
});
