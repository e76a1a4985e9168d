/**
 * A day of 1,000 targets, and shorter ones with seeds of chance: no false down, no false OK, every death seen in time.
 *
 * A seed that fails is named with the command that repeats it: `SIM_SEED=7 npm run test:sim`, with `SIM_TARGETS` and
 * `SIM_HOURS` for another size.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Day, type DayOptions, simulate } from "./day.js";

const HOURS_A_LINE = 4;

/** Lives a day and says how far it is. */
async function live(options: DayOptions): Promise<Day> {
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  const { seed, targets, hours } = options;
  const onHour = (hour: number) => {
    if (hour % HOURS_A_LINE === 0)
      process.stderr.write(
        `seed ${seed}, ${targets} targets: ${hour} of ${hours} simulated hours after ${seconds()} s\n`,
      );
  };
  return simulate({ ...options, onHour });
}

function judge(day: Day, { seed, targets, hours }: DayOptions): void {
  const again = `SIM_SEED=${seed} SIM_TARGETS=${targets} SIM_HOURS=${hours} npm run test:sim`;
  assert.deepEqual(day.faults, [], `${day.faults.length} faults; again: ${again}`);
  assert.ok(day.deaths > 0 && day.falls > day.deaths / 2, "targets died, and it was seen");
  assert.ok(day.stalls > 0, "our own loop stood still now and then");
}

const given = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

const fixed = {
  seed: given("SIM_SEED", 20_261_123),
  targets: given("SIM_TARGETS", 1_000),
  hours: given("SIM_HOURS", 24),
};

test(`${fixed.targets} targets over ${fixed.hours} hours, seed ${fixed.seed}`, async () => {
  const day = await live(fixed);
  judge(day, fixed);
  process.stderr.write(`${day.probes} probes, ${day.deaths} deaths, ${day.falls} falls, ${day.stalls} stalls\n`);
});

if (process.env.SIM_SEED === undefined) {
  for (let run = 0; run < 4; run += 1) {
    const options = { seed: Math.floor(Math.random() * 2 ** 32), targets: 25, hours: 24 };
    test(`${options.targets} targets over ${options.hours} hours, seed of chance ${options.seed}`, async () => {
      judge(await live(options), options);
    });
  }
}

test("the same seed lives the same day", async () => {
  const options = { seed: 7, targets: 10, hours: 6 };
  assert.deepEqual(await simulate(options), await simulate(options));
});
