/** How long the fuzzers go on, and with what: `FUZZ_SECONDS=600 FUZZ_SEED=7 npm run test:fuzz`. */
import { env } from "node:process";

/** All parts together. */
const SECONDS = Number(env.FUZZ_SECONDS ?? 120);

/** The first seed; each round takes the next. */
const FIRST_SEED = Number(env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Runs rounds with seeds of their own for a share of the time, one at least. A failing one is reported with its seed. */
export async function fuzz(share: number, round: (seed: number) => Promise<void>): Promise<void> {
  const until = performance.now() + SECONDS * 1_000 * share;
  let seed = FIRST_SEED;
  do {
    try {
      await round(seed);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`again: FUZZ_SEED=${seed} FUZZ_SECONDS=1 npm run test:fuzz\n${what}`, { cause });
    }
    seed += 1;
  } while (performance.now() < until);
}
