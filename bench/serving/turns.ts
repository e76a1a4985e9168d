/**
 * All contenders are measured in each round, so that a slow minute of the machine affects all of them.
 */
import { type Figures, medians } from "../measuring/figures.js";
import type { BenchDeps } from "../measuring/report.js";
import type { Prepared } from "./contenders.js";

/** A contender that was built. */
export interface Ready extends Prepared {
  readonly name: string;
}

/** The results of one contender in all rounds. */
export interface Result {
  readonly name: string;
  readonly samples: readonly Figures[];
  readonly medians: Figures;
  /** The rounds that failed, with the reasons. */
  readonly faults: readonly string[];
}

/** Measures each contender in every round. When one fails, its round is lost and the others go on. */
export async function takeTurns(
  what: string,
  contenders: readonly Ready[],
  { rounds, say }: BenchDeps,
  measure: (contender: Ready) => Promise<Figures>,
): Promise<readonly Result[]> {
  const taken = contenders.map((contender) => ({ contender, samples: [] as Figures[], faults: [] as string[] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { contender, samples, faults } of taken) {
      say(`${what}, round ${round} of ${rounds}: ${contender.name}`);
      try {
        samples.push(await measure(contender));
      } catch (error) {
        faults.push(`${what}, round ${round}: ${reasonOf(error)}`);
      }
    }
  }
  return taken.map(({ contender, samples, faults }) => {
    return { name: contender.name, samples, medians: medians(samples), faults };
  });
}

/** A median of a contender; NaN without one. */
export function figureOf(results: readonly Result[], contender: string, figure: string): number {
  return results.find(({ name }) => name === contender)?.medians[figure] ?? Number.NaN;
}

/** The message of an error, in one line. */
export function reasonOf(error: unknown): string {
  const { message, stderr } = error as { readonly message?: string; readonly stderr?: string }; // of any thrown value
  return `${message ?? error} ${stderr ?? ""}`.replaceAll(/\s+/g, " ").trim().slice(0, 400);
}
