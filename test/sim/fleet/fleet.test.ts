/**
 * Fleets with many faults: each promise of a fleet holds. A seed that fails is printed with the command that repeats it, the
 * votes on the check, and the last faults.
 */
import assert from "node:assert/strict";
import { env } from "node:process";
import { test } from "node:test";
import { runFleets } from "./runs.js";
import { simulateFleet } from "./simulate.js";

const { SIM_SEED, SIM_MEMBERS = "5", SIM_CHECKS = "40", SIM_SECONDS = "60", SIM_HEARTBEATS = "0" } = env;

const size = {
  ...{ members: Number(SIM_MEMBERS), checks: Number(SIM_CHECKS), seconds: Number(SIM_SECONDS) },
  heartbeats: Number(SIM_HEARTBEATS),
};

/** Fleets whose heartbeats are judged, in CI. */
const WITH_HEARTBEATS = { seed: 1, runs: 20, members: 5, checks: 4, seconds: 60, heartbeats: 8 };

/** Runs in CI, with the same faults each time. `npm run proof -- fleet sim` draws others. */
const SEEDS = 20;
const FIRST_SEED = 1;

if (SIM_SEED !== undefined) {
  test(`the fleet of seed ${SIM_SEED} holds its promises [F21]`, async () => {
    await runFleets({ ...size, seed: Number(SIM_SEED), runs: 1 }, ({ faults }) => assert.deepEqual(faults, []));
  });
} else {
  test(`${SEEDS} fleets with random faults hold their promises [F21]`, async () => {
    const struck = new Set<string>();
    const failed: string[] = [];
    let results = 0;
    await runFleets({ ...size, seed: FIRST_SEED, runs: SEEDS }, (run) => {
      for (const kind of Object.keys(run.struck)) struck.add(kind);
      results += run.totals.results;
      if (run.faults.length > 0) failed.push(`repeat it with: ${run.repeat}\n${run.faults.join("\n")}`);
    });
    assert.ok(failed.length === 0, failed.join("\n\n"));
    assert.ok(struck.size >= 15 && results > 20_000, "the runs have faults and probes enough");
  });
}

test(`${WITH_HEARTBEATS.runs} fleets with random faults tell their heartbeats as they are [F24]`, async () => {
  let reports = 0;
  const failed: string[] = [];
  await runFleets(WITH_HEARTBEATS, (run) => {
    reports += run.struck.report ?? 0;
    if (run.faults.length > 0) failed.push(`repeat it with: ${run.repeat}\n${run.faults.join("\n")}`);
  });
  assert.deepEqual(failed, []);
  assert.ok(reports > 1_000, "the jobs report enough");
});

test("the same seed gives the same fleet", async () => {
  const options = { seed: 7, members: 3, checks: 10, seconds: 30 };
  assert.deepEqual(await simulateFleet(options), await simulateFleet(options));
});
