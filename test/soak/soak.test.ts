/** Three minutes of the soak. `npm run soak -- --minutes 60` runs it for longer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf } from "./slope.js";
import { soak } from "./soak.js";

test("under load, faults and abuse: no stale SERVING, exact counts, no growth", async (t) => {
  const seed = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const minutes = Number(process.env.SOAK_MINUTES ?? 3);
  const { problems, counts, heap } = await soak({
    minutes,
    seed,
    onMinute: (minute) => t.diagnostic(JSON.stringify(minute)),
  });
  t.diagnostic(`seed ${seed}: ${JSON.stringify({ counts, heap })}`);
  assert.deepEqual(problems, []);
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 0, `no ${what}`);
});

test("a heap that grows by 10 MB a minute is seen, one that only breathes is not", () => {
  const samples = (growth: number) =>
    Array.from({ length: 180 }, (_, second) => ({ second, bytes: 20e6 + growth * second + (second % 7) * 2e6 }));
  const isGrowing = (growth: number) => {
    const { growthBytes, allowedBytes } = growthOf(samples(growth));
    return growthBytes > allowedBytes;
  };
  assert.deepEqual([isGrowing(0), isGrowing(10e6 / 60)], [false, true]);
});
