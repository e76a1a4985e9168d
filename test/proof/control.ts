/**
 * Drains and maintenance across kill -9 at random moments.
 *
 *     npm run proof -- control [--seed N] [--json]
 */
import { killRounds } from "../control/kill-rounds.js";
import type { Arguments } from "./arguments.js";

const ROUNDS = 200;

/** Kills the daemon 200 times. Returns whether nothing was lost and nothing invented. */
export async function proveControl({ seed = Math.floor(Math.random() * 2 ** 31), json }: Arguments): Promise<boolean> {
  const report = { seed, ...(await killRounds(ROUNDS, seed)) };
  const lines = [
    `seed ${seed}: ${report.rounds} rounds, ${report.answered} answered calls, ${report.cut} cut by the kill`,
    ...report.problems,
  ];
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${lines.join("\n")}\n`);
  return report.problems.length === 0 && report.rounds === ROUNDS;
}
