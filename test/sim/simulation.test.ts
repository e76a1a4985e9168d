/**
 * A day of 1,000 targets, and days with many faults, few targets and random seeds: no false down, no false OK, every
 * failure published in time, no probe too early, too late or at the same time as another. CI has the first eight hours of
 * the day; `npm run proof -- sim` has all of it.
 *
 * For a seed that fails, the test prints the command that repeats the day, and the last events of the target.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { env, execPath } from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { notOutlive } from "../support/not-outlive.js";
import { type Day, type DayOptions, simulate } from "./day.js";

const MAX_DAY_MS = 15 * 60_000;

const LIVE = fileURLToPath(new URL("./live.ts", import.meta.url));

/** Simulates a day in a process of its own, and checks it. */
async function live({ seed, targets, hours, kind }: DayOptions): Promise<Day> {
  const repeat = `SIM_SEED=${seed} SIM_TARGETS=${targets} SIM_HOURS=${hours} SIM_KIND=${kind} npm run test:sim`;
  const args = ["--import", "tsx", LIVE, ...[seed, targets, hours, kind].map(String)];
  const child = spawn(execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: MAX_DAY_MS });
  notOutlive(child, () => child.kill("SIGKILL"));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.equal(code, 0, `the simulation failed; repeat it with: ${repeat}`);
  const day: Day = JSON.parse(output); // written by live.ts
  assert.ok(day.faults.length === 0, `repeat it with: ${repeat}\n${day.faults.join("\n")}`);
  return day;
}

/** The day that the environment asks for. */
function given(): DayOptions | undefined {
  const { SIM_SEED, SIM_TARGETS = "1000", SIM_HOURS = "24", SIM_KIND } = env;
  if (SIM_SEED === undefined) return undefined;
  const kind = SIM_KIND === "any" ? "any" : "usual";
  return { seed: Number(SIM_SEED), targets: Number(SIM_TARGETS), hours: Number(SIM_HOURS), kind };
}

/** `npm run proof -- sim` simulates the whole day. */
const HOURS = env.SIM_PROOF === "1" ? 24 : 8;

const FIXED: DayOptions = { seed: 20_261_123, targets: 1_000, hours: HOURS, kind: "usual" };

const requested = given();

if (requested !== undefined) {
  test(`${requested.targets} targets over ${requested.hours} hours, as configured`, async () => {
    await live(requested);
  });
} else {
  test(`${FIXED.targets} targets over ${FIXED.hours} hours: every status is right, in time`, async () => {
    const day = await live(FIXED);
    const part = HOURS / 24;
    assert.ok(day.probes > 8_000_000 * part && day.maxConcurrent === 256, "the day is large enough");
    assert.ok(
      day.downs > day.failures,
      "most failures were published, and so is a first probe of a target that is down",
    );
    assert.ok(
      day.stalls > 100 * part && day.silences > 8_000 * part,
      "the event loop was blocked, and probes were lost",
    );
  });

  for (let run = 1; run <= 4; run += 1) {
    const seed = Math.floor(Math.random() * 2 ** 32);
    test(`a day with many faults, 20 targets and random settings, run ${run}: every status is right, in time`, async () => {
      await live({ seed, targets: 20, hours: 24, kind: "any" });
    });
  }
}

test("the same seed gives the same day", async () => {
  const options: DayOptions = { seed: 7, targets: 10, hours: 3, kind: "any" };
  assert.deepEqual(await simulate(options), await simulate(options));
});
