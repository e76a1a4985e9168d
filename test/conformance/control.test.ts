/**
 * Shows that the suite bites: run against grpc-health-check, the rows marked † in docs/conformance.md must fail, and
 * rows that it is known to satisfy must pass.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const CONTROL = fileURLToPath(new URL("node-off.control.ts", import.meta.url));

const FAILS = ["A1", "A16", "A28", "A35", "A40", "A43", "A47", "A57", "A60", "A78", "B1", "B2", "B3", "B4", "B6"];
const PASSES = [
  "A2",
  "A3",
  "A4",
  "A5",
  "A7",
  "A8",
  "A10",
  "A12",
  "A15",
  "A23",
  "A25",
  "A26",
  "A27",
  "A31",
  "A32",
  "A38",
  "A61",
];

/** Whether each row's tests all passed. */
async function runControl(): Promise<ReadonlyMap<string, boolean>> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, [...process.execArgv, "--test-reporter=tap", CONTROL], {
    env: { ...env, TEST_PATIENCE_MS: "5000" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  await new Promise((resolve) => child.once("close", resolve));
  const rows = new Map<string, boolean>();
  for (const [, not, numbers = ""] of output.matchAll(/^ *(not )?ok \d+ - .*\[([AB]\d+(?:, [AB]\d+)*)\]/gm)) {
    for (const row of numbers.split(", ")) rows.set(row, (rows.get(row) ?? true) && not === undefined);
  }
  return rows;
}

describe("against grpc-health-check", () => {
  let rows: ReadonlyMap<string, boolean> = new Map();
  before(async () => {
    rows = await runControl();
  });
  for (const row of FAILS) test(`row ${row} fails`, () => assert.equal(rows.get(row), false));
  for (const row of PASSES) test(`row ${row} passes`, () => assert.equal(rows.get(row), true));
});
