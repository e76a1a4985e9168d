/**
 * Every row of the conformance tool has been seen breaking: a server that breaks exactly one row is claimed to break
 * exactly that row.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConformanceRow } from "../../src/conformance/row.js";
import { ROWS } from "../../src/conformance/table.js";
import { Health } from "../../src/index.js";
import { portOf } from "../support/port-of.js";
import { BREAKERS } from "./breakers.js";
import { BreakingProxy } from "./breaking-proxy.js";
import { breachesOf, explain, runTool } from "./tool.js";

/** Servers at the same time. */
const LANES = 10;

/** Rows whose server is no proxy before another one: they have a test of their own. */
const APART = ["tls-alpn"];

const rows = ROWS.filter(({ id }) => !APART.includes(id));

test("for every row there is a server that breaks it, and none for another row", () => {
  assert.deepEqual(Object.keys(BREAKERS).sort(), rows.map(({ id }) => id).sort());
});

const lanes = Array.from({ length: LANES }, (_, lane) => rows.filter((_row, index) => index % LANES === lane));

test("a server that breaks one row is claimed to break that row, and no other", {
  concurrency: LANES,
}, async (context) => {
  await Promise.all(
    lanes.map((lane, index) =>
      context.test(`lane ${index + 1}`, { concurrency: 1 }, async (inLane) => {
        for (const row of lane) await inLane.test(`${row.id}: ${row.rule}`, () => claimsExactly(row));
      }),
    ),
  );
});

async function claimsExactly(row: ConformanceRow): Promise<void> {
  const health = new Health();
  health.set("a.B", "SERVING");
  const server = await health.listen(["127.0.0.1:0"]);
  const proxy = await BreakingProxy.start(portOf(server), BREAKERS[row.id] ?? {});
  try {
    const results = await runTool(`127.0.0.1:${proxy.port}`, {
      changed: health,
      // a server that breaks a rule of silence does so within 140 ms
      times: { answerMs: 2_000, quietMs: 300 },
      // the server that dies does so before the last row
      onResult: (_result, count) => {
        if (row.id === "survives" && count === ROWS.length - 1) void proxy.stop();
      },
    });
    assert.deepEqual(breachesOf(results), [row.id], explain(results));
  } finally {
    if (row.id !== "survives") await proxy.stop();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
  }
}
