/** The guide for Celery: its configurations are valid, and its alerts and queries use what exists. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { METRICS } from "../../src/telemetry/metric-table.js";
import { parseConfig } from "../config/reading.js";
import { blocksOf } from "./pages.js";

const page = readFileSync(new URL("../../docs/celery.md", import.meta.url), "utf8");
const rules = readFileSync(new URL("../../deploy/prometheus/healthbridge.rules.yml", import.meta.url), "utf8");

test("each configuration of the guide is valid, and the first has one service over all that fails together", () => {
  const environment = { REDIS_PASSWORD: "x", FLOWER_PASSWORD: "x", HEARTBEAT_TOKEN: "0123456789abcdef" };
  const configurations = blocksOf(page, "yaml").filter((text) => text.startsWith("checks:"));
  assert.equal(configurations.length, 2);
  const [first] = configurations.map((text) => parseConfig("docs/celery.md", text, environment));
  const checks = first?.checks.map(({ name }) => name);
  assert.deepEqual(
    first?.services.filter(({ name }) => name !== "").map(({ name, members }) => [name, members]),
    [["celery", checks]],
  );
});

test("each alert and each metric of the guide exists", () => {
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const named = [...page.matchAll(/Healthbridge[A-Z]\w+/g)].map(([name]) => name);
  assert.ok(named.length > 4);
  for (const name of named) assert.ok(alerts.includes(name), name);
  const metrics: readonly string[] = Object.values(METRICS).map(({ name }) => name);
  for (const [name] of page.matchAll(/\b(?:grpc_health|healthbridge)_\w+/g)) assert.ok(metrics.includes(name), name);
});
