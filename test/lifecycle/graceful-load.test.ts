/** SIGTERM while clients call an application without a pause: no call fails before the drain delay is over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOADED_SERVERS, runGracefulLoad } from "./graceful-load.js";

for (const server of LOADED_SERVERS)
  test(`a SIGTERM under load fails no call before the drain delay is over (${server})`, async () => {
    const report = await runGracefulLoad({ server, checksPerSecond: 200, drainDelayMs: 1_500 });
    assert.deepEqual(report.failures, []);
    assert.deepEqual(report.statuses, new Set([1, 2]), "clients learn of it");
    const [before, during] = report.calls;
    assert(before > 50 && during > 100, `${report.calls} calls`);
    assert.equal(report.signal, "SIGTERM");
    assert.doesNotMatch(report.output, /given up|failed/);
  });
