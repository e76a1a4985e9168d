/**
 * A day of 1,000 targets, and rougher days of few with seeds of chance: no false down, no false OK, every death seen in
 * time, no probe too early, too late or beside another.
 *
 * A seed that fails is named with the command that lives the same day again, and the last events of the target.
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

/** Lives a day in a process of its own, and judges it. */
async function live({ seed, targets, hours, kind }: DayOptions): Promise<Day> {
  const again = `SIM_SEED=${seed} SIM_TARGETS=${targets} SIM_HOURS=${hours} SIM_KIND=${kind} npm run test:sim`;
  const args = ["--import", "tsx", LIVE, ...[seed, targets, hours, kind].map(String)];
  const child = spawn(execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: MAX_DAY_MS });
  notOutlive(child, () => child.kill("SIGKILL"));
  const [told, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.equal(code, 0, `the day did not end well; again: ${again}`);
  const day: Day = JSON.parse(told); // our own output
  assert.ok(day.faults.length === 0, `again: ${again}\n${day.faults.join("\n")}`);
  return day;
}

/** The day that somebody asks for. */
function given(): DayOptions | undefined {
  const { SIM_SEED, SIM_TARGETS = "1000", SIM_HOURS = "24", SIM_KIND } = env;
  if (SIM_SEED === undefined) return undefined;
  const kind = SIM_KIND === "any" ? "any" : "usual";
  return { seed: Number(SIM_SEED), targets: Number(SIM_TARGETS), hours: Number(SIM_HOURS), kind };
}

const FIXED: DayOptions = { seed: 20_261_123, targets: 1_000, hours: 24, kind: "usual" };

const wanted = given();

if (wanted !== undefined) {
  test(`${wanted.targets} targets over ${wanted.hours} hours, as configured`, async () => {
    await live(wanted);
  });
} else {
  test(`${FIXED.targets} targets over ${FIXED.hours} hours: every status is right, in time`, async () => {
    const day = await live(FIXED);
    assert.ok(day.probes > 8_000_000 && day.maxConcurrent === 256, "there was much to do");
    assert.ok(day.falls > day.deaths, "most deaths were seen, and a first look at a dead target is a fall too");
    assert.ok(day.stalls > 100 && day.silences > 8_000, "our own loop stood still, and probes were lost");
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
